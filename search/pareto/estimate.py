"""Hypervolume of many points in many objectives: unbiased estimates, with their standard errors where one is asked for.

Seen from the reference r, the dominated region reaches in a direction w of the positive sphere as far as

    s(w) = max_y s(w, y),    s(w, y) = min_j (r_j - y_j) / w_j          and       volume = c E[s(w)^m],

c = pi^(m/2) / (m 2^(m-1) Gamma(m/2)), w uniform: Shang, Ishibuchi, Zhang, Liu, IEEE TEVC 2020 (R2-HVC); Deng and Zhang,
IEEE TEVC 2019. The mean over directions that are drawn is unbiased. A point reaches as far in the same directions,
however many others there are: a growing set never loses, and the part of a point is where it reaches farthest.
"""

from math import gamma, pi

import moocore
import numpy as np

from search.pareto.arrays import Floats

PARTS = 16  # independent estimates, whose scatter is the error that is stated
SAMPLES = 16384  # directions of each
DIRECTIONS = 32768  # where every point is followed


def volume(points: Floats, reference: Floats, *, seed: int = 0) -> tuple[float, float]:
    """The volume and its standard error, of points (n, m) strictly below the reference (m,), by Monte Carlo.

    >>> found, error = volume(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([2.0, 2.0]))
    >>> abs(found - 3.0) < 4 * error < 0.02
    True
    """
    seeds = np.random.SeedSequence(seed).generate_state(PARTS)
    how = {"method": "DZ2019-MC", "nsamples": SAMPLES}
    found = np.array([moocore.hv_approx(points, reference, seed=int(each), **how) for each in seeds])
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(PARTS))


def growth(points: Floats, reference: Floats, *, seed: int = 0) -> Floats:
    """(n,): the volume of the first point, of the first two, ... of all; it never falls.

    >>> growth(np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]), np.array([2.0, 2.0])).round(1).tolist()
    [2.0, 2.0, 3.0]
    """
    found, farthest = np.zeros(len(points)), np.zeros(DIRECTIONS)
    inverse, scale = _directions(points.shape[1], seed)
    for row, point in enumerate(points):
        np.maximum(farthest, _reach(point, reference, inverse), out=farthest)
        found[row] = scale * (farthest ** points.shape[1]).mean()
    return found


def parts(points: Floats, reference: Floats, *, seed: int = 0) -> Floats:
    """(n,): what would be lost without that point alone.

    >>> parts(np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]), np.array([2.0, 2.0])).round(1).tolist()
    [1.0, 0.0, 1.0]
    """
    n, m = points.shape
    inverse, scale = _directions(m, seed)
    farthest, next_, whose = np.zeros(DIRECTIONS), np.zeros(DIRECTIONS), np.zeros(DIRECTIONS, dtype=np.intp)
    for row, point in enumerate(points):
        reach = _reach(point, reference, inverse)
        beyond = reach > farthest
        np.maximum(next_, np.minimum(reach, farthest), out=next_)
        farthest[beyond], whose[beyond] = reach[beyond], row
    lost: Floats = np.bincount(whose, farthest**m - next_**m, minlength=n).astype(np.float64)
    return lost * (scale / DIRECTIONS)


def _directions(m: int, seed: int) -> tuple[Floats, float]:
    """(m, d): 1 / w of each direction; and what their mean is multiplied by."""
    normal = np.abs(np.random.default_rng(seed).standard_normal((m, DIRECTIONS)))
    return np.linalg.norm(normal, axis=0) / normal, pi ** (m / 2) / (m * 2 ** (m - 1) * gamma(m / 2))


def _reach(point: Floats, reference: Floats, inverse: Floats) -> Floats:
    far: Floats = inverse[0] * (reference[0] - point[0])
    for w, r, y in zip(inverse[1:], reference[1:], point[1:], strict=True):
        np.minimum(far, w * (r - y), out=far)
    return far
