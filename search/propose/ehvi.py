"""Noisy expected hypervolume improvement over functions drawn from Gaussian processes: the default.

1. The first points are a Sobol sequence: ``start`` of them, or for 0 two more than the space has columns, at least 6
   and at most 20. Trials that run are counted, so a first batch is one design. If by then more trials diverged or ran
   out of memory than did not, the points are instead likely to succeed and far from all trials (`_away`).
2. A Gaussian process is fitted to each loss and to each violation (`_posterior`), over the space's features: a choice
   is one-hot, weights are themselves, what is inactive is constant. Stopped and running trials count with what is
   expected of them (`_learnt`).
3. A point's gain is the hypervolume that it is expected to add, over ``draws`` functions of the posterior (`_gain`),
   times the probability that its training succeeds (`_chance`; Gelbart, Snoek and Adams 2014), which is learned
   from the trials that failed and from those that have losses, of whatever rung.
4. The gain is climbed in the structured space: from Sobol points and mutations of the front, along the slope of what
   is continuous (`_climb`) and by mutation of everything.
5. Running trials and the points already picked are known to each draw, so a batch spreads.

Everything runs on one thread: the matrices are small, and proposals are the same on any number of cores.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from botorch.exceptions.errors import BotorchError, ModelFittingError
from botorch.exceptions.warnings import BotorchWarning
from gpytorch.utils.warnings import GPInputWarning
from linear_operator.utils.errors import NanError, NotPSDError
from linear_operator.utils.warnings import NumericalWarning
from numpy.random import Generator
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from search.pareto import dominance
from search.propose import alive, generator, observed, pending, points, ruined, sobol
from search.propose._away import away
from search.propose._chance import Chance, chance
from search.propose._climb import climb, features
from search.propose._gain import Gain
from search.propose._learnt import Learnt, learnt, positive
from search.propose._posterior import draw
from search.space import Params, Space
from search.trial import Trial, losses, violations

SPACE = {
    "start": {"low": 0, "high": 1000, "integer": True, "default": 0},
    "draws": {"low": 8, "high": 512, "integer": True, "default": 64},
}

MOST = 400  # trials that a model is fitted to; its cost grows with their cube
GLOBAL, LOCAL, KEPT = 512, 256, 256  # candidates over the space and around the front; of them for the rest of a batch
SCALES = (0.02, 0.05, 0.1, 0.3)  # of mutations
CLIMBERS, FIRST, NEXT = 6, 25, 10  # points that climb, steps for the first and for the other points of a batch
MUTANTS, ROUNDS = 32, 2
UNFIT = (BotorchError, ModelFittingError, NotPSDError, NanError, torch.linalg.LinAlgError)  # type: ignore[attr-defined]


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
    known = _recent(observed(trials))
    failed, good = ruined(trials), alive(trials)
    design = start or min(max(space.width + 2, 6), 20)
    others = [trial for trial in alive(trials, ended=False) if trial.loss_curve][-max(MOST - len(known), 1) :]
    early = len(points(trials)) < design or 2 * (len(known) + len(others)) < min(design, MOST)
    if early and (len(failed) <= len(good) or not space.width):
        return sobol.propose(space, trials, q, seed=seed, reference=reference)
    tried = sorted([*good, *failed], key=lambda trial: trial.number)[-MOST:]
    taken = {space.key(trial.params) for trial in points(trials)}
    rng = generator(seed, trials)
    with _alone(rng):
        try:
            likely = chance(_features(space, tried), torch.tensor([trial.failure is None for trial in tried]))
            if early:
                return away(space, trials, q, likely, rng)
            seen = learnt(known, others, reference)
            best = _front(known) if 2 * len(known) >= design else _expected(seen, len(reference))
            gain = _gain(space, known, seen, np.asarray(reference), draws)
        except UNFIT:
            return [_neighbour(space, _front(known), rng) for _ in range(q)]
        if waiting := pending(trials):
            gain = gain.after(_features(space, waiting))
        return _pick(space, gain, likely, best, q, taken, rng)


def _features(space: Space, trials: Sequence[Trial]) -> Tensor:
    return features(space, [trial.params for trial in trials])


def _recent(known: list[Trial]) -> list[Trial]:
    """At most MOST of the trials: the front, then the most recent; in the order of the study."""
    if len(known) <= MOST:
        return known
    best = {trial.number for trial in _front(known)[-MOST:]}
    rest = [trial.number for trial in known if trial.number not in best]
    kept = best | set(rest[len(best) - MOST :] if len(best) < MOST else ())
    return [trial for trial in known if trial.number in kept]


def _front(known: Sequence[Trial]) -> list[Trial]:
    """The feasible front, or where nothing is feasible the trials of the least violation; none of none."""
    if not known:
        return []
    mask, _ = dominance.feasible_front(losses(known), violations(known))
    return [trial for trial, is_best in zip(known, mask, strict=True) if is_best]


def _expected(seen: Learnt, m: int) -> list[Trial]:
    """The front of what is expected of all trials: while few have ended it says where to look."""
    mask = dominance.is_nondominated(seen.values[:, :m])
    return [trial for trial, is_best in zip(seen.trials, mask, strict=True) if is_best]


def _neighbour(space: Space, front: Sequence[Trial], rng: Generator) -> Params:
    """Without a model: as often a mutation of the front, if there is one, as a sample."""
    if not front:
        return space.sample(rng)
    params = front[int(rng.integers(len(front)))].params
    return space.mutate(params, rng) if rng.random() < 0.5 else space.sample(rng)


def _gain(space: Space, known: list[Trial], seen: Learnt, reference: NDArray[np.float64], draws: int) -> Gain:
    """What can be gained when ``known`` is the front's only source, and all that was ``seen`` tells of the losses."""
    found, feasible = losses(known), (violations(known) <= 0).all(axis=1)
    if not known:  # nothing has ended yet
        found, feasible = seen.values[:, : len(reference)], np.ones(len(seen.trials), dtype=np.bool_)
    variances = None if seen.variances is None else torch.from_numpy(seen.variances)
    at = _features(space, seen.trials)
    paths = draw(at, torch.from_numpy(seen.values), draws, variances)
    inside = bool(((found < reference).all(axis=1) & feasible).any())
    spread = seen.values[: len(found), : len(reference)].std(axis=0)
    unit = reference - found[feasible].min(axis=0) if inside else positive(spread)
    gain = Gain.over(paths, draws, torch.from_numpy(reference), torch.from_numpy(unit), inside=inside)
    return gain.after(at[: len(known)]) if known else gain  # what was stopped is no model that could be on the front


