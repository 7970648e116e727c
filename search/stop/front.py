"""Stops a trial that will hardly end on the front: the probability falls under a stated risk.

Every asking trial's final losses are drawn many times around their forecast (``search.curves``): jointly over
objectives, Student's t with few degrees of freedom instead of a normal, because some learning curves turn where none
like them did. A draw enters the front if

    no z among the finished trials, nor among the asking ones in the same draw, has  z <= y + tolerance * span

in every objective (additive epsilon-dominance: Zitzler et al. 2003), the span being from the best loss
seen to the reference; among asking trials only the one of smaller sum does so, so that twins do not stop each
other. A draw beyond the reference enters only while nobody is within it. The forecast itself may be wrong: its
probability p counts as  0.9 p + 0.1 times the share of all trials that end on the front, so far as that is more than p
(contamination by a tenth: Huber 1964). Where many trials do, as with three objectives that conflict, one that the
forecast writes off by mistake is likely a member: a small p must be smaller still, and a risk below a tenth of that
share stops nobody. A trial stops when what p counts as is below ``risk``; where that is calibrated, at most that share
of the trials it stops would have made the final front better by more than the tolerance, however often they were asked
(the stated risk is of each stop, given all that was seen before). Promotion by probability instead of by rank is what
it has over MO-ASHA (Schmucker et al. 2021). Nothing stops before ``minimum`` trials were seen at the next rung or
beyond the first.
"""

import numpy as np
from numpy.typing import NDArray

from search import curves as learning
from search.pareto import dominance

SPACE = {
    "risk": {"low": 0.001, "high": 0.5, "default": 0.05},
    "tolerance": {"low": 0.0, "high": 0.2, "default": 0.01},
    "minimum": {"low": 3, "high": 1000, "integer": True, "default": 12},
}
DRAWS = 256
FREEDOM = 5.0
WRONG = 0.1  # how often the forecast is taken to be wrong altogether


def keep(
    curves: NDArray[np.float64],
    asking: NDArray[np.int64],
    *,
    reference: NDArray[np.float64],
    audited: NDArray[np.bool_],
    risk: float,
    tolerance: float,
    minimum: int,
) -> NDArray[np.bool_]:
    """(n, rungs, m), (k,) -> (k,): true where the trial goes on.

    >>> curves = np.linspace(0.1, 0.9, 20)[:, None, None] + np.zeros((20, 3, 2))
    >>> curves[10:, 2] = np.nan
    >>> settings = dict(reference=np.ones(2), audited=np.zeros(20, bool), risk=0.05, tolerance=0.01, minimum=10)
    >>> keep(curves, np.array([10, 19]), **settings).tolist()
    [False, False]
    """
    if (learning.last_rung(curves) > 0).sum() < minimum:
        return np.ones(len(asking), dtype=np.bool_)
    found = probability(curves, asking, reference=reference, tolerance=tolerance)
    return found + WRONG * (share(curves, found) - found).clip(min=0.0) >= risk


def share(curves: NDArray[np.float64], found: NDArray[np.float64]) -> float:
    """Of all trials seen, how many end on the front: those who are there, and whoever asks as probably as was found.

    >>> share(np.array([[[0.9], [0.5]], [[0.8], [0.6]], [[0.7], [np.nan]], [[0.9], [np.nan]]]), np.array([0.4]))
    0.35
    """
    last = learning.last_rung(curves)
    ended = curves[last == curves.shape[1] - 1, -1]
    there = int(dominance.is_nondominated(ended, keep_ties=False).sum()) if len(ended) else 0
    return float(there + found.sum()) / int((last >= 0).sum())


def probability(
    curves: NDArray[np.float64], asking: NDArray[np.int64], *, reference: NDArray[np.float64], tolerance: float
) -> NDArray[np.float64]:
    """(n, rungs, m), (k,) -> (k,): how probably each asking trial ends on the front by more than the tolerance."""
    n, _, m = curves.shape
    flat = np.where(np.isnan(curves), np.inf, curves).reshape(n, -1)
    order = np.lexsort(flat.T)  # one order of trials, whatever theirs was: sums and draws are the same to the last bit
    place = np.empty(n, dtype=np.intp)
    place[order] = np.arange(n)
    curves, flat = curves[order], flat[order]
    own = np.maximum.accumulate(np.where(np.r_[True, (flat[1:] != flat[:-1]).any(axis=1)], np.arange(n), 0))
    rows, back = np.unique(own[place[asking]], return_inverse=True)  # of equal curves the first stands for all
    mean, covariance = learning.joint(curves, rows)
    best = np.nanmin(curves, axis=(0, 1))
    span = np.where(reference != best, np.abs(reference - best), 1.0)
    factor = np.linalg.cholesky(covariance / (span[:, None] * span) + 1e-12 * np.eye(m))
    final = ((mean - best) / span)[:, None] + _draws(len(rows), m) @ factor.transpose(0, 2, 1)
    final = np.ascontiguousarray(np.moveaxis(final, 2, 0))  # (m, k, draws)
    ended = curves[np.isfinite(curves[:, -1]).all(axis=1), -1]
    within = _below(final, (reference - best) / span)
    some = within.any(axis=0) | (ended < reference).all(axis=1).any()
    entering = within | ~some
    slack, total = final + tolerance, final.sum(axis=0)
    if len(ended):
        for other in (ended[dominance.is_nondominated(ended, keep_ties=False)] - best) / span:
            entering &= ~_above(slack, other)
    for row in range(len(rows)):
        entering &= ~(_above(slack, final[:, row]) & (total[row] < total))
    return np.asarray(entering.mean(axis=1)[back], dtype=np.float64)


def _below(draws: NDArray[np.float64], bar: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(m, k, draws), (m,) -> (k, draws): below in every objective."""
    return np.asarray(np.logical_and.reduce([one < other for one, other in zip(draws, bar, strict=True)]))


def _above(draws: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(m, k, draws), (m,) or (m, draws) -> (k, draws): above or level in every objective."""
    return np.asarray(np.logical_and.reduce([one >= each for one, each in zip(draws, other, strict=True)]))


def _draws(k: int, m: int) -> NDArray[np.float64]:
    """(k, draws, m): Student's t of unit variance."""
    rng = np.random.default_rng(0)
    normal, chi = rng.standard_normal((k, DRAWS, m)), rng.chisquare(FREEDOM, (k, DRAWS, 1))
    return np.asarray(normal * np.sqrt((FREEDOM - 2.0) / chi))
