"""What is known of losses from where they are: each configuration's, given its own evaluations and its neighbours'.

For each objective a Gaussian process over the points x, a part that the points do not tell, and the error of the mean
of the evaluations, whose variance v_i is known:

    y_i = f(x_i) + g_i + error,      f ~ process,  g_i ~ N(0, w),  error ~ N(0, v_i)

w is what the process's noise (`surrogate._process`) has more than the v_i on average. Without y_i the true losses
f(x_i) + g_i are normal (Rasmussen and Williams 2006, eq. 5.12); that is combined with y_i and its covariance between
objectives. Where neighbours tell nothing, f is flat, and what is left is the normal of all.
"""

import numpy as np
from numpy.typing import NDArray

from search.pareto.arrays import Floats
from search.pareto.dominance import ranks

MOST, FEWEST = 96, 8  # configurations a process is fitted to: its cost grows with their cube, and few tell nothing


def posterior(points: Floats, mean: Floats, covariance: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Rows (k,) of which neighbours tell, and the mean (k, m) and covariance (k, m, m) of their true losses.

    ``points`` (n, f), NaN where a row has no place; ``mean`` (n, m) of the evaluations, ``covariance`` (n, m, m) of
    that mean. Of more than MOST rows those of the best ranks.

    >>> x = np.linspace(0, 1, 9)[:, None]
    >>> rows, mean, covariance = posterior(x, 3 * x, np.full((9, 1, 1), 0.04))
    >>> bool((covariance < 0.04).all()), bool(abs(mean - 3 * x).max() < 0.1)
    (True, True)
    """
    placed = np.flatnonzero(np.isfinite(points).all(axis=1))
    rows = np.sort(placed[np.argsort(ranks(mean[placed]), kind="stable")][:MOST])
    if len(rows) < FEWEST or not points.shape[1]:
        return rows[:0], mean[:0], covariance[:0]
    y, v = mean[rows], covariance[rows]
    told = [left_out(points[rows], y[:, j], v[:, j, j]) for j in range(y.shape[1])]
    prior = np.stack([each for each, _ in told], axis=1)
    spread = np.stack([each for _, each in told], axis=1)[:, :, None] * np.eye(y.shape[1])
    pull = spread @ np.linalg.pinv(spread + v, hermitian=True)
    left = spread - pull @ spread
    return rows, prior + np.einsum("nij,nj->ni", pull, y - prior), (left + left.transpose(0, 2, 1)) / 2


def left_out(points: Floats, y: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Points (n, f), values (n,), error variances v (n,) -> mean and variance (n,) of each truth, its value unseen.

    >>> x = np.linspace(0, 1, 9)
    >>> mean, variance = left_out(x[:, None], x**2, np.zeros(9))
    >>> bool(abs(mean - x**2).max() < 0.1), bool((variance < 0.01).all())
    (True, True)
    """
    from search.pareto.surrogate import _process  # scipy's optimiser, which most commands never need

    middle, scale = y.mean(), y.std()
    if scale == 0.0:
        return y, np.zeros(len(y))
    inside = points - points.mean(axis=0)
    found = _process.fit(inside, (y - middle) / scale, trend=False)
    noise, error = float(np.exp(found.logs[-1])), v / scale**2
    untold = max(noise - float(error.mean()), 0.0)
    whole = found.root @ found.root.T + np.diag(error + untold - noise)
    inverse = np.linalg.pinv(whole, hermitian=True)
    precision = np.diag(inverse)
    away = inverse @ ((y - middle) / scale) / precision
    return y - scale * away, scale**2 * np.maximum(1 / precision - error, 0.0)
