"""Hypervolume: what losses (n, m) dominate below a reference (m,), in the product of the objectives' units.

One primitive carries the file, the exclusive volume of a point x against a set Y (While, Bradstreet, Barone,
2012):

    gain(x, Y) = prod(reference - x) - hypervolume({max(x, y) : y in Y})

Its limited sets are mostly dominated, hence small, and a sum of gains never falls. Points that are not
strictly below the reference contribute nothing. Exact by moocore where that takes well under a second, elsewhere an
unbiased estimate; see ``is_exact`` and, for its error, ``stated``.
"""

import heapq

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.pareto import estimate
from search.pareto.arrays import Floats, matrix, vector

# Up to so many mutually non-dominated points: at most about a second on one core, by measurement.
EXACT_POINTS = {5: 5000, 6: 800, 7: 200, 8: 100, 9: 50, 10: 40}


def is_exact(n: int, m: int) -> bool:
    """Whether n non-dominated points in m objectives are measured exactly, or estimated.

    >>> is_exact(10_000, 4), is_exact(1001, 6), is_exact(40, 10), is_exact(1, 11)
    (True, False, True, False)
    """
    return m <= 4 or n <= EXACT_POINTS.get(m, 0)


def hypervolume(losses: ArrayLike, reference: ArrayLike) -> float:
    """Volume of the union of the boxes from ``losses`` (n, m) up to ``reference`` (m,); 0.0 for no rows.

    >>> hypervolume([[5, 5], [4, 6], [2, 7], [7, 4]], [10, 10])
    38.0
    """
    return stated(losses, reference)[0]


def stated(losses: ArrayLike, reference: ArrayLike) -> tuple[float, float]:
    """The hypervolume and its standard error: 0.0 where it is exact, otherwise some 1e-3 of it.

    >>> stated([[5, 5], [4, 6], [2, 7], [7, 4]], [10, 10])
    (38.0, 0.0)
    """
    points, corner, inside = _below(losses, reference)
    return _volume(points[inside], corner)


def contributions(losses: ArrayLike, reference: ArrayLike) -> Floats:
    """(n,): what would be lost without that row alone; 0 where another row is equal or better.

    >>> contributions([[5, 1], [1, 5], [4, 2], [5, 1]], [6, 6]).tolist()
    [0.0, 3.0, 3.0, 0.0]
    """
    points, corner, inside = _below(losses, reference)
    exclusive = np.zeros(len(points))
    if not _quick(points[inside], share=0.5):
        exclusive[inside] = estimate.parts(points[inside], corner)
        return exclusive
    # moocore's sweep would leave out what a dominated row holds once the row that dominates it is gone
    if points.shape[1] in (2, 3) and moocore.is_nondominated(points[inside], keep_weakly=True).all():
        exclusive[inside] = moocore.hv_contributions(points[inside], corner)
        return exclusive
    for place, row in enumerate(inside):
        exclusive[row] = _gain(points[row], points[np.delete(inside, place)], corner)
    return exclusive


def curve(losses: ArrayLike, reference: ArrayLike) -> Floats:
    """(n,): the hypervolume of the first row, of the first two, ... of all; it never falls.

    >>> curve([[5, 5], [6, 6], [4, 6]], [10, 10]).tolist()
    [25.0, 25.0, 29.0]
    """
    points, corner, inside = _below(losses, reference)
    gains, front = np.zeros(len(points)), points[:0]
    if not _quick(points[inside]):
        gains[inside] = np.diff(estimate.growth(points[inside], corner), prepend=0.0)
        return np.cumsum(gains)
    for row in inside:
        gains[row] = _gain(points[row], front, corner)
        if gains[row] > 0:
            front = np.vstack([front[~(points[row] <= front).all(axis=1)], points[row]])
    return np.cumsum(gains)


def greedy(losses: ArrayLike, reference: ArrayLike, q: int, *, given: ArrayLike | None = None) -> list[int]:
    """Up to q rows, each adding most to ``given`` (g, m) and the rows before it; the lower row on ties.

    Fewer than q when nothing more is gained. A gain only shrinks as the set grows, so a stale one is an upper
    bound, and most are never computed again (Minoux, 1978). The first bounds see one known point each.

    >>> greedy([[0, 3], [1, 1], [3, 0], [1, 1]], [4, 4], 2)
    [1, 0]
    """
    points, corner, inside = _below(losses, reference)
    front = points[:0]
    if given is not None:
        known, _, known_inside = _below(given, corner)
        front = known[known_inside]
    # A dominated candidate never gains more than the one that dominates it.
    candidates = inside[moocore.is_nondominated(points[inside])]
    bounds = _bounds(points[candidates], front, corner).tolist()
    queue = [(-bound, row, -1) for bound, row in zip(bounds, candidates.tolist(), strict=True)]
    heapq.heapify(queue)
    picks: list[int] = []
    while queue and len(picks) < q and queue[0][0] < 0:
        _, row, computed_at = heapq.heappop(queue)
        if computed_at != len(picks):
            heapq.heappush(queue, (-_gain(points[row], front, corner), row, len(picks)))
        else:
            picks.append(row)
            front = np.vstack([front, points[row]])
    return picks


def _below(losses: ArrayLike, reference: ArrayLike) -> tuple[Floats, Floats, NDArray[np.intp]]:
    points = matrix(losses, "losses")
    corner = vector(reference, "reference", size=points.shape[1])
    return points, corner, np.flatnonzero((points < corner).all(axis=1))


def _gain(point: Floats, others: Floats, reference: Floats) -> float:
    if (others <= point).all(axis=1).any():
        return 0.0
    return max(0.0, float(np.prod(reference - point)) - _volume(np.maximum(others, point), reference)[0])


def _bounds(points: Floats, others: Floats, reference: Floats) -> Floats:
    boxes = np.prod(reference - points, axis=1)
    bounds: Floats = boxes.copy()
    for other in others:
        np.minimum(bounds, boxes - np.prod(reference - np.maximum(points, other), axis=1), out=bounds)
    return bounds


def _quick(points: Floats, share: float = 1.0) -> bool:
    """Whether so many points may each be measured against the others; ``share`` of what is exact."""
    m = points.shape[1]
    return m <= 4 or is_exact(int(moocore.is_nondominated(points).sum() / share), m)


def _volume(points: Floats, reference: Floats) -> tuple[float, float]:
    if points.shape[1] > 4:  # below that, moocore's sweep is as fast as the filter
        points = points[moocore.is_nondominated(points)]
    if is_exact(*points.shape):
        return float(moocore.hypervolume(points, reference)), 0.0
    return estimate.volume(points, reference)
