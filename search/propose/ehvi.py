"""Noisy expected hypervolume improvement over functions drawn from Gaussian processes: the default.

1. After a design, Gaussian processes say what is believed of every loss and limit, over the whole tree (`_belief`).
2. A point's gain is the hypervolume that it is expected to add, over ``draws`` functions of the posterior (`_gain`),
   times the probability that its training succeeds (`_chance`; Gelbart, Snoek and Adams 2014).
3. The gain is climbed in the structured space (`_seek`).
4. Running trials and the points already picked are known to each draw, so a batch spreads; merged models that are
   there already count too, so training goes where merging does not reach.

Everything runs on one thread: the matrices are small, and proposals are the same on any number of cores.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from search.grammar.interest import Interest
from search.propose import generator, merges, pending, points
from search.propose._belief import Belief, alone, believe
from search.propose._draws import doubted, draw
from search.propose._features import Layout
from search.propose._gain import Gain
from search.propose._seek import (
    CLIMBERS,
    GENERATIONS,
    STEPS,
    Keys,
    Ranked,
    Worth,
    ascend,
    descending,
    evolve,
    pool,
    ranked,
)
from search.space import Params, Space
from search.trial import Trial, losses

SPACE = {
    "start": {"low": 0, "high": 1000, "integer": True, "default": 0},
    "draws": {"low": 8, "high": 512, "integer": True, "default": 64},
}

KEPT = 128  # of the pool
ROUNDS, EACH = 6, 3  # of a batch: at most, and of so many points at least
NEXT = 10  # steps of a climb in a batch


def propose(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    interest: Interest | None = None,
    earlier: Sequence[Sequence[Trial]] = (),
    start: int = 0,
    draws: int = 64,
) -> list[Params]:
    """The next q params; ``reference`` (m,): the worst losses that count."""
    with alone():
        belief = believe(
            space, trials, q, seed=seed, reference=reference, interest=interest, earlier=earlier, start=start
        )
        if isinstance(belief, list):
            return belief
        return pick(belief, trials, q, seed=seed, draws=draws, likely=belief.likely)


def pick(belief: Belief, trials: Sequence[Trial], q: int, *, seed: int, draws: int, likely: Worth) -> list[Params]:
    """q points that gain most; ``likely`` (c, f) -> (c,) is added to the logarithm of the gain."""
    rng = generator(seed, trials)
    stream = torch.Generator().manual_seed(int(rng.integers(2**62)))
    told = {name: torch.from_numpy(getattr(belief, name)) for name in ("reference", "unit", "weights")}
    drawn, start = draw(doubted(belief.process, stream), draws, stream), int(rng.integers(2**32))
    gain = Gain.over(lambda at: belief.seen.real(drawn(at)), draws, inside=belief.inside, seed=start, **told)
    # what was stopped is no model that could be on the front
    gain = gain.told(belief.seen.real(drawn.seen[:, : len(belief.known)]))
    if waiting := pending(trials):
        gain = gain.after(belief.layout([trial.params for trial in waiting]))
    if merged := merges(trials):
        gain = gain.beside(torch.from_numpy(losses(merged)))
    taken = {belief.layout.key(trial.params) for trial in points(trials)}
    return _rounds(belief, gain, likely, q, taken, rng)


def _rounds(
    belief: Belief, gain: Gain, likely: Worth, q: int, taken: set[tuple[float, ...]], rng: Generator
) -> list[Params]:
    """q points, in rounds: from a pool those that gain most one after another, which then climb together."""
    layout = belief.layout
    near, picked = pool(layout, [trial.params for trial in belief.front], rng), list[Params]()

    def worth(at: Tensor) -> Tensor:
        return gain(at) + likely(at)

    best, rounds = ranked(near, layout, worth), min(ROUNDS, -(-q // EACH))
    for turn in range(rounds):
        count = (q - len(picked)) // (rounds - turn)
        best = evolve(
            layout, worth, best.by(worth) if turn else best, rng, generations=GENERATIONS if not turn else 1, kept=KEPT
        )
        starts = greedy(layout, gain, likely, best, count, set()) if count > 1 else best.points
        steps = STEPS if q == 1 else NEXT
        high = ascend(layout, worth, starts[: max(count, CLIMBERS)], rng, steps=steps)
        chosen = greedy(layout, gain, likely, high, count, taken)
        taken |= {layout.key(params) for params in chosen}
        picked += chosen
        gain = gain.after(layout(chosen))
    return picked


def greedy(layout: Layout, gain: Gain, likely: Worth, found: Ranked, q: int, taken: Keys) -> list[Params]:
    """q of the points, each of the largest gain times probability after those before it."""
    chosen, several = dict[int, tuple[float, ...]](), found.points
    with torch.no_grad():
        (length, feasible), hope = gain.rays(found.at), likely(found.at)
        while len(chosen) < min(q, len(several)):
            left = [row for row in descending(gain.of(length, feasible, soft=False) + hope) if row not in chosen]
            used = {*taken, *chosen.values()}
            row = next((row for row in left if layout.key(several[row]) not in used), left[0])
            chosen[row] = layout.key(several[row])
            gain = gain.extended(length[:, row : row + 1], feasible[:, row : row + 1])
    return [several[row] for row in chosen]
