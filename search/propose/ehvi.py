"""Noisy expected hypervolume improvement over functions drawn from Gaussian processes: the default.

1. After a design, Gaussian processes say what is believed of every loss and limit, over the whole tree (`_belief`).
2. A point's gain is the hypervolume that it is expected to add, over ``draws`` functions of the posterior (`_gain`),
   times the probability that its training succeeds (`_chance`; Gelbart, Snoek and Adams 2014).
3. The gain is climbed in the structured space (`_seek`).
4. Running trials and the points already picked are known to each draw, so a batch spreads.

Everything runs on one thread: the matrices are small, and proposals are the same on any number of cores.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from search.propose import generator, pending, points
from search.propose._belief import Belief, alone, believe
from search.propose._chance import Chance
from search.propose._gain import Gain
from search.propose._seek import STEPS, descending, pool, seek
from search.space import Params, Space
from search.trial import Trial

SPACE = {
    "start": {"low": 0, "high": 1000, "integer": True, "default": 0},
    "draws": {"low": 8, "high": 512, "integer": True, "default": 64},
}

KEPT = 256  # of the pool, for the rest of a batch
NEXT = 10  # steps of a climb for those


def propose(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    start: int = 0,
    draws: int = 64,
) -> list[Params]:
    """The next q params; ``reference`` (m,): the worst losses that count."""
    with alone():
        belief = believe(space, trials, q, seed=seed, reference=reference, start=start)
        if isinstance(belief, list):
            return belief
        rng = generator(seed, trials)
        gain = _gain(belief, reference, draws, rng)
        if waiting := pending(trials):
            gain = gain.after(belief.layout([trial.params for trial in waiting]))
        taken = {space.key(trial.params) for trial in points(trials)}
        return _pick(belief, gain, belief.likely, q, taken, rng)


def _gain(belief: Belief, reference: NDArray[np.float64], draws: int, rng: Generator) -> Gain:
    """What can be gained when what is known is the front's only source, and all that was seen tells of the losses."""
    stream = torch.Generator().manual_seed(int(rng.integers(2**62)))
    gain = Gain.over(
        belief.process.draw(draws, stream), draws, torch.from_numpy(reference), torch.from_numpy(belief.unit),
        inside=belief.inside, seed=int(rng.integers(2**32)),
    )  # fmt: skip
    known = len(belief.known)  # what was stopped is no model that could be on the front
    return gain.after(belief.at[:known]) if known else gain


def _pick(
    belief: Belief, gain: Gain, likely: Chance, q: int, taken: set[tuple[float, ...]], rng: Generator
) -> list[Params]:
    """q points, each of the largest gain times probability that is found after those before it."""

    def worth(at: Tensor) -> Tensor:
        return gain(at) + likely(at)

    layout = belief.layout
    found = pool(layout, [trial.params for trial in belief.front], rng)
    with torch.no_grad():
        at = layout(found)
        (length, feasible), hope = gain.rays(at), likely(at)
    picked: list[Params] = []
    while len(picked) < q:
        with torch.no_grad():
            values = gain.of(length, feasible) + hope
        if not picked and q > 1:  # what gains little now gains less later
            order = descending(values)[:KEPT]
            found, hope, values = [found[row] for row in order], hope[order], values[order]
            length, feasible = length[:, order], feasible[:, order]
        best = seek(layout, worth, found, values, taken, rng, steps=NEXT if picked else STEPS)
        taken.add(layout.space.key(best))
        picked.append(best)
        gain = gain.after(layout([best]))
    return picked
