"""What evaluations that vary tell of the true losses: repeats (r_i, m) of n configurations -> a ``Belief``.

An evaluation is the true losses and noise, independent between evaluations; objectives of one evaluation may
vary together. Three steps, each an estimate over all configurations, since a few repeats of one tell little:

    noise        s_i^2 ~ sigma_i^2 chi^2 / d_i and sigma_i^2 ~ s_0^2 d_0 / chi^2(d_0), for each objective: the
                 variance of a configuration is (d_0 s_0^2 + d_i s_i^2) / (d_0 + d_i), with d_0 + d_i degrees of
                 freedom (Smyth, 2004). s_0 and d_0 are of most likelihood; d_0 is infinite where all vary alike,
                 and one pooled variance is left
    correlation  of the residuals of all, pulled to none as if by m more evaluations without any
    shrinkage    the true losses ~ N(a, T), of most likelihood: mean and covariance given the evaluations (Efron
                 and Morris, 1973). What looks best was partly lucky, and is moved back by as much; an outlier
                 makes T wide its way, and nothing moves that way. T is one normal: where many true losses crowd
                 against a hard edge, the front is believed to lie somewhat beyond it. Where it is told where the
                 configurations are, those nearby say more, and the edge is met better (`neighbours`)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import lgamma

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.errors import SearchError
from search.pareto.arrays import Floats, matrix
from search.pareto.neighbours import posterior

PRIOR_FREEDOM = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, np.inf)  # the d_0 that are tried
STEPS = 100  # of expectation maximisation


@dataclass(frozen=True, kw_only=True)
class Belief:
    """The true losses of configuration i are ``mean[i]`` (m,) + ``root[i]`` (m, m) z, z standard normal, each
    objective's deviation as heavy-tailed as Student's t of ``freedom[i]`` (m,). ``noise[i]`` (m, m): the root of
    the covariance of one more evaluation about them. ``together``: rows (k,) that err alike, and a root (k m, k m) of
    their joint covariance, of which their own ``root`` are the blocks on the diagonal."""

    mean: Floats
    root: Floats
    noise: Floats
    freedom: Floats
    together: tuple[NDArray[np.intp], Floats] | None = None

    @property
    def deviation(self) -> Floats:
        """(n, m): the scale of each objective."""
        return np.asarray(np.sqrt((self.root**2).sum(axis=2)))


def of_repeats(repeats: Sequence[ArrayLike], *, shrink: bool = True, points: ArrayLike | None = None) -> Belief:
    """From the losses (r_i, m) of each configuration's evaluations. Some configuration needs two of them.

    ``points`` (n, f): where the configurations are, such as their params in the unit cube, NaN for one that is nowhere;
    then those nearby tell of each (`neighbours`) instead of all alike.

    >>> belief = of_repeats([[[1.0], [3.0]], [[6.0], [8.0]]], shrink=False)
    >>> belief.mean.tolist(), belief.deviation.round(6).tolist(), belief.freedom.tolist()
    ([[2.0], [7.0]], [[1.0], [1.0]], [[2.0], [2.0]])
    """
    groups = [matrix(group, f"repeats {i}") for i, group in enumerate(repeats)]
    if not groups or any(not len(group) or group.shape[1] != groups[0].shape[1] for group in groups):
        got = [group.shape for group in groups]
        raise SearchError("repeats", expected="a configuration or more, each of shape (r >= 1, m)", got=got)
    counts = np.array([len(group) for group in groups])
    if counts.max() < 2:
        hint = "State the deviations: of_moments."
        raise SearchError("repeats", expected="a configuration that was evaluated twice", got="none", hint=hint)
    mean = np.array([group.mean(axis=0) for group in groups])
    residuals = [group - middle for group, middle in zip(groups, mean, strict=True)]
    squares, own = np.array([(rest**2).sum(axis=0) for rest in residuals]), counts - 1
    variance, freedom = np.empty(mean.shape), np.empty(mean.shape)
    for j in range(mean.shape[1]):
        prior, typical = _moderation(squares[:, j], own)
        if np.isinf(prior):
            variance[:, j] = typical
        else:
            variance[:, j] = (prior * typical + squares[:, j]) / (prior + own)
        freedom[:, j] = np.minimum(prior + own, own.sum())
    deviation = np.sqrt(variance)
    covariance = _correlation(np.vstack(residuals), int(own.sum())) * deviation[:, :, None] * deviation[:, None, :]
    found = _belief(mean, covariance / counts[:, None, None], covariance, freedom, shrink)
    if points is None or not shrink:
        return found
    places = np.asarray(points, dtype=np.float64)
    if places.ndim != 2 or len(places) != len(mean):
        raise SearchError("points", expected=f"one row a configuration, shape ({len(mean)}, f)", got=places.shape)
    rows, middle, joint = posterior(places, mean, covariance / counts[:, None, None])
    found.mean[rows] = middle
    return _with(found, rows, joint, alike=True) if len(rows) else found


def of_moments(
    mean: ArrayLike,
    *,
    deviation: ArrayLike | None = None,
    covariance: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    shrink: bool = True,
) -> Belief:
    """From means (n, m) and their standard ``deviation`` (n, m) or ``covariance`` (n, m, m), taken as exact.

    ``noise`` (n, m): the deviation of one more evaluation; where it is not given, as certain as what is known.

    >>> of_moments([[1.0, 2.0]], deviation=[[0.1, 0.0]]).deviation.tolist()
    [[0.1, 0.0]]
    """
    middle = matrix(mean, "mean")
    if (deviation is None) == (covariance is None):
        raise SearchError("deviation, covariance", expected="one of them")
    known = _covariance(deviation, "deviation", middle.shape) if covariance is None else _full(covariance, middle.shape)
    fresh = known if noise is None else _covariance(noise, "noise", middle.shape)
    return _belief(middle, known, fresh, np.full(middle.shape, np.inf), shrink)


def expecting(belief: Belief, i: int) -> Belief:
    """What will be believed once i is evaluated once more, if the answer is the expected one: as much, more surely.

    Of covariance C and an evaluation's N it is C - C (C + N)^-1 C; what errs like it is known more surely too.

    >>> known = of_moments([[1.0], [2.0]], deviation=[[1.0], [1.0]])
    >>> expecting(known, 1).deviation.round(3).tolist()
    [[1.0], [0.707]]
    """
    alike = belief.together if belief.together and i in belief.together[0] else None
    rows, factor = alike or (np.array([i]), belief.root[i])
    m, known, noise = belief.mean.shape[1], factor @ factor.T, belief.noise[i] @ belief.noise[i].T
    at = int(np.flatnonzero(rows == i)[0]) * m + np.arange(m)
    left = known - known[:, at] @ np.linalg.pinv(known[np.ix_(at, at)] + noise) @ known[at]
    return _with(belief, rows, (left + left.T) / 2, alike=alike is not None)


def _with(belief: Belief, rows: NDArray[np.intp], joint: Floats, *, alike: bool) -> Belief:
    """With the joint covariance (k m, k m) of ``rows``. ``alike``: they are those that err together."""
    k, m = len(rows), belief.mean.shape[1]
    root, own = belief.root.copy(), np.arange(k)
    root[rows] = _root(joint.reshape(k, m, k, m)[own, :, own, :])
    return replace(belief, root=root, together=(rows, _root(joint[None])[0]) if alike else belief.together)


def _belief(mean: Floats, covariance: Floats, noise: Floats, freedom: Floats, shrink: bool) -> Belief:
    if shrink and len(mean) > mean.shape[1] + 2:  # fewer cannot tell their spread from noise
        mean, covariance = _shrunk(mean, covariance)
    return Belief(mean=mean, root=_root(covariance), noise=_root(noise), freedom=freedom)


def _moderation(squares: Floats, freedom: NDArray[np.int_]) -> tuple[float, float]:
    """d_0 and s_0^2 of most likelihood, given the sums of squares (n,): squares / s_0^2 d_i ~ F(d_i, d_0)."""
    squares, freedom = squares[freedom > 0], freedom[freedom > 0]
    pooled = float(squares.sum() / freedom.sum())
    if pooled == 0:
        return np.inf, 0.0
    best = (-np.inf, np.inf, pooled)
    for prior in PRIOR_FREEDOM:
        if np.isinf(prior):
            typical, height = pooled, -freedom.sum() * (np.log(pooled) + 1.0) / 2
        else:
            typical = _typical(squares, freedom, prior)
            height = sum(lgamma((d + prior) / 2) - lgamma(prior / 2) for d in freedom.tolist())
            height -= (freedom.sum() * np.log(prior * typical / 2)) / 2
            height -= ((freedom + prior) * np.log1p(squares / (prior * typical))).sum() / 2
        best = max(best, (float(height), prior, typical))
    return best[1], best[2]


def _typical(squares: Floats, freedom: NDArray[np.int_], prior: float) -> float:
    """s_0^2 where sum of (d_i + d_0) squares / (d_0 s_0^2 + squares) = sum of d_i, by halving on a log scale."""
    low, high = np.log(squares.sum() / freedom.sum()) + np.array([-60.0, 60.0])
    for _ in range(50):
        middle = (low + high) / 2
        share = ((freedom + prior) * squares / (prior * np.exp(middle) + squares)).sum()
        low, high = (middle, high) if share > freedom.sum() else (low, middle)
    return float(np.exp(high))


def _correlation(residuals: Floats, freedom: int) -> Floats:
    m = residuals.shape[1]
    size = np.sqrt((residuals**2).sum(axis=0))
    unit = residuals / np.where(size > 0, size, 1.0)
    found = unit.T @ unit * freedom / (freedom + m)
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


def _shrunk(mean: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance of mu_i, given mean_i ~ N(mu_i, covariance_i), mu_i ~ N(a, T); a, T by their likelihood."""
    width = np.ptp(mean, axis=0)
    scale = np.where(width > 0, width, 1.0)
    y, v = mean / scale, covariance / (scale[:, None] * scale)
    a, spread = y.mean(axis=0), np.cov(y, rowvar=False).reshape(y.shape[1], -1)
    tiny = 1e-12 * np.eye(y.shape[1])  # a loss that neither varies nor differs has no inverse
    for _ in range(STEPS):
        pull = spread @ np.linalg.inv(spread + v + tiny)
        found = a + np.einsum("nij,nj->ni", pull, y - a)
        left = spread - pull @ spread
        a = found.mean(axis=0)
        spread = np.einsum("ni,nj->ij", found - a, found - a) / len(y) + left.mean(axis=0)
    left = (left + left.transpose(0, 2, 1)) / 2
    return found * scale, left * (scale[:, None] * scale)


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :])


def _covariance(deviation: ArrayLike | None, name: str, shape: tuple[int, ...]) -> Floats:
    found = matrix([] if deviation is None else deviation, name, columns=shape[1])
    if found.shape != shape or (found < 0).any():
        raise SearchError(name, expected=f"numbers >= 0 of shape {shape}", got=found.tolist())
    return found[:, :, None] ** 2 * np.eye(shape[1])


def _full(covariance: ArrayLike, shape: tuple[int, ...]) -> Floats:
    n, m = shape
    found = np.asarray(covariance, dtype=np.float64)
    if found.shape != (n, m, m):
        raise SearchError("covariance", expected=f"one matrix a point, shape {(n, m, m)}", got=found.shape)
    matrix(found.reshape(n, m * m), "covariance")
    least = np.linalg.eigvalsh(found).min(axis=1, initial=0.0)
    if not np.allclose(found, found.transpose(0, 2, 1)) or (least < -1e-9 * np.abs(found).max(initial=0.0)).any():
        raise SearchError("covariance", expected="symmetric matrices with no negative variance", got=found.tolist())
    return found
