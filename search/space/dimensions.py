"""What can be searched: each dimension with its place in the unit cube, its neighbours, and what is wrong with a value.

Unit cube: a float, an integer or a choice takes one column, a simplex of k names takes k - 1 (stick
breaking that is uniform on the simplex: Devroye 1986, chapter XI.4).

``usual`` is the default or, without one, the middle: of a choice the first option, of weights the same for all.

A prior says where good values are expected. ``draw`` draws from it, and ``log_prior`` is the logarithm of its density
over the uniform one's; without a prior those are uniform and 0.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from search.errors import one_of
from search.space import normal

Vector = NDArray[np.float64]
INACTIVE = 0.5
CORNER = 1e-9  # a weight below counts as this much in a prior, so that a corner has a density


@dataclass(frozen=True)
class Near:
    """A normal distribution about ``center``, cut off where the range ends; ``deviation`` is that of the logarithm
    where the number is logarithmic."""

    center: float
    deviation: float


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
    prior: Near | None = None
    origin: str = "study"
    width = 1

    def __str__(self) -> str:
        return f"[{self.low:g}, {self.high:g}]" + (" log" if self.log else "")

    @property
    def usual(self) -> float:
        return self.decode(np.array([0.5])) if self.default is None else float(self.default)

    def decode(self, unit: Vector) -> float:
        low, high = self._scaled(self.low), self._scaled(self.high)
        return self._value(low + float(unit[0]) * (high - low))

    def encode(self, value: float) -> Vector:
        low, high = self._scaled(self.low), self._scaled(self.high)
        return np.array([(self._scaled(value) - low) / (high - low)])

    def mutate(self, value: float, rng: Generator, scale: float) -> float:
        moved = abs(float(self.encode(value)[0]) + rng.normal(0.0, scale)) % 2.0  # reflected at both ends
        return self.decode(np.array([2.0 - moved if moved > 1.0 else moved]))

    @property
    def span(self) -> float:
        """Of the range, in logarithms where it is logarithmic."""
        return self._scaled(self.high) - self._scaled(self.low)

    def draw(self, rng: Generator) -> float:
        if self.prior is None:
            return self.decode(rng.random(1))
        ends = self._scaled(self.low), self._scaled(self.high)
        return self._value(normal.draw(self._scaled(self.prior.center), self.prior.deviation, *ends, rng))

    def log_prior(self, value: float) -> float:
        if self.prior is None:
            return 0.0
        at, center, *ends = map(self._scaled, (value, self.prior.center, self.low, self.high))
        return normal.log_density(at, center, self.prior.deviation, *ends)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.log else float(value)

    def _value(self, scaled: float) -> float:
        return min(max(math.exp(scaled) if self.log else scaled, self.low), self.high)

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
    prior: Near | None = None
    origin: str = "study"
    width = 1

    def __str__(self) -> str:
        return f"{self.low}..{self.high}" + (" log" if self.log else "")

    @property
    def _edges(self) -> tuple[float, float]:
        return self._scaled(self.low - 0.5), self._scaled(self.high + 0.5)

    @property
    def usual(self) -> int:
        return self.decode(np.array([0.5])) if self.default is None else self.default

    def decode(self, unit: Vector) -> int:
        low, high = self._edges
        return self._value(low + float(unit[0]) * (high - low))

    def encode(self, value: int) -> Vector:
        low, high = self._edges
        return np.array([(self._scaled(value) - low) / (high - low)])

    @property
    def span(self) -> float:
        """Of the cells of the range, in logarithms where it is logarithmic."""
        return self._edges[1] - self._edges[0]

    def draw(self, rng: Generator) -> int:
        if self.prior is None:
            return self.decode(rng.random(1))
        return self._value(normal.draw(self._scaled(self.prior.center), self.prior.deviation, *self._edges, rng))

    def log_prior(self, value: int) -> float:
        if self.prior is None:
            return 0.0
        start, end, center = map(self._scaled, (value - 0.5, value + 0.5, self.prior.center))
        return normal.log_mass(start, end, center, self.prior.deviation, *self._edges)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.log else float(value)

    def _value(self, scaled: float) -> int:
        # floor(x + 1/2), not round: halves must not go to the even neighbour, or cells are uneven
        return min(max(math.floor((math.exp(scaled) if self.log else scaled) + 0.5), self.low), self.high)

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
    ``prior``: the probability of each option.
    """

    name: str
    options: tuple[Any, ...]
    spaces: Mapping[Any, tuple["Node", ...]] = field(default_factory=dict)
    named: bool = False
    default: Any = None
    prior: tuple[float, ...] | None = None
    origin: str = "study"

    @property
    def width(self) -> int:
        return 1 if len(self.options) > 1 else 0

    def __str__(self) -> str:
        return " | ".join(str(option) for option in self.options)

    @property
    def usual(self) -> Any:
        return self.options[0] if self.default is None else self.default

    def decode(self, unit: Vector) -> Any:
        return self.options[min(int(float(unit[0]) * len(self.options)), len(self.options) - 1)]

    def encode(self, value: Any) -> Vector:
        return np.array([(self.options.index(value) + 0.5) / len(self.options)])

    def mutate(self, value: Any, rng: Generator, scale: float) -> Any:
        others = [option for option in self.options if option != value]
        return others[int(rng.integers(len(others)))]

    def draw(self, rng: Generator) -> Any:
        return self.options[int(rng.choice(len(self.options), p=self.prior))]

    def log_prior(self, value: Any) -> float:
        return math.log(len(self.options) * self.prior[self.options.index(value)]) if self.prior else 0.0

    def mistake(self, value: Any) -> str | None:
        known = any(type(option) is type(value) and option == value for option in self.options)
        return None if known else one_of(str(option) for option in self.options)


@dataclass(frozen=True, kw_only=True)
class Simplex:
    """Weights, one for each of ``names``, that are not negative and sum to one; a value is a tuple.

    ``prior``: the parameters of a Dirichlet distribution, one for each name.
    """

    name: str
    names: tuple[str, ...]
    default: Mapping[str, float] | None = None
    prior: tuple[float, ...] | None = None
    origin: str = "study"

    @property
    def width(self) -> int:
        return len(self.names) - 1

    def __str__(self) -> str:
        return " + ".join(self.names) + " = 1"

    @property
    def usual(self) -> tuple[float, ...]:
        default = self.default or dict.fromkeys(self.names, 1.0 / len(self.names))
        return tuple(float(default[name]) for name in self.names)

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

    def draw(self, rng: Generator) -> tuple[float, ...]:
        return tuple(rng.dirichlet(self.prior or np.ones(len(self.names))).tolist())

    def log_prior(self, value: tuple[float, ...]) -> float:
        if self.prior is None:
            return 0.0
        norm = math.lgamma(sum(self.prior)) - math.lgamma(len(self.names)) - sum(map(math.lgamma, self.prior))
        return norm + sum((p - 1.0) * math.log(max(w, CORNER)) for p, w in zip(self.prior, value, strict=True))

    def mistake(self, value: Any) -> str | None:
        try:
            good = len(value) == len(self.names) and min(value) >= 0.0 and abs(sum(value) - 1.0) < 1e-6
        except TypeError:
            good = False
        return None if good else f"weights that sum to one: {self}"


Dimension = Float | Integer | Choice | Simplex
Node = Fixed | Dimension
