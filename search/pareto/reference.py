"""The reference point where nobody states one: the worst losses that count, from what was found so far."""

import numpy as np
from numpy.typing import ArrayLike

from search.pareto.arrays import Floats, matrix
from search.pareto.dominance import feasible_front

BEYOND = 0.1  # of the front's range: Ishibuchi, Akedo and Nojima (2011), as BoTorch takes it


def reference(losses: ArrayLike, violations: ArrayLike, limits: ArrayLike) -> Floats:
    """(n, m), (n, c), (m,) -> (m,): ``limits``, and where one is NaN the nadir of the front and a tenth of its range.

    The front is that of the rows within all limits; while there are none, all rows stand in. Where the front has no
    range that of all rows serves, else the size of the loss, else 1. Without any row it is 0.

    >>> reference([[0, 10], [1, 5], [4, 0], [9, 9]], np.zeros((4, 0)), [np.nan, np.nan]).tolist()
    [4.4, 11.0]
    >>> reference([[0, 10], [1, 5], [4, 0]], np.zeros((3, 0)), [2, np.nan]).tolist()
    [2.0, 10.5]
    """
    limits = np.asarray(limits, dtype=np.float64)
    rows = matrix(losses, "losses")
    if not len(rows):
        return np.where(np.isnan(limits), 0.0, limits)
    inside = ~(rows > limits).any(axis=1)  # no loss is above NaN
    front = rows
    if inside.any():
        mask, feasible = feasible_front(rows[inside], np.asarray(violations)[inside])
        front = rows[inside][mask] if feasible else rows
    nadir = front.max(axis=0)
    lengths = [np.ptp(front, axis=0), np.ptp(rows, axis=0), np.abs(nadir)]
    width = np.select([length > 0 for length in lengths], lengths, 1.0)
    return np.where(np.isnan(limits), nadir + BEYOND * width, limits)
