"""The order in which a row sees the data: a function of its seed and its age alone.

Every epoch is a fresh permutation of the n examples, cut into whole batches; the rest of an epoch is left
out. A permutation is the sorting order of one hash per example, so it needs no memory: a resumed row goes
on where it stopped. The hash is splitmix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number
Generators, 2014), a bijection of 64-bit words, so no two examples share a key.
"""

from __future__ import annotations

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def order(seed: int, age: int, steps: int, *, n: int, batch: int) -> np.ndarray:
    """Indices (steps, b) int64 of the examples of steps age, age + 1, ...; b = min(batch, n).

    >>> order(7, 0, 4, n=6, batch=3).tolist()  # two epochs of two steps
    [[2, 0, 5], [3, 4, 1], [3, 2, 0], [4, 5, 1]]
    >>> order(7, 3, 1, n=6, batch=3).tolist()
    [[4, 5, 1]]
    """
    batch = min(batch, n)
    length = n // batch  # steps in an epoch
    first, last = age // length, (age + steps - 1) // length
    start = _mix(_mix(np.uint64(seed % 2**64)) + np.arange(first, last + 1, dtype=np.uint64))
    keys = _mix(start[:, None] + GOLDEN * np.arange(1, n + 1, dtype=np.uint64))
    batches = keys.argsort(axis=1)[:, : length * batch].reshape(-1, batch)
    return batches[age - first * length :][:steps]


def keys(seed: int, age: int, steps: int) -> np.ndarray:
    """One number (steps,) int32 for whatever the steps age, age + 1, ... draw, such as dropout.

    >>> keys(7, 0, 3).tolist()[2] == keys(7, 2, 1).tolist()[0]
    True
    """
    ages = np.arange(age, age + steps, dtype=np.uint64)
    return (_mix(~_mix(np.uint64(seed % 2**64)) + ages) >> np.uint64(32)).astype(np.uint32).view(np.int32)


def _mix(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        x = x + GOLDEN
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
