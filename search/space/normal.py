"""The normal distribution cut off at both ends of a range, against the uniform one there: what a prior on a number is.

``center``, ``deviation``, ``low`` and ``high`` are in one scale, the number's or its logarithm's; ``center`` is inside.
"""

import math
from statistics import NormalDist

from numpy.random import Generator

STANDARD = NormalDist()
FAR = 30.0  # deviations from where on the tail is taken from its asymptotic series


def log_density(at: float, center: float, deviation: float, low: float, high: float) -> float:
    """The logarithm of the density at ``at`` over that of the uniform distribution.

    >>> round(log_density(0.5, 0.5, 0.1, 0.0, 1.0), 4)  # 1 / (0.1 sqrt(2 pi)), nearly nothing is cut off
    1.3836
    """
    distance = (at - center) / deviation
    share = log_between((low - center) / deviation, (high - center) / deviation)
    return math.log((high - low) / deviation) - distance**2 / 2.0 - math.log(2.0 * math.pi) / 2.0 - share


def log_mass(start: float, end: float, center: float, deviation: float, low: float, high: float) -> float:
    """The logarithm of the probability of [start, end] over that of the uniform distribution."""
    part = log_between((start - center) / deviation, (end - center) / deviation)
    whole = log_between((low - center) / deviation, (high - center) / deviation)
    return part - whole - math.log((end - start) / (high - low))


def draw(center: float, deviation: float, low: float, high: float, rng: Generator) -> float:
    """By the inverse of the distribution function."""
    least, most = STANDARD.cdf((low - center) / deviation), STANDARD.cdf((high - center) / deviation)
    share = least + rng.random() * (most - least)
    return center + deviation * (STANDARD.inv_cdf(share) if 0.0 < share < 1.0 else 0.0)


def log_between(start: float, end: float) -> float:
    """The logarithm of the standard normal's probability of [start, end], however far out.

    >>> round(log_between(-1.0, 1.0), 4), round(log_between(100.0, 101.0))
    (-0.3817, -5006)
    """
    if start + end < 0.0:
        start, end = -end, -start
    if start <= 0.0:
        return math.log1p(-(math.erfc(-start / math.sqrt(2.0)) + math.erfc(end / math.sqrt(2.0))) / 2.0)
    return _log_tail(start) + math.log1p(-math.exp(_log_tail(end) - _log_tail(start)))


def _log_tail(start: float) -> float:
    if start < FAR:
        return math.log(math.erfc(start / math.sqrt(2.0)) / 2.0)
    return -(start**2) / 2.0 - math.log(start * math.sqrt(2.0 * math.pi)) + math.log1p(-(start**-2) + 3.0 * start**-4)
