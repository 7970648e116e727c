"""Pareto dominance among losses (n, m): x dominates y when x <= y everywhere and x < y somewhere.

Sorting is moocore's (Kung, Luccio, Preparata, JACM 1975: O(n log n) up to three objectives); ties are ours to
name.
"""

import moocore
import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.errors import SearchError
from search.pareto.arrays import Floats, matrix


def is_nondominated(losses: ArrayLike, *, keep_ties: bool = True) -> NDArray[np.bool_]:
    """(n, m) -> (n,): which rows no other row dominates.

    Equal rows do not dominate each other: ``keep_ties`` keeps them all, otherwise only the first of them
    stays.

    >>> is_nondominated([[1, 0], [0, 1], [1, 1], [0, 1]]).tolist()
    [True, True, False, True]
    >>> is_nondominated([[1, 0], [0, 1], [1, 1], [0, 1]], keep_ties=False).tolist()
    [True, True, False, False]
    """
    losses = matrix(losses, "losses")
    return np.asarray(moocore.is_nondominated(losses, keep_weakly=keep_ties), dtype=np.bool_)


def ranks(losses: ArrayLike) -> NDArray[np.int64]:
    """(n, m) -> (n,): 0 for the front, 1 for the front of what is left without it, and so on.

    >>> ranks([[0, 1], [1, 0], [1, 1], [2, 2]]).tolist()
    [0, 0, 1, 2]
    """
    return np.asarray(moocore.pareto_rank(matrix(losses, "losses")), dtype=np.int64)


def crowding(losses: ArrayLike) -> Floats:
    """(n, m) -> (n,): how alone a row is within the given set; infinite at both ends of every objective.

    Sum over objectives of (next - previous) / (largest - smallest), neighbours in the order of that
    objective, equal values in the order of their rows; an objective that does not vary says nothing (Deb et
    al., NSGA-II, 2002).

    >>> crowding([[0, 4], [1, 2], [4, 0]]).tolist()
    [inf, 2.0, inf]
    """
    losses = matrix(losses, "losses")
    if len(losses) < 3:
        return np.full(len(losses), np.inf)
    distance = np.zeros(len(losses))
    for objective in losses.T:
        order = np.argsort(objective, kind="stable")
        ascending = objective[order]
        width = ascending[-1] - ascending[0]
        if width > 0:
            distance[order[1:-1]] += (ascending[2:] - ascending[:-2]) / width
            distance[order[[0, -1]]] = np.inf
    return distance


def feasible_front(losses: ArrayLike, violations: ArrayLike) -> tuple[NDArray[np.bool_], bool]:
    """(n, m), (n, c) -> the front (n,) of the rows that keep all c limits (violation <= 0), and if any does.

    Where no row keeps them all, the rows of least total violation (sum of the positive parts) stand in,
    flagged False.

    >>> mask, feasible = feasible_front([[0, 0], [1, 2], [2, 1]], [[0.5], [0.0], [-1.0]])
    >>> mask.tolist(), feasible
    ([False, True, True], True)
    """
    losses = matrix(losses, "losses")
    excess = np.maximum(_limits(violations, len(losses)), 0.0).sum(axis=1)
    kept = excess == 0
    if not kept.any():
        return excess == excess.min(initial=np.inf), False
    mask = np.zeros(len(losses), dtype=np.bool_)
    mask[kept] = is_nondominated(losses[kept])
    return mask, True


def constrained_ranks(losses: ArrayLike, violations: ArrayLike) -> NDArray[np.int64]:
    """(n, m), (n, c) -> (n,): ranks of the rows that keep all c limits, then the others by their total violation.

    That is constrained domination (Deb et al., NSGA-II, 2002); equal violations share a rank.

    >>> constrained_ranks([[0, 1], [1, 0], [1, 1], [0, 0], [0, 0]], [[0], [0], [-1], [2], [1]]).tolist()
    [0, 0, 1, 3, 2]
    """
    losses = matrix(losses, "losses")
    excess = np.maximum(_limits(violations, len(losses)), 0.0).sum(axis=1)
    kept = excess == 0
    found = np.zeros(len(losses), dtype=np.int64)
    found[kept] = ranks(losses[kept])
    _, behind = np.unique(excess[~kept], return_inverse=True)
    found[~kept] = behind + found[kept].max(initial=-1) + 1
    return found


def order(losses: ArrayLike, violations: ArrayLike) -> NDArray[np.intp]:
    """(n, m), (n, c) -> (n,): rows from the best on, by constrained rank and within one the less crowded first.

    >>> order([[2, 2], [0, 4], [1, 2], [4, 0], [0, 0]], [[0], [0], [0], [0], [1]]).tolist()
    [1, 3, 2, 0, 4]
    """
    losses = matrix(losses, "losses")
    standing, alone = constrained_ranks(losses, violations), np.zeros(len(losses))
    for rank in np.unique(standing):
        alone[standing == rank] = crowding(losses[standing == rank])
    return np.lexsort((-alone, standing))


def _limits(violations: ArrayLike, rows: int) -> Floats:
    if np.shape(violations) == (rows, 0):  # no limit at all: every row keeps it
        return np.zeros((rows, 1))
    found = matrix(violations, "violations")
    if len(found) != rows:
        raise SearchError("violations", expected=f"one row for each of {rows} losses", got=found.shape)
    return found
