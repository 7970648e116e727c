"""The space of a study: a tree whose leaves are dimensions and whose only condition is nesting.

``params`` are flat and JSON-able: a dimension's name is its path, so alpha's order is
``divergence.alpha.order`` and exists only where ``divergence`` is ``alpha``; a simplex ``weights`` over
``labels`` and ``teacher`` is two numbers, ``weights.labels`` and ``weights.teacher``, that sum to one.

Everything that walks the tree (sampling, decoding, mutating, another library's ``suggest``) is
``Space.walk`` with another chooser, so activity is decided in one place. Columns of the unit cube that
belong to inactive dimensions hold 0.5, so they never matter.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator

from search.errors import StudyError, near_miss, one_of
from search.space.dimensions import (
    INACTIVE,
    Choice,
    Dimension,
    Fixed,
    Float,
    Integer,
    Node,
    Simplex,
    Vector,
)

__all__ = ["INACTIVE", "Choice", "Dimension", "Fixed", "Float", "Integer", "Node", "Params", "Simplex", "Space"]

Params = dict[str, Any]


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
        """What is searched: every node that takes a column of the unit cube."""
        return tuple(node for node, _ in self.leaves() if not isinstance(node, Fixed) and node.width)

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
