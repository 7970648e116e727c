"""What is known of losses from where they are: each configuration's, given its own evaluations and its neighbours'.

For each objective a Gaussian process over the points x, a part that the points do not tell, and the error of the mean
of the evaluations, whose variance v_i is known:

    y_i = f(x_i) + g_i + error,      f ~ process,  g_i ~ N(0, w),  error ~ N(0, v_i)

w is what the process's noise (`surrogate._process`) has more than the v_i on average. All values of all objectives are
taken together, with the covariance that the errors of one configuration have: the true losses have a joint normal
posterior (Rasmussen and Williams 2006, eq. 2.23 and 2.24), in which neighbours err alike. Where neighbours tell
nothing, f is flat, and what is left is the normal of all.
"""

import numpy as np
from numpy.typing import NDArray

from search.pareto.arrays import Floats
from search.pareto.dominance import ranks

MOST, FEWEST = 96, 8  # configurations a process is fitted to: its cost grows with their cube, and few tell nothing


def posterior(points: Floats, mean: Floats, covariance: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Rows (k,) of which neighbours tell, and the mean (k, m) and joint covariance (k m, k m) of their true losses, all
    losses of the first of them first.

    ``points`` (n, f), NaN where a row has no place; ``mean`` (n, m) of the evaluations, ``covariance`` (n, m, m) of
    that mean. Of more than MOST rows those of the best ranks.

    >>> x = np.linspace(0, 1, 9)[:, None]
    >>> rows, mean, joint = posterior(x, 3 * x, np.full((9, 1, 1), 0.04))
    >>> bool((np.diag(joint) < 0.04).all()), bool(abs(mean - 3 * x).max() < 0.1), bool(joint[0, 1] > 0)
    (True, True, True)
    """
    placed = np.flatnonzero(np.isfinite(points).all(axis=1))
    rows = np.sort(placed[np.argsort(ranks(mean[placed]), kind="stable")][:MOST])
    if len(rows) < FEWEST or not points.shape[1]:
        return rows[:0], mean[:0], np.empty((0, 0))
    k, m = mean[rows].shape
    y, own = mean[rows], np.arange(k)
    before, noise = np.zeros((k, m, k, m)), np.zeros((k, m, k, m))
    for j in range(m):
        before[:, j, :, j] = prior_of(points[rows], y[:, j], covariance[rows, j, j])
    noise[own, :, own, :] = covariance[rows]
    prior, error = before.reshape(k * m, -1), noise.reshape(k * m, -1)
    pull = prior @ np.linalg.pinv(prior + error, hermitian=True)
    left = prior - pull @ prior
    moved = (pull @ (y - y.mean(axis=0)).ravel()).reshape(k, m)
    return rows, y.mean(axis=0) + moved, (left + left.T) / 2


def prior_of(points: Floats, y: Floats, v: Floats) -> Floats:
    """Points (n, f), values (n,), error variances v (n,) -> the covariance (n, n) of the truth before it is seen.

    >>> x = np.linspace(0, 1, 9)
    >>> found = prior_of(x[:, None], x**2, np.zeros(9))
    >>> bool(found[0, 1] > found[0, 4])
    True
    """
    from search.pareto.surrogate import _process  # scipy's optimiser, which most commands never need

    scale = y.std()
    if scale == 0.0:
        return np.zeros((len(y), len(y)))
    found = _process.fit(points - points.mean(axis=0), (y - y.mean()) / scale, trend=False)
    noise = float(np.exp(found.logs[-1]))
    untold = max(noise - float((v / scale**2).mean()), 0.0)
    return np.asarray(scale**2 * (found.root @ found.root.T + (untold - noise) * np.eye(len(y))))
