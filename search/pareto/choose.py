"""From a front to a few of its points: the knee, the ends, a spread. Dominated rows are never chosen.

Distances are Euclidean, with every objective scaled to the front's own range: no unit and no dominated row
matters.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.errors import SearchError
from search.pareto.arrays import Floats, matrix, vector
from search.pareto.dominance import is_nondominated


def knee(losses: ArrayLike, *, ideal: ArrayLike | None = None, reference: ArrayLike | None = None) -> int:
    """The row of ``losses`` (n, m) where giving up a little of one objective buys most of the others.

    It is the front's point farthest below the hyperplane through the best point of each objective (Das,
    1999), a choice that no scale of the objectives changes. ``ideal`` (m,) or ``reference`` (m,) set one:
    then the way from ideal to reference is worth the same in every objective, and so is each step on it; the
    one not given is the front's own best or worst. Where no plane faces the ideal, or nothing lies below it,
    the knee is the point nearest to the ideal on that scale. The lower row on ties.

    >>> knee([[0, 10], [1, 2], [5, 1], [10, 0]])
    1
    """
    points, front = _front(losses)
    scaled = _scaled(points, ideal, reference)
    scaled = scaled[:, np.ptp(points, axis=0) > 0]  # an objective that does not vary cannot tell points apart
    if scaled.shape[1] == 0:
        return int(front[0])
    corners = scaled[_ends(scaled)]
    normal = np.ones(scaled.shape[1]) if ideal is not None or reference is not None else _facing(corners)
    if normal is not None:
        below = (corners @ normal).min() - scaled @ normal
        if below.max() > 1e-9:
            return int(front[np.argmax(below)])
    return int(front[np.argmin(np.linalg.norm(scaled, axis=1))])


def extremes(losses: ArrayLike) -> list[int]:
    """For each of m objectives the row of ``losses`` (n, m) that is best in it; of equals, best in the rest.

    >>> extremes([[0, 9], [0, 5], [4, 1]])
    [1, 2]
    """
    points, front = _front(losses)
    return [int(front[place]) for place in _ends(_scaled(points))]


def spread(losses: ArrayLike, q: int) -> list[int]:
    """Up to q rows of the front: the best of each objective, then always the one farthest from those chosen.

    Within a factor two of the widest spread (Gonzalez, 1985). Equal rows count once, so a front of fewer
    points gives fewer.

    >>> spread([[0, 4], [1, 3], [2, 2], [3, 1], [4, 0], [9, 9]], 3)
    [0, 4, 2]
    """
    if np.shape(losses)[:1] == (0,):
        return []
    points, front = _front(losses)
    scaled = _scaled(points)
    chosen = list(dict.fromkeys(_ends(scaled)))[:q]
    while len(chosen) < min(q, len(front)):
        distance = np.linalg.norm(scaled[:, None] - scaled[chosen], axis=2).min(axis=1)
        chosen.append(int(np.argmax(distance)))
    return [int(front[place]) for place in chosen]


def _front(losses: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    losses = matrix(losses, "losses")
    if len(losses) == 0:
        raise SearchError("losses", expected="at least one point to choose from", got=losses.shape)
    front = np.flatnonzero(is_nondominated(losses, keep_ties=False))
    return losses[front], front


def scale(points: Floats, ideal: ArrayLike | None = None, reference: ArrayLike | None = None) -> tuple[Floats, Floats]:
    """What is 0 and what is 1 away from it (m,): the best of ``points`` (n, m) and their range, 1 where there is none.

    ``ideal`` (m,) stands for the best, ``reference`` (m,) for the worst.

    >>> best, width = scale(np.array([[0.0, 5.0], [4.0, 5.0]]))
    >>> best.tolist(), width.tolist()
    ([0.0, 5.0], [4.0, 1.0])
    """
    m = points.shape[1]
    best = points.min(axis=0) if ideal is None else vector(ideal, "ideal", size=m)
    worst = points.max(axis=0) if reference is None else vector(reference, "reference", size=m)
    # An objective whose reference is not above its ideal keeps the front's own range.
    width = np.where(worst > best, worst - best, np.ptp(points, axis=0))
    return best, np.where(width > 0, width, 1.0)


def _scaled(points: Floats, ideal: ArrayLike | None = None, reference: ArrayLike | None = None) -> Floats:
    best, width = scale(points, ideal, reference)
    return (points - best) / width


def _ends(scaled: Floats) -> list[int]:
    total = scaled.sum(axis=1)
    return [int(np.lexsort((total, objective))[0]) for objective in scaled.T]


def _facing(corners: Floats) -> Floats | None:
    """``a`` of the plane a x = 1 through ``corners`` (m, m), or None where it does not face the ideal."""
    if np.linalg.matrix_rank(corners) < len(corners):
        return None
    normal = np.linalg.solve(corners, np.ones(len(corners)))
    return np.asarray(normal) if (normal > 0).all() else None
