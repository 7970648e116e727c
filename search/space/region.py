"""Where the numbers of a point may be once its choices are made: a polytope in which some coordinates are whole.

    low <= x <= high,    rows x <= bounds,    the weights of one simplex sum to one

Nothing here tries until it succeeds. Every move starts at a point inside and goes along a line, no further than to the
first face, so it ends and stays inside, however thin the polytope is. The lines run along the faces, one by one and all
together, so that what is thin is still crossed along its length. Whole numbers go by whole steps: alone, with the real
numbers that follow them along a face, and in pairs that leave a row at its value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from search.space.interior import interior

Array = NDArray[np.float64]
Row = tuple[tuple[float, ...], float]  # coefficients (n,) and the bound of their sum

ROUNDS = 8  # over all lines, on the way to a target
PARALLEL = 1e-13  # to a face is a line that comes nearer by so little of its terms' sizes
SAME = 1e-11  # of a step, or of a range: what rounding leaves


@dataclass(frozen=True)
class Number:
    """A coordinate: the number ``name`` of ``dimension``, which may be one weight of a simplex."""

    name: str
    dimension: str
    low: float
    high: float
    whole: bool = False
    log: bool = False
    weight: bool = False


@dataclass(frozen=True, kw_only=True)
class Region:
    """``faces`` x <= ``limits`` (f, n), (f,): rows and both ends of each number; ``inner`` (n,) is well inside.

    ``lines``: orthonormal bases (n, k) of directions for the real numbers, in units of ``scale`` (n,); ``steps``:
    directions (n,) with whole numbers in them.
    """

    numbers: tuple[Number, ...]
    faces: Array
    limits: Array
    inner: Array
    scale: Array
    lines: tuple[Array, ...]
    steps: tuple[Array, ...]

    def towards(self, target: Array, rng: Generator) -> Array:
        """A point near ``target`` (n,): the end of a descent along the lines; who gives way first is drawn."""
        x = self.inner
        for _ in range(ROUNDS):
            before = x
            for basis in (self.lines[place] for place in rng.permutation(len(self.lines))):
                line = self.scale * (basis @ (basis.T @ ((target - x) / self.scale)))
                x = x + min(self._room(x, line)[1], 1.0) * line
            for step in (self.steps[place] for place in rng.permutation(len(self.steps))):
                size, ahead = step / self.scale, (target - x) / self.scale
                least, most = self._whole_room(x, step)
                x = x + min(max(round(float(size @ ahead) / float(size @ size)), least), most) * step
            if np.abs((x - before) / self.scale).max() < SAME:
                break
        return self._rounded(x)

    def wander(self, x: Array, count: int, rng: Generator) -> Array:
        """``count`` steps of hit-and-run from ``x`` (n,), which keep the uniform density (Smith 1984).

        Uniform in its logarithm where a number is: so is a step in the first of those that it changes, and for the
        others it is taken by the ratio of densities (Hastings 1970).
        """
        for _ in range(count if self.lines or self.steps else 0):
            place = int(rng.integers(len(self.lines) + len(self.steps)))
            if place >= len(self.lines):
                line = self.steps[place - len(self.lines)]
                least, most = self._whole_room(x, line)
                far, others = float(rng.integers(least, most + 1)), self._log
            else:
                basis = self.lines[place]
                line = self.scale * (basis @ rng.standard_normal(basis.shape[1]))
                far, others = self._stride(x, line, rng.random())
            there = self._rounded(x + far * line)
            if rng.random() < np.prod(x[others] / there[others]):
                x = there
        return x

    def _stride(self, x: Array, line: Array, share: float) -> tuple[float, NDArray[np.bool_]]:
        """How many times to go ``line``, at ``share`` of all that can be gone, and which logarithms that leaves out."""
        least, most = self._room(x, line)
        for first in np.flatnonzero(self._log & (line != 0.0))[:1]:
            others = self._log.copy()
            others[first] = False
            one, other = x[first] + least * line[first], x[first] + most * line[first]
            far = (one * (other / one) ** share - x[first]) / line[first]
            return min(max(far, least), most), others
        return least + share * (most - least), self._log

    def _room(self, x: Array, line: Array) -> tuple[float, float]:
        """How many times ``line`` (n,) the region goes on from ``x``: at least, not above 0; at most, not below 0."""
        slack, rate = np.maximum(self.limits - self.faces @ x, 0.0), self.faces @ line
        flat = PARALLEL * (np.abs(self.faces) @ np.abs(line))
        less, more = rate < -flat, rate > flat
        if not less.any():  # a line to nowhere: both ends of some number are in the way of any other
            return 0.0, 0.0
        return float((slack[less] / rate[less]).max()), float((slack[more] / rate[more]).min())

    def _whole_room(self, x: Array, step: Array) -> tuple[int, int]:
        least, most = self._room(x, step)
        return int(np.ceil(least - SAME)), int(np.floor(most + SAME))

    def _rounded(self, x: Array) -> Array:
        """``x`` without what rounding adds to whole numbers and to the ends of ranges."""
        x = np.where(self._whole, np.round(x), x)
        return np.clip(x, self._low, self._low + self.scale)

    @cached_property
    def _low(self) -> Array:
        return np.array([number.low for number in self.numbers], dtype=np.float64)

    @cached_property
    def _whole(self) -> NDArray[np.bool_]:
        return np.array([number.whole for number in self.numbers], dtype=np.bool_)

    @cached_property
    def _log(self) -> NDArray[np.bool_]:
        return np.array([number.log for number in self.numbers], dtype=np.bool_)


@lru_cache(maxsize=1024)
def region(numbers: tuple[Number, ...], rows: tuple[Row, ...]) -> Region | None:
    """The region of ``numbers`` under ``rows``, or None where it is empty."""
    low = np.array([number.low for number in numbers], dtype=np.float64)
    high = np.array([number.high for number in numbers], dtype=np.float64)
    whole = np.array([number.whole for number in numbers], dtype=np.bool_)
    simplexes = dict.fromkeys(number.dimension for number in numbers if number.weight)
    sums = np.array([number.dimension == name for name in simplexes for number in numbers], dtype=np.float64)
    sums = sums.reshape(len(simplexes), len(numbers))
    left, bounds = np.array([row for row, _ in rows]), np.array([bound for _, bound in rows])
    inner = interior(low, high, whole, sums, left, bounds)
    if inner is None:
        return None
    scale, ones = high - low, np.eye(len(numbers))
    along = [sums, *(np.vstack([sums, row]) for row in left), *([np.vstack([sums, left])] if len(left) > 1 else [])]
    free = [unit[:, None] for unit, number in zip(ones, numbers, strict=True) if not (number.whole or number.weight)]
    lines = [basis for basis in [*(_across(kept * scale, ~whole) for kept in along), *free] if basis.size]
    steps = [step for unit in ones[whole] for kept in along for step in _followed(unit, kept, ~whole, scale)]
    steps += [pair for row in left for pair in _pairs(row, whole)]
    return Region(
        numbers=numbers,
        faces=np.vstack([left, ones, -ones]),
        limits=np.concatenate([bounds, high, -low]),
        inner=inner,
        scale=scale,
        lines=tuple({((basis @ basis.T).round(9) + 0.0).tobytes(): basis for basis in lines}.values()),
        steps=tuple({((step / scale).round(9) + 0.0).tobytes(): step for step in steps}.values()),
    )


def _across(kept: Array, real: NDArray[np.bool_]) -> Array:
    """(n, k): an orthonormal basis of the moves of ``real`` numbers that leave the rows ``kept`` (r, n) alone."""
    _, sizes, directions = np.linalg.svd(_unit(kept[:, real]))
    rank = int((sizes > SAME).sum())
    basis = np.zeros((len(real), int(real.sum()) - rank))
    basis[real] = directions[rank:].T
    return np.where(np.abs(basis) > SAME, basis, 0.0)  # what does not move does not move at all


def _followed(unit: Array, kept: Array, real: NDArray[np.bool_], scale: Array) -> Iterator[Array]:
    """A step of whole numbers, with the least that ``real`` ones must do to leave ``kept`` (r, n) alone, if able."""
    seen = _unit(kept * scale)
    answer, *_ = np.linalg.lstsq(seen[:, real], -seen @ (unit / scale), rcond=None)
    step = unit.copy()
    step[real] = scale[real] * answer
    if np.abs(seen @ (step / scale)).max(initial=0.0) < SAME:
        yield step


def _pairs(row: Array, whole: NDArray[np.bool_]) -> Iterator[Array]:
    """Steps of two whole numbers that leave ``row`` (n,) at its value."""
    ones = np.eye(len(row))
    for one, other in combinations(np.flatnonzero(whole & (row != 0.0)), 2):
        ratio = Fraction(row[one] / row[other]).limit_denominator(100)
        if abs(float(ratio) * row[other] - row[one]) < SAME * abs(row[one]):
            yield ratio.denominator * ones[one] - ratio.numerator * ones[other]


def _unit(rows: Array) -> Array:
    """Rows (r, n) of which the largest entries are 1."""
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    return rows / np.where(largest > 0.0, largest, 1.0)
