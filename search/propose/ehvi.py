"""Noisy expected hypervolume improvement over functions drawn from Gaussian processes: the default.

1. The first points are a Sobol sequence: ``start`` of them, or for 0 two more than the space has columns, at least 6
   and at most 20. Trials that run are counted, so a first batch is one design.
2. A Gaussian process is fitted to each loss and to each violation (`_posterior`), over the space's features: a choice
   is one-hot, weights are themselves, what is inactive is constant. Trials that diverged or ran out of memory have no
   losses, but they make one more violation, so the search keeps away from them.
3. A point's gain is the hypervolume that it is expected to add, over ``draws`` functions of the posterior (`_gain`).
4. The gain is climbed in the structured space: from Sobol points and mutations of the front, along the slope of what
   is continuous (`_climb`) and by mutation of everything.
5. Running trials and the points already picked are known to each draw, so a batch spreads.

A loss beyond the reference is of no interest, and it may be so huge that it hides the front from the model. So what
lies beyond the reference, or beyond the median where that is further, is bent under a ceiling as far above as the
best is below. Everything runs on one thread: the matrices are small, and proposals are the same on any number of cores.
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
from search.propose import generator, observed, pending, points, sobol
from search.propose._climb import climb, features
from search.propose._gain import Gain
from search.propose._posterior import Draws, draw
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
AVOIDED = ("diverged", "out_of_memory")


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
    design = start or min(max(space.width + 2, 6), 20)
    if len(points(trials)) < design or 2 * len(known) < min(design, MOST):
        return sobol.propose(space, trials, q, seed=seed, reference=reference)
    failed = [trial for trial in points(trials) if trial.failure and trial.failure.cause in AVOIDED][-MOST:]
    taken = {space.key(trial.params) for trial in points(trials)}
    rng = generator(seed, trials)
    with _alone(rng):
        try:
            gain = _gain(space, known, failed, np.asarray(reference), draws)
        except UNFIT:
            return [_neighbour(space, _front(known), rng) for _ in range(q)]
        if waiting := pending(trials):
            gain = gain.after(features(space, [trial.params for trial in waiting]))
        return _pick(space, gain, _front(known), q, taken, rng)


def _recent(known: list[Trial]) -> list[Trial]:
    """At most MOST of the trials: the front, then the most recent; in the order of the study."""
    if len(known) <= MOST:
        return known
    best = {trial.number for trial in _front(known)[-MOST:]}
    rest = [trial.number for trial in known if trial.number not in best]
    kept = best | set(rest[len(best) - MOST :] if len(best) < MOST else ())
    return [trial for trial in known if trial.number in kept]


def _front(known: Sequence[Trial]) -> list[Trial]:
    """The feasible front, or where nothing is feasible the trials of the least violation."""
    mask, _ = dominance.feasible_front(losses(known), violations(known))
    return [trial for trial, is_best in zip(known, mask, strict=True) if is_best]


def _neighbour(space: Space, front: Sequence[Trial], rng: Generator) -> Params:
    """Without a model: as often a mutation of the front as a sample."""
    params = front[int(rng.integers(len(front)))].params
    return space.mutate(params, rng) if rng.random() < 0.5 else space.sample(rng)


def _gain(space: Space, known: list[Trial], failed: list[Trial], reference: NDArray[np.float64], draws: int) -> Gain:
    """What can be gained when ``known`` is all that is known."""
    found, limits = losses(known), violations(known)
    knee = np.maximum(reference, np.median(found, axis=0))
    stretch, beyond = _positive(knee - found.min(axis=0)), np.maximum(found - knee, 0.0)
    bent = np.minimum(found, knee) + beyond / (1.0 + beyond / stretch)
    usual = _positive(np.median(np.abs(limits), axis=0))
    signed = np.sign(limits) * np.log1p(np.abs(limits) / usual)
    seen = features(space, [trial.params for trial in known])
    paths = draw(seen, torch.from_numpy(np.concatenate([bent, signed], axis=1)), draws)
    if failed:
        paths = _with_failures(paths, seen, features(space, [trial.params for trial in failed]), draws)
    feasible = (limits <= 0).all(axis=1)
    inside = bool(((found < reference).all(axis=1) & feasible).any())
    unit = reference - found[feasible].min(axis=0) if inside else _positive(bent.std(axis=0))
    return Gain.over(paths, draws, torch.from_numpy(reference), torch.from_numpy(unit), inside=inside).after(seen)


def _positive(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """``lengths`` to divide by: 1 for 0."""
    return np.where(lengths > 0, lengths, 1.0)


def _with_failures(paths: Draws, good: Tensor, bad: Tensor, draws: int) -> Draws:
    """``paths`` with one more violation: 1 where training failed, -1 where it did not."""
    label = torch.ones(len(good) + len(bad), 1, dtype=torch.float64)
    label[: len(good)] = -1.0
    fate = draw(torch.cat([good, bad]), label, draws)
    return lambda at: torch.cat([paths(at), fate(at)], dim=2)


def _pick(
    space: Space, gain: Gain, front: Sequence[Trial], q: int, taken: set[tuple[float, ...]], rng: Generator
) -> list[Params]:
    """q points, each of the largest gain that is found after those before it."""
    pool = [space.decode(unit) for unit in sobol.cube(space.width, GLOBAL, seed=int(rng.integers(2**32)))]
    for index in range(LOCAL):
        scale = SCALES[index // len(front) % len(SCALES)]
        pool.append(space.mutate(front[index % len(front)].params, rng, scale=scale))
    pool = [params for params in pool if space.key(params) not in taken] or pool
    with torch.no_grad():
        length, feasible = gain.rays(features(space, pool))
    picked: list[Params] = []
    while len(picked) < q:
        with torch.no_grad():
            order = _descending(gain.of(length, feasible))
        if not picked and q > 1:  # what gains little now gains less later
            order = order[:KEPT]
            pool, length, feasible = [pool[row] for row in order], length[:, order], feasible[:, order]
            order = list(range(len(pool)))
        climbers = climb(space, [pool[row] for row in order[:CLIMBERS]], gain, steps=NEXT if picked else FIRST)
        for _ in range(ROUNDS):
            climbers += [space.mutate(climbers[i % 2], rng, scale=SCALES[i % 3] / 2) for i in range(MUTANTS)]
            with torch.no_grad():
                climbers = [climbers[row] for row in _descending(gain(features(space, climbers)))]
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
