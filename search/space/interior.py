"""A point well inside a polytope in which some coordinates are whole, by linear programming; or that there is none.

Its distance from the nearest face is the largest, and then the sum of its distances from all of them, each in shares of
MARGIN of its range and counted up to one: the sum still leaves what can be left where some distance is always 0. Whole
numbers come by branch and bound (Land and Doig 1960), depth first, up to the first point. A linear program is solved to
a tolerance only, so what it finds is put right to the last digit before it counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MARGIN = 0.25
NEAREST = 100.0  # weighs so many times the sum
BRANCHES = 2000  # after so many a lattice counts as empty: only equations that fractions alone solve take as long
TURNS = 10  # of correction
EXACT, ROUNDING = 1e-14, 1e-10  # of the largest that the terms of a row can be, and of what they are


@dataclass(frozen=True, kw_only=True)
class _Unit:
    """The polytope in units of its ranges, or for whole numbers in steps, from its lower ends."""

    whole: Mask
    sums: Array  # (e, n)
    rows: Array  # (r, n), the largest entry that a row can come to is 1
    bounds: Array  # (r,)
    reach: Array  # (r,): the range of each row


def interior(low: Array, high: Array, whole: Mask, sums: Array, rows: Array, bounds: Array) -> Array | None:
    """(n,) between ``low`` and ``high``: ``sums`` (e, n) of it are 1, ``rows`` (r, n) of it at most ``bounds`` (r,)."""
    least, most = np.minimum(rows * low, rows * high).sum(axis=1), np.maximum(rows * low, rows * high).sum(axis=1)
    sizes = np.abs(rows) @ np.maximum(np.abs(low), np.abs(high)) + np.abs(bounds)
    if (least > bounds + EXACT * sizes).any():
        return None
    if not len(low):
        return low
    unit, norm = np.where(whole, 1.0, high - low), np.abs(rows * (high - low)).max(axis=1)
    inner = _Unit(
        whole=whole,
        sums=sums,
        rows=rows * unit / norm[:, None],
        bounds=(bounds - rows @ low) / norm,
        reach=(most - least) / norm,
    )
    for y in _candidates(inner, (high - low) / unit):
        x = low + unit * y
        forgiven = np.maximum(ROUNDING * (np.abs(rows) @ np.abs(x) + np.abs(bounds)), EXACT * sizes)
        if (rows @ x <= bounds + forgiven).all():
            return x
    return None


def _candidates(inner: _Unit, roof: Array) -> Iterator[Array]:
    """Points that are whole where they must be and inside by all that a linear program can tell."""
    waiting = [(np.zeros(len(roof)), roof)]
    for _ in range(BRANCHES):
        if not waiting:
            return
        floor, roof = waiting.pop()
        if (y := _farthest(inner, floor, roof)) is None:
            continue
        nearest = np.where(inner.whole, np.round(y), y)
        size = np.abs(y - nearest)
        if (size < 1e-6).all():
            here = np.where(inner.whole, nearest, floor), np.where(inner.whole, nearest, roof)
            if (given := _farthest(inner, *here)) is not None:
                yield _corrected(inner, np.where(inner.whole, nearest, given))
            size = np.where(inner.whole, roof - floor, 0.0)  # the program was wrong: any number may be
        split = np.arange(len(y)) == size.argmax()
        for least, most in ((floor, nearest - 1.0), (nearest + 1.0, roof), (nearest, nearest)) if size.any() else ():
            some = np.where(split, np.maximum(least, floor), floor), np.where(split, np.minimum(most, roof), roof)
            waiting += [some] if (some[0] <= some[1]).all() else []


def _farthest(inner: _Unit, floor: Array, roof: Array) -> Array | None:
    """The point (n,) that is farthest from all rows and from both ends of the real numbers."""
    from scipy.optimize import linprog  # half a second that a study without constraints never needs

    n, r, ends = len(floor), len(inner.rows), np.eye(len(floor))[~inner.whole]
    several = np.maximum(inner.sums.sum(axis=1) @ inner.sums, 1.0)  # weights of one simplex cannot all be far from 0
    to_rows, to_ends = np.split(MARGIN * np.diag(np.concatenate([inner.reach, 1.0 / several[~inner.whole]])), [r])
    k = r + len(ends)  # after the n numbers come the k distances, and the least of them
    rules = np.block(
        [
            [inner.rows, to_rows, np.zeros((r, 1))],
            [ends, to_ends, np.zeros((k - r, 1))],
            [-ends, to_ends, np.zeros((k - r, 1))],
            [np.zeros((k, n)), -np.eye(k), np.ones((k, 1))],
        ]
    )
    found = linprog(
        -np.concatenate([np.zeros(n), np.full(k, 1.0 / k), [NEAREST]]),
        rules,
        np.concatenate([inner.bounds, np.ones(k - r), np.zeros(k - r), np.zeros(k)]),
        np.pad(inner.sums, ((0, 0), (0, k + 1))),
        np.ones(len(inner.sums)),
        np.stack([np.pad(floor, (0, k + 1)), np.pad(roof, (0, k + 1), constant_values=1.0)], axis=1),
    ).x
    return None if found is None else np.asarray(found[:n])


def _corrected(inner: _Unit, y: Array) -> Array:
    """``y`` (n,) with the least change of its real numbers that puts it onto the faces that it is beyond."""
    real = np.eye(len(y))[~inner.whole]
    faces = np.vstack([inner.rows, real, -real])
    limits = np.concatenate([inner.bounds, np.ones(len(real)), np.zeros(len(real))])
    beyond = np.zeros(len(faces), dtype=np.bool_)
    for _ in range(TURNS):
        beyond = beyond | (faces @ y > limits)
        kept = np.vstack([inner.sums, faces[beyond]])
        missing = np.concatenate([np.ones(len(inner.sums)), limits[beyond]]) - kept @ y
        if not missing.any():
            break
        y = y + np.linalg.lstsq(kept @ real.T, missing, rcond=None)[0] @ real
    return y
