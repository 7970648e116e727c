"""Where a search begins: the models themselves, the centre, and points that fill the space evenly."""

from dataclasses import replace

import numpy as np

from search.errors import SearchError
from search.pareto.arrays import Floats
from search.pareto.coefficients import Seen
from search.pareto.sobol import sobol

FIRST = 4  # points of an active search's design beside the models: its fits choose better than any design
APART = 1e-6  # coefficients nearer than this are the same merge


def design(k: int, n: int, *, simplex: bool, seed: int) -> Floats:
    """(n, k) coefficients: the k models, the even average, where it is another the centre of the box, Sobol points.

    >>> design(2, 4, simplex=True, seed=0)[:3].tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
    """
    if k < 1 + simplex:
        raise SearchError("models", expected=f"at least {1 + simplex} to merge", got=k)
    middles = np.full((1, k), 1.0 / k)
    if not simplex and k != 2:
        middles = np.vstack([middles, np.full((1, k), 0.5)])
    found = np.vstack([np.eye(k), middles, fill(max(0, n - k - len(middles)), k, simplex=simplex, seed=seed)])
    return new(found, np.empty((0, k)))[:n]


def fill(n: int, k: int, *, simplex: bool, seed: int) -> Floats:
    """(n, k) Sobol points; on the simplex uniform by stick breaking: share i of what is left is Beta(1, k - 1 - i)."""
    if not simplex:
        return sobol(n, k, seed=seed)
    uniform = sobol(n, k - 1, seed=seed)
    left = np.ones(n)
    found = np.empty((n, k))
    for i in range(k - 1):
        found[:, i] = left * (1.0 - uniform[:, i] ** (1.0 / (k - 1 - i)))
        left = left - found[:, i]
    found[:, -1] = left
    return found


def started(seen: Seen) -> Floats:
    """(c, k): what a search that fits after every batch evaluates before its first fit."""
    return design(seen.k, seen.k + FIRST, simplex=seen.simplex, seed=seen.seed)


def waiting(seen: Seen, planned: Floats) -> Floats:
    """Of the ``planned`` coefficients (c, k) those that were not tried yet, in their order."""
    return new(planned, seen.tried)


def among(seen: Seen, planned: Floats) -> Seen:
    """Only what is known of the ``planned`` coefficients (c, k)."""
    rows = distance(seen.coefficients, planned) <= APART
    return replace(seen, coefficients=seen.coefficients[rows], losses=seen.losses[rows])


def new(points: Floats, known: Floats) -> Floats:
    """Of ``points`` (c, k) those that differ from every row of ``known`` (n, k) and from those before them."""
    _, first = np.unique(points.round(6), axis=0, return_index=True)
    points = points[np.sort(first)]
    return points[distance(points, known) > APART]


def distance(points: Floats, others: Floats) -> Floats:
    """(n,): from each of ``points`` (n, k) to the nearest of ``others``; one at a time keeps memory small."""
    nearest = np.full(len(points), np.inf)
    for other in others:
        nearest = np.minimum(nearest, np.linalg.norm(points - other, axis=1))
    return nearest
