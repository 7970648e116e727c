"""What can be searched: each dimension with its place in the unit cube, its neighbours, and what is wrong with a value.

Unit cube: a float, an integer or a choice takes one column, a simplex of k names takes k - 1 (stick
breaking that is uniform on the simplex: Devroye 1986, chapter XI.4).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from search.errors import one_of

Vector = NDArray[np.float64]
INACTIVE = 0.5


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A value that is not searched."""

    name: str
    value: Any
    origin: str = "study"
    width = 0

    def __str__(self) -> str:
        return f"= {self.value}"


@dataclass(frozen=True, kw_only=True)
class Float:
    """A real number in [low, high], uniform, or uniform in its logarithm."""

    name: str
    low: float
    high: float
    log: bool = False
    default: float | None = None
    origin: str = "study"
    width = 1

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}]" + (" log" if self.log else "")

    def decode(self, unit: Vector) -> float:
        position = float(unit[0])
        if self.log:
            position = math.exp(math.log(self.low) + position * (math.log(self.high) - math.log(self.low)))
        else:
            position = self.low + position * (self.high - self.low)
        return min(max(position, self.low), self.high)

    def encode(self, value: float) -> Vector:
        scale = math.log if self.log else float
        low, high = scale(self.low), scale(self.high)
        return np.array([(scale(value) - low) / (high - low)])

    def mutate(self, value: float, rng: Generator, scale: float) -> float:
        moved = abs(float(self.encode(value)[0]) + rng.normal(0.0, scale)) % 2.0  # reflected at both ends
        return self.decode(np.array([2.0 - moved if moved > 1.0 else moved]))

    def mistake(self, value: Any) -> str | None:
        numeric = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return None if numeric and self.low <= value <= self.high else f"a number in {self}"


@dataclass(frozen=True, kw_only=True)
class Integer:
    """A whole number in [low, high], uniform or log-uniform; every value is a cell of the unit interval."""

    name: str
    low: int
    high: int
    log: bool = False
    default: int | None = None
    origin: str = "study"
    width = 1

    def __str__(self) -> str:
        return f"{self.low}..{self.high}" + (" log" if self.log else "")

    @property
    def _edges(self) -> tuple[float, float]:
        low, high = self.low - 0.5, self.high + 0.5
        return (math.log(low), math.log(high)) if self.log else (low, high)

    def decode(self, unit: Vector) -> int:
        low, high = self._edges
        position = low + float(unit[0]) * (high - low)
        # floor(x + 1/2), not round: halves must not go to the even neighbour, or cells are uneven
        return min(max(math.floor((math.exp(position) if self.log else position) + 0.5), self.low), self.high)

    def encode(self, value: int) -> Vector:
        low, high = self._edges
        return np.array([((math.log(value) if self.log else value) - low) / (high - low)])

    def mutate(self, value: int, rng: Generator, scale: float) -> int:
        moved = self.decode(np.clip(self.encode(value) + rng.normal(0.0, scale), 0.0, 1.0))
        step = 1 if value == self.low or (value < self.high and rng.random() < 0.5) else -1
        return moved if moved != value else value + step

    def mistake(self, value: Any) -> str | None:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole and self.low <= value <= self.high else f"a whole number in {self}"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of ``options``; ``spaces[option]`` exists only where that option is chosen.

    ``named``: the options carry settings or are components, so code receives ``{"name": option, ...}``.
    """

    name: str
    options: tuple[Any, ...]
    spaces: Mapping[Any, tuple["Node", ...]] = field(default_factory=dict)
    named: bool = False
    default: Any = None
    origin: str = "study"

    @property
    def width(self) -> int:
        return 1 if len(self.options) > 1 else 0

    def __str__(self) -> str:
        return " | ".join(str(option) for option in self.options)

    def decode(self, unit: Vector) -> Any:
        return self.options[min(int(float(unit[0]) * len(self.options)), len(self.options) - 1)]

    def encode(self, value: Any) -> Vector:
        return np.array([(self.options.index(value) + 0.5) / len(self.options)])

    def mutate(self, value: Any, rng: Generator, scale: float) -> Any:
        others = [option for option in self.options if option != value]
        return others[int(rng.integers(len(others)))]

    def mistake(self, value: Any) -> str | None:
        known = any(type(option) is type(value) and option == value for option in self.options)
        return None if known else one_of(str(option) for option in self.options)


@dataclass(frozen=True, kw_only=True)
class Simplex:
    """Weights, one for each of ``names``, that are not negative and sum to one; a value is a tuple."""

    name: str
    names: tuple[str, ...]
    default: Mapping[str, float] | None = None
    origin: str = "study"

    @property
    def width(self) -> int:
        return len(self.names) - 1

    def __str__(self) -> str:
        return " + ".join(self.names) + " = 1"

    def decode(self, unit: Vector) -> tuple[float, ...]:
        # what is left of the stick is kept, not what is broken off: exact even where one weight is almost all
        rest, weights = 1.0, []
        for index in range(self.width):
            left = rest * float(unit[index]) ** (1.0 / (self.width - index))
            weights.append(rest - left)
            rest = left
        return (*weights, rest)

    def encode(self, value: tuple[float, ...]) -> Vector:
        unit = []
        for index in range(self.width):
            rest, left = math.fsum(value[index:]), math.fsum(value[index + 1 :])
            unit.append((left / rest) ** (self.width - index) if rest > 0.0 else INACTIVE)
        return np.array(unit)

    def mutate(self, value: tuple[float, ...], rng: Generator, scale: float) -> tuple[float, ...]:
        step = rng.random() * min(4.0 * scale, 1.0)
        towards = rng.dirichlet(np.full(len(self.names), 0.5))  # 1/2: corners and faces are common targets
        moved = [(1.0 - step) * old + step * float(new) for old, new in zip(value, towards, strict=True)]
        return (*moved[:-1], max(1.0 - sum(moved[:-1]), 0.0))

    def mistake(self, value: Any) -> str | None:
        try:
            good = len(value) == len(self.names) and min(value) >= 0.0 and abs(sum(value) - 1.0) < 1e-6
        except TypeError:
            good = False
        return None if good else f"weights that sum to one: {self}"


Dimension = Float | Integer | Choice | Simplex
Node = Fixed | Dimension
