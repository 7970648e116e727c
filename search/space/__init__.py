"""The space of a study: a tree whose leaves are dimensions and whose only condition is nesting.

``params`` are flat and JSON-able: a dimension's name is its path, so alpha's order is
``divergence.alpha.order`` and exists only where ``divergence`` is ``alpha``; a simplex ``weights`` over
``labels`` and ``teacher`` is two numbers, ``weights.labels`` and ``weights.teacher``, that sum to one.

Everything that walks the tree (sampling, decoding, mutating, another library's ``suggest``) is
``Space.walk`` with another chooser, so activity is decided in one place. Columns of the unit cube that
belong to inactive dimensions hold 0.5, so they never matter.

Constraints between numbers are kept by all params that a space makes, exactly; how is in ``feasible``.
"""

import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.random import Generator

from search.errors import StudyError, near_miss, one_of
from search.space import feasible
from search.space.constraints import LinearConstraint
from search.space.dimensions import INACTIVE, Choice, Dimension, Fixed, Float, Integer, Near, Node, Simplex, Vector
from search.space.region import Number

__all__ = [
    "INACTIVE", "Choice", "Dimension", "Fixed", "Float", "Integer", "LinearConstraint", "Near", "Node", "Params",
    "Simplex", "Space",
]  # fmt: skip

Params = dict[str, Any]
GRAIN = 1e-14  # of the largest that a term can be


@dataclass(frozen=True)
class Space:
    """The tree, in the order of the study file, and constraints between its numbers."""

    nodes: tuple[Node, ...]
    constraints: tuple[LinearConstraint, ...] = ()

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

    @cached_property
    def numbers(self) -> Mapping[str, Number]:
        """What constraints can move: every number and every weight, by its name in params."""
        made: list[Number] = []
        for node in self.dimensions:
            if isinstance(node, Float | Integer):
                whole = isinstance(node, Integer)
                made.append(Number(node.name, node.name, float(node.low), float(node.high), whole=whole, log=node.log))
            elif isinstance(node, Simplex):
                made += [Number(f"{node.name}.{name}", node.name, 0.0, 1.0, weight=True) for name in node.names]
        return {number.name: number for number in made}

    @cached_property
    def _grains(self) -> tuple[float, ...]:
        sizes = {number.name: max(abs(number.low), abs(number.high)) for number in self.numbers.values()}
        return tuple(
            GRAIN * sum(abs(c) * sizes.get(name, 0.0) for name, c in constraint.coefficients)
            for constraint in self.constraints
        )

    def broken(self, params: Mapping[str, Any]) -> list[LinearConstraint]:
        """The constraints that apply and do not hold, by more than the rounding of floats."""
        several = zip(self.constraints, self._grains, strict=True)
        return [constraint for constraint, grain in several if not constraint.holds(params, grain=grain)]

    def feasible(self, params: Mapping[str, Any]) -> bool:
        """Whether every constraint holds that applies."""
        return not self.constraints or not self.broken(params)

    def repaired(self, params: Params, rng: Generator) -> Params:
        """``params`` as they are if they are feasible, or a feasible neighbour; what gives way for it is drawn."""
        return params if self.feasible(params) else self._found(feasible.repaired(self, params, rng))

    @cached_property
    def usual(self) -> Params:
        """Every dimension at its default, or in the middle of its range; a feasible neighbour of that."""
        return self.repaired(self.walk(lambda dimension: dimension.usual), np.random.default_rng(0))

    def decode(self, unit: Vector) -> Params:
        """(d,) in [0, 1] -> params, a feasible neighbour of them; columns of inactive dimensions are not looked at."""
        params = self.walk(lambda dimension: dimension.decode(unit[self.columns[dimension.name]]))
        if self.feasible(params):
            return params
        return self.repaired(params, np.random.default_rng(zlib.crc32(repr(params).encode())))

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
        """Uniform over the unit cube: every option alike, weights uniform on their simplex; the numbers feasible."""
        unit = rng.random(self.width)
        params = self.walk(lambda dimension: dimension.decode(unit[self.columns[dimension.name]]))
        return self._found(feasible.sample(self, lambda d: d.decode(rng.random(d.width)), params, rng))

    def sample_prior(self, rng: Generator) -> Params:
        """From the prior of each active dimension, where it has one, and otherwise as ``sample`` does; feasible."""
        params = self.walk(lambda dimension: dimension.draw(rng))
        return self._found(feasible.sample(self, lambda dimension: dimension.draw(rng), params, rng))

    def log_prior(self, params: Params) -> float:
        """The logarithm of the prior's density over that of ``sample``, but for constraints; 0 without any prior."""
        active = self.active(params)
        return math.fsum(d.log_prior(active[d.name]) for d in self.dimensions if d.name in active)

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

        for _ in range(feasible.TRIES):
            if self.feasible(candidate := self.walk(neighbour)):
                return candidate
        found = self.repaired(candidate, rng)
        return feasible.wandered(self, candidate, found, rng) if found == params else found

    def _found(self, params: Params | None) -> Params:
        if params is None:
            texts = [constraint.text for constraint in feasible.conflict(self)]
            raise StudyError("parameter_constraints", expected="constraints that leave some point", got=texts)
        return params

    def key(self, params: Params) -> tuple[float, ...]:
        """Equal for the same point and only for it (to nine digits of its features): what a duplicate is."""
        return self.rounded(self.features(params))

    @staticmethod
    def rounded(features: Vector) -> tuple[float, ...]:
        """The key of what has these features (f,)."""
        return tuple(np.round(features, 9).tolist())

    def size(self) -> float:
        """How many different points there are, those that break constraints too; infinite with any real dimension."""

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

    def every(self) -> Iterator[Params]:
        """All feasible points of a space of finite ``size``."""

        def visit(nodes: tuple[Node, ...]) -> Iterator[Params]:
            if not nodes:
                yield {}
                return
            node, spaces = nodes[0], getattr(nodes[0], "spaces", {})
            for value in _values(node):
                for inner, rest in product(visit(spaces.get(value, ())), visit(nodes[1:])):
                    yield {node.name: value, **inner, **rest}

        return filter(self.feasible, visit(self.nodes))

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
        for constraint in self.broken(checked):
            got = {name: checked[name] for name, _ in constraint.coefficients}
            raise StudyError(where, expected=constraint.text, got=got)
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


def _values(node: Node) -> Sequence[Any]:
    """All values of what has finitely many."""
    if isinstance(node, Choice):
        return node.options
    assert isinstance(node, Fixed | Integer)
    return [node.value] if isinstance(node, Fixed) else range(node.low, node.high + 1)
