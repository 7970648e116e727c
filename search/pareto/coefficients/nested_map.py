"""Nested MAP (Li et al., ICLR 2025): a tournament of pairs, for many models; one merged model for each preference.

Of the models that remain the two whose preferred loss is nearest are merged: a quadratic over their two coefficients,
fitted to a small design, promises the point of least preferred loss, which goes on as one model. It needs k - 1 such
runs instead of a design that grows with k^2, but gives one model, not a front: the evaluations are shared by as many
preferences as they suffice for, spread evenly over the objectives. A model made of models is a vector of coefficients
like any other, which holds for rules that are linear in the models.
"""

import numpy as np

from search.pareto.arrays import Floats
from search.pareto.coefficients import Seen
from search.pareto.coefficients._design import APART, design, fill, waiting
from search.pareto.indicators import uniform
from search.pareto.surrogate import quadratic

PAIR = 6  # merges of a pair beside its ends: with them two more than a quadratic in two coefficients has terms
SCREENED = 1024


def propose(seen: Seen, q: int) -> Floats:
    """What the first unfinished preference has to evaluate next; none once each has its model."""
    m, runs = seen.losses.shape[1], max(1, seen.evaluations // ((seen.k - 1) * (PAIR + 1)))
    even = np.full((1, m), 1.0 / m)
    for weights in np.vstack([even, (even + uniform(m, runs)) / 2])[:runs]:
        if len(asked := _run(seen, weights / np.maximum(np.ptp(seen.losses, axis=0), 1e-12))):
            return asked[:q]
    return np.empty((0, seen.k))


def _run(seen: Seen, weights: Floats) -> Floats:
    """(c, k): what the tournament under one preference (m,) still needs; none where it is over."""
    remain = np.eye(seen.k)
    while True:
        if len(asked := waiting(seen, remain)) or len(remain) == 1:
            return asked
        worth = np.array([_losses(seen, end) @ weights for end in remain])
        order = np.argsort(worth, kind="stable")
        gaps = np.diff(np.where(np.isfinite(worth[order]), worth[order], 1e300))
        pair = np.sort(order[[int(np.argmin(gaps)), int(np.argmin(gaps)) + 1]])
        inside = design(2, PAIR + 2, simplex=seen.simplex, seed=seen.seed)
        if len(asked := waiting(seen, inside @ remain[pair])):
            return asked
        made = _best(seen, inside, remain[pair], weights) @ remain[pair]
        remain = np.vstack([np.delete(remain, pair, axis=0), made])


def _best(seen: Seen, inside: Floats, ends: Floats, weights: Floats) -> Floats:
    """(2,): the coefficients of least preferred loss, by a quadratic of what of ``inside`` (c, 2) has losses."""
    told = np.array([_losses(seen, point) for point in inside @ ends])
    kept = np.isfinite(told).all(axis=1)
    found = np.vstack([inside, fill(SCREENED, 2, simplex=seen.simplex, seed=seen.seed)])
    if kept.sum() < (3 if seen.simplex else 6):
        return np.asarray(inside[int(np.argmin(told @ weights))])
    fitted = quadratic.fit(inside[kept], told[kept], bounds=seen.bounds)
    return np.asarray(found[int(np.argmin(fitted.predict(found)[0] @ weights))])


def _losses(seen: Seen, point: Floats) -> Floats:
    """(m,) of what was evaluated there; infinite where it failed."""
    at = np.flatnonzero(np.abs(seen.coefficients - point).max(axis=1) <= APART)
    return np.asarray(seen.losses[at[0]]) if len(at) else np.full(seen.losses.shape[1], np.inf)
