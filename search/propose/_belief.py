"""What the trials so far tell a proposer with a model: processes of the losses, where training succeeds, the front.

1. The first points are a design (`_design`): ``start`` of them, or for 0 two more than the space has columns, at least
   6 and at most 20. Trials that run are counted, so a first batch is one design. If by then more trials diverged or ran
   out of memory than did not, the points are instead likely to succeed and far from all trials (`_away`).
2. Gaussian processes are fitted to each loss and to each violation (`_process`), over the whole tree (`_kernel`).
   Stopped and running trials count with what is expected of them (`_learnt`), trials of earlier studies as far as they
   agree with this one (`_earlier`).
3. The probability that a training succeeds (`_chance`) is learned from the trials that failed and from those that have
   losses, of whatever rung. To its logarithm is added what the priors of the space expect (`_prior`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from search.grammar.interest import Interest
from search.pareto import dominance
from search.propose import alive, generator, observed, points, ruined
from search.propose._away import away
from search.propose._chance import chance
from search.propose._earlier import opening, told
from search.propose._features import Layout
from search.propose._fit import fit
from search.propose._learnt import Learnt, learnt, positive
from search.propose._prior import expected
from search.propose._process import Process
from search.propose._seek import Worth
from search.space import Params, Space
from search.trial import Trial, losses, violations

MOST = 400  # trials that a model is fitted to; its cost grows with their cube
UNFIT = torch.linalg.LinAlgError  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True)
class Belief:
    """``process``: of the losses (m) and then the violations; ``known``: trials that ended with values, ``seen``: those
    and the ones that are forecast; ``front``: where it is good so far; ``inside``: some feasible trial dominates the
    reference; ``unit`` (m,): what one is in each loss, from the best to the reference; ``reference``, ``weights`` (m,):
    the worst losses of interest, and how much of each loss is wanted."""

    layout: Layout
    known: list[Trial]
    seen: Learnt
    at: Tensor  # features (n, f) of ``seen``
    process: Process
    likely: Worth
    front: list[Trial]
    inside: bool
    unit: NDArray[np.float64]
    reference: NDArray[np.float64]
    weights: NDArray[np.float64]


def believe(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    interest: Interest | None = None,
    earlier: Sequence[Sequence[Trial]] = (),
    start: int,
) -> Belief | list[Params]:
    """What is believed, or the next q points while there is too little to believe."""
    known = _recent(observed(trials))
    failed, good = ruined(trials), alive(trials)
    planned = start or min(max(space.width + 2, 6), 20)
    others = [trial for trial in alive(trials, ended=False) if trial.loss_curve][-max(MOST - len(known), 1) :]
    early = len(points(trials)) < planned or 2 * (len(known) + len(others)) < min(planned, MOST)
    if early and (len(failed) <= len(good) or not space.width):
        return opening(space, earlier, reference, q, seed=seed, skip=len(points(trials)))
    rng, layout, n = generator(seed, trials), Layout(space), len(points(trials))
    tried = sorted([*good, *failed], key=lambda trial: trial.number)[-MOST:]
    try:
        seen = learnt(known, others, reference) if known or others else None
        lost = seen.exploded if seen else frozenset()
        fate = torch.tensor([trial.failure is None and trial.number not in lost for trial in tried])
        likely = _hope(chance(layout.blocks, layout([trial.params for trial in tried]), fate), expected(layout, n))
        if early or seen is None:
            return away(space, trials, q, likely, rng)
        at = layout([trial.params for trial in seen.trials])
        process = _fitted(layout, seen, at, earlier)
    except UNFIT:
        return neighbours(space, [trial.params for trial in _front(known)], q, rng)
    found, feasible = losses(known), (violations(known) <= 0).all(axis=1)
    if not known:  # nothing has ended yet
        found, feasible = seen.losses, np.ones(len(seen.trials), dtype=np.bool_)
    reference = reference if interest is None else np.minimum(reference, interest.limits)
    inside = bool(((found < reference).all(axis=1) & feasible).any())
    spread = seen.losses[: len(found)].std(axis=0)
    return Belief(
        layout=layout, known=known, seen=seen, at=at, process=process, likely=likely,
        front=_front(known) if 2 * len(known) >= planned else _expected(seen, len(reference)),
        inside=inside, unit=reference - found[feasible].min(axis=0) if inside else positive(spread),
        reference=reference, weights=np.ones(len(reference)) if interest is None else np.array(interest.weights),
    )  # fmt: skip


def _fitted(layout: Layout, seen: Learnt, at: Tensor, earlier: Sequence[Sequence[Trial]]) -> Process:
    values, variances = seen.values, seen.variances
    if earlier:
        params, others, theirs = told(layout, earlier, seen)
        at, values = torch.cat([at, layout(params)]), np.concatenate([values, others])
        own = np.zeros_like(seen.values) if variances is None else variances
        variances = np.concatenate([own, theirs])
    return fit(layout.blocks, at, torch.from_numpy(values), None if variances is None else torch.from_numpy(variances))


def _hope(likely: Worth, wanted: Worth | None) -> Worth:
    return likely if wanted is None else lambda features: likely(features) + wanted(features)


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


def neighbours(space: Space, front: Sequence[Params], q: int, rng: Generator) -> list[Params]:
    """Without a model: each as often a mutation of the front, if there is one, as a sample."""

    def one() -> Params:
        if not front:
            return space.sample(rng)
        params = front[int(rng.integers(len(front)))]
        return space.mutate(params, rng) if rng.random() < 0.5 else space.sample(rng)

    return [one() for _ in range(q)]


@contextmanager
def alone() -> Iterator[None]:
    """One thread: the matrices are small, and results are the same on any number of cores."""
    threads = torch.get_num_threads()
    with threadpool_limits(1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
