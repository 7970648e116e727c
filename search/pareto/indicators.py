"""How good a set of losses (n, m) is beside a reference front (r, m): one number, less is better.

    igd_plus, epsilon, r2   nearness and spread; a set never looks better than one that dominates it
    gd, gd_plus             nearness alone, and a mean over the set: one point on the front is perfect
    spread                  evenness alone, at whatever distance

Distances are Euclidean in the losses' own units: scale the objectives first. By moocore where it has them.
"""

from itertools import combinations
from math import comb

import moocore
import numpy as np
from numpy.typing import ArrayLike

from search.errors import SearchError
from search.pareto.arrays import Floats, matrix
from search.pareto.dominance import is_nondominated
from search.pareto.scalarise import chebyshev

WEIGHTS = 500  # at most so many are made for r2, as Brockhoff, Wagner and Trautmann (2012) take in two objectives


def igd_plus(losses: ArrayLike, reference: ArrayLike) -> float:
    """Mean over z of the reference of min_a |max(a - z, 0)|: how much worse the set is than each z.

    Ishibuchi, Masuda, Tanigaki, Nojima (EMO 2015), eq. 18.

    >>> igd_plus([[1, 1], [0, 4]], [[0, 1], [1, 0]])
    1.0
    """
    points, front = _pair(losses, reference)
    return float(moocore.igd_plus(points, front))


def gd_plus(losses: ArrayLike, reference: ArrayLike) -> float:
    """Mean over a of the set of min_z |max(a - z, 0)| (Ishibuchi et al., EMO 2015): a dominated row costs.

    >>> gd_plus([[1, 1], [0, 4]], [[0, 1], [1, 0]])
    2.0
    """
    points, front = _pair(losses, reference)
    # Maximised, the distance from z to a counts where a - z > 0; the mean is over the second argument.
    return float(moocore.igd_plus(front, points, maximise=True))


def gd(losses: ArrayLike, reference: ArrayLike) -> float:
    """Mean over a of the set of min_z |a - z|: the generational distance of Van Veldhuizen (1999) with p = 1.

    >>> gd([[1, 1], [0, 4]], [[0, 1], [1, 0]])
    2.0
    """
    points, front = _pair(losses, reference)
    return float(moocore.igd(front, points))


def epsilon(losses: ArrayLike, reference: ArrayLike) -> float:
    """max_z min_a max_j (a_j - z_j): what must be taken off every loss until each z is weakly dominated.

    The additive epsilon of Zitzler, Thiele, Laumanns, Fonseca, Grunert da Fonseca (2003); below 0 where the
    set dominates the reference.

    >>> epsilon([[1, 1], [0, 4]], [[0, 1], [1, 0]])
    1.0
    """
    points, front = _pair(losses, reference)
    return float(moocore.epsilon_additive(points, front))


def r2(losses: ArrayLike, ideal: ArrayLike, *, weights: ArrayLike | None = None) -> float:
    """Mean over weights w of min_a max_j w_j (a_j - ideal_j); ``weights`` (k, m), each >= 0 and not all 0.

    R2 of Hansen and Jaszkiewicz (1998) for one set (Brockhoff, Wagner, Trautmann, 2012). Weights that are not
    given are ``uniform``. A loss below the ideal counts as better, so the order of sets stays that of dominance.

    >>> r2([[1, 0], [0, 1]], [0, 0], weights=[[1, 0], [0.5, 0.5], [0, 1]])
    0.16666666666666666
    """
    points = _some(losses, "losses")
    m = points.shape[1]
    chosen = uniform(m) if weights is None else _some(weights, "weights", columns=m)
    return float(np.mean([chebyshev(points, w, ideal).min() for w in chosen]))


def divisions(m: int, at_most: int) -> int:
    """The most parts of an edge of the simplex of m objectives with at most so many lattice points; 1 at least.

    >>> divisions(2, 20), divisions(3, 21), divisions(3, 20), divisions(5, 2), divisions(1, 20)
    (19, 5, 4, 1, 1)
    """
    parts = 1
    while m > 1 and comb(parts + m, m - 1) <= at_most:
        parts += 1
    return parts


def uniform(m: int, at_most: int = WEIGHTS) -> Floats:
    """(k, m): the finest simplex lattice (Das and Dennis, 1998) of at most that many weights, and the corners at least.

    From seven objectives on nearly all of them have a zero; give weights there.

    >>> uniform(2, 3).tolist()
    [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    """
    if m < 1:
        raise SearchError("m", expected="at least one objective", got=m)
    steps = divisions(m, at_most)
    bars = np.array(list(combinations(range(steps + m - 1), m - 1))).reshape(comb(steps + m - 1, m - 1), m - 1)
    ends = np.full((len(bars), 1), steps + m - 1)
    return np.diff(bars, axis=1, prepend=-1, append=ends).astype(np.float64) / steps - 1.0 / steps


def spread(losses: ArrayLike, reference: ArrayLike) -> float:
    """How unevenly the set's front lies: 0 for even steps that reach every end of the reference front.

    Deb's Delta (NSGA-II, 2002) for any m, as Zhou, Jin, Zhang, Sendhoff, Tsang (2006) state it:

        (sum_e d(e) + sum_a |d(a) - mean d|) / (sum_e d(e) + n mean d)

    d(a): from a to the nearest other of the n points; d(e): from the end e to the nearest point. Ends are the
    reference front's points that are largest in an objective (the smaller sum on ties). Equal and dominated
    rows are left out. In two objectives it is not Deb's own number, whose d are between neighbours only.

    >>> spread([[0, 2], [1, 1], [2, 0]], [[0, 2], [2, 0]])
    0.0
    >>> spread([[1, 1]], [[0, 2], [2, 0]])
    1.0
    """
    points, front = (rows[is_nondominated(rows, keep_ties=False)] for rows in _pair(losses, reference))
    total = front.sum(axis=1)
    ends = front[[np.lexsort((total, -objective))[0] for objective in front.T]]
    missed = sum(float(np.linalg.norm(points - end, axis=1).min()) for end in ends)
    steps = np.zeros(len(points))
    for row in range(len(points) if len(points) > 1 else 0):
        steps[row] = np.linalg.norm(np.delete(points, row, axis=0) - points[row], axis=1).min()
    whole = missed + float(steps.sum())
    return (missed + float(np.abs(steps - steps.mean()).sum())) / whole if whole > 0 else 0.0


def _pair(losses: ArrayLike, reference: ArrayLike) -> tuple[Floats, Floats]:
    points = _some(losses, "losses")
    return points, _some(reference, "reference", columns=points.shape[1])


def _some(values: ArrayLike, name: str, *, columns: int | None = None) -> Floats:
    rows = matrix(values, name, columns=columns)
    if not len(rows):
        raise SearchError(name, expected="at least one row", got=rows.shape)
    return rows
