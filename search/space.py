"""The space of a study: a tree whose leaves are dimensions and whose only condition is nesting.

``params`` are flat and JSON-able: a dimension's name is its path, so alpha's order is
``divergence.alpha.order`` and exists only where ``divergence`` is ``alpha``; a simplex ``weights`` over
``labels`` and ``teacher`` is two numbers, ``weights.labels`` and ``weights.teacher``, that sum to one.

Everything that walks the tree (sampling, decoding, mutating, another library's ``suggest``) is
``Space.walk`` with another chooser, so activity is decided in one place.

Unit cube: a float, an integer or a choice takes one column, a simplex of k names takes k - 1 (stick
breaking that is uniform on the simplex: Devroye 1986, chapter XI.4). Columns of inactive dimensions hold
0.5, so they never matter.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from search.errors import StudyError, near_miss, one_of

Params = dict[str, Any]
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


@dataclass(frozen=True)
class Space:
    """The tree, in the order of the study file."""

    nodes: tuple[Node, ...]

    def walk(self, choose: Callable[[Dimension], Any]) -> Params:
        """Params from the root down: ``choose`` is asked for the value of every active dimension, in tree order."""
        params: Params = {}

        def visit(nodes: tuple[Node, ...]) -> None:
            for node in nodes:
                if isinstance(node, Fixed):
                    params[node.name] = node.value
                    continue
                value = node.options[0] if isinstance(node, Choice) and not node.width else choose(node)
                if isinstance(node, Simplex):
                    params.update({f"{node.name}.{name}": float(w) for name, w in zip(node.names, value, strict=True)})
                else:
                    params[node.name] = value
                if isinstance(node, Choice):
                    visit(node.spaces.get(value, ()))

        visit(self.nodes)
        return params

    def leaves(self) -> Iterator[tuple[Node, str]]:
        """Every node with the condition under which it is active, such as ``divergence = alpha``, or ``""``."""

        def visit(nodes: tuple[Node, ...], condition: str) -> Iterator[tuple[Node, str]]:
            for node in nodes:
                yield node, condition
                if isinstance(node, Choice):
                    for option, inner in node.spaces.items():
                        yield from visit(inner, f"{node.name} = {option}")

        return visit(self.nodes, "")

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        """What is searched: every node that takes a column of the unit cube; under several options a name is one."""
        found = {node.name: node for node, _ in self.leaves() if not isinstance(node, Fixed) and node.width}
        return tuple(found.values())

    @cached_property
    def width(self) -> int:
        """d, the number of columns of the unit cube."""
        return sum(dimension.width for dimension in self.dimensions)

    @cached_property
    def columns(self) -> Mapping[str, slice]:
        """Where each dimension is in the unit cube."""
        columns, start = {}, 0
        for dimension in self.dimensions:
            columns[dimension.name] = slice(start, start + dimension.width)
            start += dimension.width
        return columns

    def decode(self, unit: Vector) -> Params:
        """(d,) in [0, 1] -> params; columns of inactive dimensions are not looked at."""
        return self.walk(lambda dimension: dimension.decode(unit[self.columns[dimension.name]]))

    def encode(self, params: Params) -> Vector:
        """params -> (d,) in [0, 1], inactive columns at 0.5."""
        unit, active = np.full(self.width, INACTIVE), self.active(params)
        for dimension in self.dimensions:
            if dimension.name in active:
                unit[self.columns[dimension.name]] = dimension.encode(active[dimension.name])
        return unit

    def features(self, params: Params) -> Vector:
        """params -> (f,) for a surrogate: a choice one-hot, a simplex its weights, an inactive dimension constant."""
        active, parts = self.active(params), []
        for dimension in self.dimensions:
            value = active.get(dimension.name)
            if isinstance(dimension, Choice):
                parts.append(np.array([float(value is not None and value == option) for option in dimension.options]))
            elif isinstance(dimension, Simplex):
                parts.append(
                    np.full(len(dimension.names), 1.0 / len(dimension.names)) if value is None else np.array(value)
                )
            else:
                parts.append(np.array([INACTIVE]) if value is None else dimension.encode(value))
        return np.concatenate(parts) if parts else np.zeros(0)

    def sample(self, rng: Generator) -> Params:
        """Uniform over the unit cube: every option alike, weights uniform on their simplex."""
        return self.decode(rng.random(self.width))

    def mutate(self, params: Params, rng: Generator, *, scale: float = 0.1) -> Params:
        """A neighbour: one active dimension at least is moved by about ``scale`` of its range, the rest stay."""
        active = self.active(params)
        if not active:
            return dict(params)
        names = list(active)
        moved = {name for name in names if rng.random() < 1.0 / len(names)} | {names[int(rng.integers(len(names)))]}

        def neighbour(dimension: Dimension) -> Any:
            if dimension.name not in active:
                return dimension.decode(rng.random(dimension.width))  # a branch that has just been entered
            value = active[dimension.name]
            return dimension.mutate(value, rng, scale) if dimension.name in moved else value

        return self.walk(neighbour)

    def key(self, params: Params) -> tuple[float, ...]:
        """Equal for the same point and only for it (to nine digits of its features): what a duplicate is."""
        return tuple(np.round(self.features(params), 9).tolist())

    def size(self) -> float:
        """How many different points there are; infinite with any real dimension."""

        def count(nodes: tuple[Node, ...]) -> float:
            total = 1.0
            for node in nodes:
                if isinstance(node, Choice):
                    total *= sum(count(node.spaces.get(option, ())) for option in node.options)
                elif isinstance(node, Integer):
                    total *= node.high - node.low + 1
                elif not isinstance(node, Fixed):
                    return math.inf
            return total

        return count(self.nodes)

    def validate(self, params: Mapping[str, Any], *, where: str) -> Params:
        """``params`` in tree order, or a StudyError that names the first thing wrong with them."""

        def read(dimension: Dimension) -> Any:
            if not self._has(dimension, params):
                raise StudyError(where, expected=f"a value for {dimension.name} ({dimension})")
            value = self.value(dimension, params)
            mistake = dimension.mistake(value)
            if mistake:
                raise StudyError(f"{where} {dimension.name}", expected=mistake, got=value)
            return value

        checked = self.walk(read)
        for name in params:
            if name not in checked:
                raise StudyError(where, expected=one_of(checked), got=name, hint=near_miss(name, checked))
            if params[name] != checked[name]:  # of what is not searched, since what is was read
                raise StudyError(f"{where} {name}", expected=f"{checked[name]}, which is fixed", got=params[name])
        return checked

    def nest(self, params: Params) -> dict[str, Any]:
        """Params as a trainer reads them: ``{"divergence": {"name": "alpha", "order": 0.5}, "weights": {...}}``."""

        def visit(nodes: tuple[Node, ...]) -> dict[str, Any]:
            nested: dict[str, Any] = {}
            for node in nodes:
                short = node.name.rsplit(".", 1)[-1]
                if isinstance(node, Simplex):
                    nested[short] = {name: params[f"{node.name}.{name}"] for name in node.names}
                elif isinstance(node, Choice) and node.named:
                    chosen = params[node.name]
                    nested[short] = {"name": chosen, **visit(node.spaces.get(chosen, ()))}
                else:
                    nested[short] = params[node.name]
            return nested

        return visit(self.nodes)

    def active(self, params: Params) -> dict[str, Any]:
        """The value of every dimension that ``params`` have, by name, in tree order; a simplex as a tuple."""
        found: dict[str, Any] = {}

        def read(dimension: Dimension) -> Any:
            found[dimension.name] = self.value(dimension, params)
            return found[dimension.name]

        self.walk(read)
        return found

    @staticmethod
    def value(dimension: Dimension, params: Mapping[str, Any]) -> Any:
        """What ``params`` hold for an active dimension; a simplex as a tuple."""
        if isinstance(dimension, Simplex):
            return tuple(params[f"{dimension.name}.{name}"] for name in dimension.names)
        return params[dimension.name]

    @staticmethod
    def _has(dimension: Dimension, params: Mapping[str, Any]) -> bool:
        if isinstance(dimension, Simplex):
            return all(f"{dimension.name}.{name}" in params for name in dimension.names)
        return dimension.name in params