def _pick(
    space: Space,
    gain: Gain,
    likely: Chance,
    front: Sequence[Trial],
    q: int,
    taken: set[tuple[float, ...]],
    rng: Generator,
) -> list[Params]:
    """q points, each of the largest gain times probability that is found after those before it."""

    def worth(at: Tensor) -> Tensor:
        return gain(at) + likely(at)

    pool = [space.decode(unit) for unit in sobol.cube(space.width, GLOBAL, seed=int(rng.integers(2**32)))]
    for index in range(LOCAL):
        scale = SCALES[index // len(front) % len(SCALES)]
        pool.append(space.mutate(front[index % len(front)].params, rng, scale=scale))
    pool = [params for params in pool if space.key(params) not in taken] or pool
    with torch.no_grad():
        at = features(space, pool)
        (length, feasible), hope = gain.rays(at), likely(at)
    picked: list[Params] = []
    while len(picked) < q:
        with torch.no_grad():
            order = _descending(gain.of(length, feasible) + hope)
        if not picked and q > 1:  # what gains little now gains less later
            order = order[:KEPT]
            pool, hope = [pool[row] for row in order], hope[order]
            length, feasible = length[:, order], feasible[:, order]
            order = list(range(len(pool)))
        climbers = climb(space, [pool[row] for row in order[:CLIMBERS]], worth, steps=NEXT if picked else FIRST)
        for _ in range(ROUNDS):
            climbers += [space.mutate(climbers[i % 2], rng, scale=SCALES[i % 3] / 2) for i in range(MUTANTS)]
            with torch.no_grad():
                climbers = [climbers[row] for row in _descending(worth(features(space, climbers)))]
        best = next((params for params in climbers if space.key(params) not in taken), climbers[0])
        taken.add(space.key(best))
        picked.append(best)
        gain = gain.after(features(space, [best]))
    return picked


def _descending(values: Tensor) -> list[int]:
    rows: list[int] = torch.argsort(values, descending=True, stable=True).tolist()
    return rows


@contextmanager
def _alone(rng: Generator) -> Iterator[None]:
    """One thread, torch's random stream set aside, and no word of what numerics do about nearly singular matrices."""
    threads = torch.get_num_threads()
    with threadpool_limits(1), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        for category in (BotorchWarning, NumericalWarning, GPInputWarning):
            warnings.simplefilter("ignore", category)
        torch.default_generator.manual_seed(int(rng.integers(2**62)))  # torch.manual_seed would reach CUDA's too
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
