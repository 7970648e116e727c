"""Least squares through a link, many at once: Levenberg and Marquardt's damped Gauss-Newton steps.

    minimise  sum_i present_i (link(u_i'w) - target_i)^2

A step is taken only where it lowers the error, so nothing ends worse than it starts and nothing can fail to
return.
"""

import numpy as np

from search.pareto.arrays import Floats
from search.pareto.links import Link

STEPS = 30
LONGEST = 3.0  # a step moves no z farther: undamped ones jump from one flat end of a logit to the other


def polish(u: Floats, target: Floats, link: Link, weights: Floats, present: Floats) -> Floats:
    """Lower the error of each of b fits, from ``weights`` (b, p) to better ones of the same shape.

    ``u`` (n, p) has orthonormal columns, ``target`` (n,) is in the metric's unit, ``present`` (b, n) is 1 for
    the rows that a fit sees and 0 for those left out.

    >>> u, target = np.array([[0.6], [0.8]]), np.exp([0.6, 0.8])
    >>> polish(u, target, Link(0.0), np.array([[0.0]]), np.ones((1, 2))).round(9).tolist()
    [[1.0]]
    """
    p = u.shape[1]
    outer = (u[:, :, None] * u[:, None, :]).reshape(len(u), p * p)

    def squared_error(weights: Floats) -> tuple[Floats, Floats, Floats]:
        real = weights @ u.T
        residual = present * (link.metric(real) - target)
        return (residual**2).sum(axis=1), residual, present * link.slope(real)

    damping = np.full(len(weights), 1e-3)
    error, residual, slope = squared_error(weights)
    for _ in range(STEPS):
        gram = (slope**2 @ outer).reshape(-1, p, p)
        scale = np.trace(gram, axis1=1, axis2=2) / p + 1e-300
        gram = gram + (damping * scale)[:, None, None] * np.eye(p)
        step = np.linalg.solve(gram, ((slope * residual) @ u)[:, :, None])[:, :, 0]
        step *= (LONGEST / np.maximum(np.abs(step @ u.T).max(axis=1), LONGEST))[:, None]
        trial = weights - step
        trial_error, trial_residual, trial_slope = squared_error(trial)
        better = trial_error < error
        weights = np.where(better[:, None], trial, weights)
        residual = np.where(better[:, None], trial_residual, residual)
        slope = np.where(better[:, None], trial_slope, slope)
        error = np.where(better, trial_error, error)
        damping = np.maximum(np.where(better, 0.1 * damping, 10.0 * damping), 1e-9)
        if (np.abs(step) <= 1e-10 * (1.0 + np.abs(weights))).all():
            break
    return weights
