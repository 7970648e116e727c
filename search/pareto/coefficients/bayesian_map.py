"""Bayesian MAP (Li et al., ICLR 2025): MAP, but the second half of its design goes where the quadratic is wrong.

Coefficients are binned by the hyperspherical angles of their direction. A bin's score is the mean squared residual of
the present fit in it; bins are drawn with softmax probability of the score in units of all scores' deviation, angles
evenly within the bin, the radius evenly. It is Bayesian in name: nothing says how sure the fit is. Repaired against the
reference code: residuals are of the present fit, all objectives count, each in units of its spread, and a bin
without a point has the mean score instead of never being drawn.
"""

import numpy as np

from search.pareto.arrays import Floats
from search.pareto.coefficients import Seen
from search.pareto.coefficients import map as plain
from search.pareto.coefficients._design import among, design, waiting
from search.pareto.coefficients._screen import front
from search.pareto.coefficients.map import surrogate as surrogate

DRAWN = 4  # points between two fits
RADIUS = (0.2, 1.0)  # of the way to the edge of the box


def propose(seen: Seen, q: int) -> Floats:
    """The rest of the design, what is drawn after each fit, then the rest of the predicted front."""
    count = plain.designed(seen)
    planned = design(seen.k, seen.free + max(count // 2, seen.terms - seen.free), simplex=seen.simplex, seed=seen.seed)
    while True:
        if len(first := waiting(seen, planned)):
            return first[:q]
        if len(planned) >= seen.free + count:
            break
        drawn = _drawn(among(seen, planned), min(DRAWN, seen.free + count - len(planned)))
        planned = np.vstack([planned, drawn])
    fitted = among(seen, planned)
    return waiting(seen, front(surrogate(fitted).predict, fitted, seen.evaluations - count))[:q]


def _drawn(seen: Seen, n: int) -> Floats:
    """(n, k)"""
    rng = np.random.default_rng([seen.seed, len(seen.coefficients)])
    spread = np.where(np.ptp(seen.losses, axis=0) > 0, np.ptp(seen.losses, axis=0), 1.0)
    residuals = (((surrogate(seen).predict(seen.coefficients) - seen.losses) / spread) ** 2).sum(axis=1)
    parts = 4 if seen.k < 4 else 2 if seen.k < 20 else 1  # bins must fit into memory
    cells = np.floor(np.clip(_angles(seen.coefficients) / (np.pi / 2), 0.0, 1.0 - 1e-9) * parts).astype(int)
    keys = np.ravel_multi_index(tuple(cells.T), (parts,) * (seen.k - 1))
    scores = np.full(parts ** (seen.k - 1), np.nan)
    for key in np.unique(keys):
        scores[key] = residuals[keys == key].mean()
    scores = np.where(np.isnan(scores), np.nanmean(scores), scores)
    height = np.exp((scores - scores.max()) / (scores.std() or 1.0))
    chosen = rng.choice(len(scores), size=n, p=height / height.sum())
    corner = np.array(np.unravel_index(chosen, (parts,) * (seen.k - 1))).T
    direction = _direction((corner + rng.random(corner.shape)) / parts * (np.pi / 2))
    if seen.simplex:
        return np.asarray(direction / direction.sum(axis=1, keepdims=True))
    return np.asarray(direction / direction.max(axis=1, keepdims=True) * rng.uniform(*RADIUS, size=(n, 1)))


def _angles(points: Floats) -> Floats:
    """(n, k) at least 0 -> (n, k - 1) in [0, pi / 2]; the zero vector has none, and counts as the middle."""
    left = np.sqrt(np.cumsum(points[:, ::-1] ** 2, axis=1))[:, ::-1]
    angles = np.arctan2(left[:, 1:], points[:, :-1])
    return np.asarray(np.where(left[:, :1] > 0, angles, np.pi / 4))


def _direction(angles: Floats) -> Floats:
    """(n, k - 1) -> (n, k) of length 1: the inverse of ``_angles``."""
    ones = np.ones((len(angles), 1))
    sines = np.hstack([ones, np.cumprod(np.sin(angles), axis=1)])
    return np.asarray(sines * np.hstack([np.cos(angles), ones]))
