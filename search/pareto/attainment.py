"""What repeated searches reach: the empirical attainment function of several fronts.

A front attains a point when some row of it is at most as large in every objective. The share of the fronts that attain
it is the empirical attainment function (Grunert da Fonseca, Fonseca, Hall, EMO 2001); its surface at a share, such as
the median, is the front that at least so many of the searches reach. By moocore (Fonseca, Guerreiro, Lopez-Ibanez,
Paquete, EMO 2011), in two or three objectives; one is sorted.
"""

from collections.abc import Sequence
from math import ceil

import moocore
import numpy as np
from numpy.typing import ArrayLike

from search.errors import SearchError
from search.pareto.arrays import Floats, matrix
from search.pareto.dominance import is_nondominated


def attained(fronts: Sequence[ArrayLike], points: ArrayLike) -> Floats:
    """(q,): the share of the fronts (k_i, m) that attain each of ``points`` (q, m), in any number of objectives.

    >>> attained([[[0, 2], [2, 0]], [[1, 1]]], [[1, 2], [1, 1], [0, 0]]).tolist()
    [1.0, 0.5, 0.0]
    """
    known, places = _fronts(fronts), matrix(points, "points", columns=_objectives(fronts))
    reached = [(front[:, None] <= places).all(axis=2).any(axis=0) for front in known]
    return np.asarray(np.mean(reached, axis=0))


def attainment(fronts: Sequence[ArrayLike], *, share: float = 0.5) -> Floats:
    """(k, m): the least points that at least ``share`` of the fronts (k_i, m) attain, by the first objective.

    None where too many fronts are empty. In more than three objectives it is a SearchError.

    >>> attainment([[[0, 2], [2, 0]], [[1, 1]]], share=1.0).tolist()
    [[1.0, 2.0], [2.0, 1.0]]
    """
    known, m = _fronts(fronts), _objectives(fronts)
    if not 0 < share <= 1:
        raise SearchError("share", expected="a number above 0, at most 1", got=share)
    if m > 3:
        raise SearchError("fronts", expected="at most three objectives", got=m, hint="attained() takes any number.")
    needed = max(1, ceil(share * len(known) - 1e-9))
    full = [front for front in known if len(front)]
    if needed > len(full):
        return np.empty((0, m))
    if m == 1:
        return np.sort([front.min(axis=0) for front in full], axis=0)[needed - 1 : needed]
    sets = np.repeat(np.arange(len(full)), [len(front) for front in full])
    # half a front less than it takes, so that no rounding moves the level
    found = moocore.eaf(np.vstack(full), sets, percentiles=[100 * (needed - 0.5) / len(full)])[:, :-1]
    least = found[is_nondominated(found, keep_ties=False)]
    return np.asarray(least[np.lexsort(least.T[::-1])])


def _objectives(fronts: Sequence[ArrayLike]) -> int:
    return int(np.shape(fronts[0])[-1])


def _fronts(fronts: Sequence[ArrayLike]) -> list[Floats]:
    if not len(fronts):
        raise SearchError("fronts", expected="one at least", got=0)
    return [matrix(front, f"front {i}", columns=_objectives(fronts)) for i, front in enumerate(fronts)]
