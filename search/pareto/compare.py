"""Two fronts against each other: who dominates what, who survives, and where; losses (n, m) below a reference (m,)."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.errors import SearchError
from search.pareto.arrays import Floats, matrix, vector
from search.pareto.hypervolume import hypervolume


@dataclass(frozen=True, kw_only=True)
class Slab:
    """Between two losses of one objective: the hypervolume there that only the first, or only the second, dominates."""

    low: float
    high: float
    first: float
    second: float


def exclusive(first: ArrayLike, second: ArrayLike, reference: ArrayLike) -> tuple[float, float]:
    """The hypervolume that only the first set dominates, and that only the second does.

    >>> exclusive([[0, 2]], [[2, 0]], [3, 3])
    (2.0, 2.0)
    """
    one, other = matrix(first, "first"), matrix(second, "second")
    both = hypervolume(np.vstack([one, other]), reference)
    return max(0.0, both - hypervolume(other, reference)), max(0.0, both - hypervolume(one, reference))


def surviving(losses: ArrayLike, others: ArrayLike) -> NDArray[np.bool_]:
    """(n,): whether no row of ``others`` (k, m) dominates it; an equal one does not.

    >>> surviving([[0, 2], [1, 1]], [[0, 1.5], [1, 1]]).tolist()
    [False, True]
    """
    points, rivals = matrix(losses, "losses")[:, None], matrix(others, "others")
    beaten = np.asarray((rivals <= points).all(axis=2) & (rivals < points).any(axis=2))
    return np.logical_not(beaten.any(axis=1))


def slabs(first: ArrayLike, second: ArrayLike, reference: ArrayLike, objective: int) -> list[Slab]:
    """Along one objective, from the best loss of both on, neighbours joined while one and the same is ahead.

    Their volumes sum to ``exclusive``. Between two neighbouring losses of the union the cross-section is constant: what
    the points at or below dominate in the other objectives.

    >>> slabs([[0, 2]], [[2, 0]], [3, 3], 0)
    [Slab(low=0.0, high=2.0, first=2.0, second=0.0), Slab(low=2.0, high=3.0, first=0.0, second=2.0)]
    """
    one, other = matrix(first, "first"), matrix(second, "second")
    corner = vector(reference, "reference", size=one.shape[1])
    inside = [points[(points < corner).all(axis=1)] for points in (one, other)]
    edges = [*np.unique(np.concatenate([points[:, objective] for points in inside])), corner[objective]]
    rest = np.delete(np.arange(len(corner)), objective)
    made: list[Slab] = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        areas = [_section(points[points[:, objective] <= low][:, rest], corner[rest]) for points in inside]
        both = _section(np.vstack([points[points[:, objective] <= low][:, rest] for points in inside]), corner[rest])
        mine, theirs = (max(0.0, both - area) * (high - low) for area in reversed(areas))
        last = made[-1] if made else None
        if last and (mine > theirs) == (last.first > last.second) and (mine < theirs) == (last.first < last.second):
            made[-1] = Slab(
                low=last.low, high=float(high), first=last.first + float(mine), second=last.second + float(theirs)
            )
        else:
            made.append(Slab(low=float(low), high=float(high), first=float(mine), second=float(theirs)))
    return made


def welch(first: ArrayLike, second: ArrayLike, *, level: float = 0.9) -> tuple[float, float]:
    """The interval of the difference of two means, from independent numbers (a,) and (b,) of normal law (Welch, 1947).

    >>> low, high = welch([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    >>> round(low, 2), round(high, 2)
    (-0.74, 2.74)
    """
    from scipy.stats import t  # half a second that most commands never need

    one, other = vector(first, "first", size=np.size(first)), vector(second, "second", size=np.size(second))
    if min(len(one), len(other)) < 2:
        raise SearchError("welch", expected="two numbers of each at least", got=(len(one), len(other)))
    parts = [float(numbers.var(ddof=1)) / len(numbers) for numbers in (one, other)]
    middle, width = float(one.mean() - other.mean()), sum(parts)
    if width == 0:
        return middle, middle
    freedom = width**2 / sum(part**2 / (len(n) - 1) for part, n in zip(parts, (one, other), strict=True))
    half = float(t.ppf(0.5 + level / 2, freedom)) * math.sqrt(width)
    return middle - half, middle + half


def _section(points: Floats, corner: Floats) -> float:
    """Hypervolume; where no objective is left, whether anything is there."""
    return hypervolume(points, corner) if len(corner) else float(len(points) > 0)
