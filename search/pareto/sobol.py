"""Sobol points: n points that fill the unit cube far more evenly than random ones, for any n.

Direction numbers of Joe and Kuo (new-joe-kuo-6.21201, 2008); point i is the exclusive or of the direction
numbers at the one-bits of i's Gray code; a random digital shift (Owen, 1995) makes each point uniform and
keeps the evenness.
"""

import numpy as np
from numpy.typing import NDArray

from search.errors import SearchError
from search.pareto.arrays import Floats

BITS = 30

# One row a dimension after the first: primitive polynomial over GF(2) in binary, then its first odd numbers.
JOE_KUO = (
    (3, 1), (7, 1, 3), (11, 1, 3, 1), (13, 1, 1, 1), (19, 1, 1, 3, 3), (25, 1, 3, 5, 13),
    (37, 1, 1, 5, 5, 17), (41, 1, 1, 5, 5, 5), (47, 1, 1, 7, 11, 19), (55, 1, 1, 5, 1, 1),
    (59, 1, 1, 1, 3, 11), (61, 1, 3, 5, 5, 31), (67, 1, 3, 3, 9, 7, 49), (91, 1, 1, 1, 15, 21, 21),
    (97, 1, 3, 1, 13, 27, 49), (103, 1, 1, 1, 15, 7, 5), (109, 1, 3, 1, 15, 13, 25),
    (115, 1, 1, 5, 5, 19, 61), (131, 1, 3, 7, 11, 23, 15, 103), (137, 1, 3, 7, 13, 13, 15, 69),
    (143, 1, 1, 3, 13, 7, 35, 63), (145, 1, 3, 5, 9, 1, 25, 53), (157, 1, 3, 1, 13, 9, 35, 107),
    (167, 1, 3, 1, 5, 27, 61, 31), (171, 1, 1, 5, 11, 19, 41, 61), (185, 1, 3, 5, 3, 3, 13, 69),
    (191, 1, 1, 7, 13, 1, 19, 1), (193, 1, 3, 7, 5, 13, 19, 59), (203, 1, 1, 3, 9, 25, 29, 41),
    (211, 1, 3, 5, 13, 23, 1, 55), (213, 1, 3, 7, 3, 13, 59, 17),
)  # fmt: skip


def sobol(n: int, d: int, *, seed: int | None) -> Floats:
    """(n, d) points strictly inside (0, 1), d <= 32. Without a seed no shift: the classical sequence.

    >>> sobol(4, 2, seed=None).round(3).tolist()
    [[0.0, 0.0], [0.5, 0.5], [0.75, 0.25], [0.25, 0.75]]
    """
    if d > len(JOE_KUO) + 1:
        raise SearchError("dimensions", expected=f"at most {len(JOE_KUO) + 1} for Sobol points", got=d)
    directions = _directions(d)
    index = np.arange(n, dtype=np.int64)
    gray = index ^ (index >> 1)
    digits = np.zeros((n, d), dtype=np.int64)
    for bit in range(n.bit_length()):
        digits ^= ((gray >> bit) & 1)[:, None] * directions[:, bit]
    if seed is not None:
        digits ^= np.random.default_rng(seed).integers(0, 1 << BITS, d)
    return (digits + 0.5) / (1 << BITS)


def _directions(d: int) -> NDArray[np.int64]:
    table = np.ones((d, BITS), dtype=np.int64)
    for row, (polynomial, *numbers) in zip(table[1:], JOE_KUO, strict=False):
        degree = len(numbers)
        row[:degree] = numbers
        for bit in range(degree, BITS):
            row[bit] = row[bit - degree]
            for back in range(1, degree + 1):
                if (polynomial >> (degree - back)) & 1:
                    row[bit] ^= row[bit - back] << back
    return table << np.arange(BITS - 1, -1, -1)
