"""Params that keep the constraints between their numbers: mended where they do not, and drawn so that they do.

The choices of a point say which constraints apply to it, and what the numbers are that are no dimension but stand in
one: those that are fixed, and options. What is left falls into pieces that share no number, each with a region of its
own. Where one of those is empty, other choices must be made: the nearest that leave no region empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, islice, product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from search.space.constraints import ROUNDING, LinearConstraint
from search.space.dimensions import Choice, Dimension
from search.space.region import Number, Region, Row, region

if TYPE_CHECKING:
    from search.space import Params, Space

TRIES = 16  # draws of a point, and of the numbers of a piece before it is walked through
WANDER = 8  # steps of that walk, for each number
COMBINED = 20_000  # choices that are combined; after so many a space counts as empty


@dataclass(frozen=True)
class Piece:
    """Constraints that share numbers, at one point: ``rows`` over ``numbers``, with all other terms in the bounds."""

    constraints: tuple[LinearConstraint, ...]
    numbers: tuple[Number, ...]
    rows: tuple[Row, ...]

    @property
    def region(self) -> Region | None:
        return region(self.numbers, self.rows)

    def broken(self, space: Space, params: Params) -> bool:
        return any(constraint in self.constraints for constraint in space.broken(params))

    @property
    def gap(self) -> float:
        """By how much the rows are missed at the best of the numbers, each in units of its constraint's terms."""
        missed = 0.0
        for constraint, (row, bound) in zip(self.constraints, self.rows, strict=True):
            least = sum(min(c * n.low, c * n.high) for c, n in zip(row, self.numbers, strict=True))
            unit = abs(constraint.bound) + sum(abs(coefficient) for _, coefficient in constraint.coefficients)
            over = (least - bound) / unit
            missed += over if over > ROUNDING else 0.0
        return missed

    def at(self, params: Params) -> Any:
        """The numbers as a point (n,) of the region."""
        return np.array([params[number.name] for number in self.numbers], dtype=np.float64)

    def params(self, point: Any) -> Params:
        return {n.name: round(x) if n.whole else x for n, x in zip(self.numbers, point.tolist(), strict=True)}


def pieces(space: Space, params: Params) -> list[Piece]:
    """The constraints that apply to ``params``, as pieces."""
    groups: list[tuple[set[str], list[LinearConstraint]]] = []
    for constraint in space.constraints:
        if not constraint.applies(params):
            continue
        dimensions = {space.numbers[name].dimension for name, _ in constraint.coefficients if name in space.numbers}
        joined = [group for group in groups if group[0] & dimensions]
        groups = [group for group in groups if not group[0] & dimensions]
        groups.append(
            (dimensions.union(*(names for names, _ in joined)), [*chain(*(c for _, c in joined)), constraint])
        )
    return [_piece(space, params, names, constraints) for names, constraints in groups]


def _piece(space: Space, params: Params, dimensions: set[str], constraints: list[LinearConstraint]) -> Piece:
    numbers = tuple(number for number in space.numbers.values() if number.dimension in dimensions)
    rows = []
    for constraint in constraints:
        terms = dict(constraint.coefficients)
        given = sum(coefficient * params[name] for name, coefficient in terms.items() if name not in space.numbers)
        rows.append((tuple(terms.get(number.name, 0.0) for number in numbers), constraint.bound - given))
    return Piece(tuple(constraints), numbers, tuple(rows))


def repaired(space: Space, params: Params, rng: Generator) -> Params | None:
    """``params`` if they are feasible, and otherwise a feasible neighbour; None where the space has none."""
    for candidate in chain([params], _elsewhere(space, params, rng)):
        made, parts = dict(candidate), pieces(space, candidate)
        for piece in parts:
            if piece.broken(space, candidate) and (inside := piece.region):
                made |= piece.params(inside.towards(piece.at(candidate), rng))
        if space.feasible(made):
            return made
    return None


def _elsewhere(space: Space, params: Params, rng: Generator) -> Iterator[Params]:
    """Points with other choices, of those that matter to a constraint; among equals the order is drawn.

    One choice is changed, then another, downhill in what is missing; and if that leads nowhere, all that can be
    combined, the fewest changes first.
    """
    above = conditions(space)
    matter = {name for c in space.constraints for term, _ in c.coefficients for name in (term, *above.get(term, ()))}
    choices = [d for d in space.dimensions if isinstance(d, Choice) and d.name in matter]
    here = params
    for _ in choices:
        around = [changed for choice in choices for changed in _others(space, here, [choice], rng)]
        around = [around[place] for place in rng.permutation(len(around))]
        gaps = [_gap(space, changed) for changed in around]
        yield from (changed for changed, gap in zip(around, gaps, strict=True) if gap == 0.0)
        if min(gaps) >= _gap(space, here):
            break
        here = around[gaps.index(min(gaps))]
    drawn = [choices[place] for place in rng.permutation(len(choices))]
    several = chain(*(combinations(drawn, count) for count in range(2, len(drawn) + 1)))
    yield from islice((changed for group in several for changed in _others(space, params, group, rng)), COMBINED)


def _others(space: Space, params: Params, choices: Sequence[Choice], rng: Generator) -> Iterator[Params]:
    """``params`` with all of ``choices`` made otherwise, in all ways."""
    known = space.active(params)
    options = [[option for option in choice.options if option != known.get(choice.name)] for choice in choices]
    for chosen in product(*([each[place] for place in rng.permutation(len(each))] for each in options)):
        made = known | dict(zip((choice.name for choice in choices), chosen, strict=True))
        yield space.walk(lambda d, made=made: made[d.name] if d.name in made else _anew(d, rng))  # type: ignore[misc]


def _gap(space: Space, params: Params) -> float:
    """What the constraints miss whatever the numbers are, as far as each tells alone."""
    return sum(piece.gap for piece in pieces(space, params))


def _anew(dimension: Dimension, rng: Generator) -> Any:
    return dimension.decode(rng.random(dimension.width))


def sample(space: Space, draw: Callable[[Dimension], Any], params: Params, rng: Generator) -> Params | None:
    """``params``, with their numbers drawn anew until they are feasible, or else moved inside and about there.

    The choices stay as they are drawn, wherever they leave something feasible: an option is not seldom because the
    numbers under it have little room.
    """
    for _ in range(TRIES):
        if not _gap(space, params):
            break
        params = space.walk(draw)
    parts = pieces(space, params)
    for _ in range(TRIES):
        again = {number.dimension for piece in parts if piece.broken(space, params) for number in piece.numbers}
        if not again:
            break
        known = space.active(params)
        params = space.walk(lambda d, known=known, again=again: draw(d) if d.name in again else known[d.name])  # type: ignore[misc]
    if space.feasible(params):
        return params
    found = repaired(space, params, rng)
    return None if found is None else wandered(space, params, found, rng)


def wandered(space: Space, before: Params, found: Params, rng: Generator) -> Params:
    """``found`` with the pieces that are not as they were ``before`` at random places of their regions."""
    made = dict(found)
    for piece in pieces(space, found):
        if (inside := piece.region) and any(before.get(n.name) != found[n.name] for n in piece.numbers):
            made |= piece.params(inside.wander(piece.at(found), WANDER * len(piece.numbers), rng))
    return made if space.feasible(made) else found


def conditions(space: Space) -> dict[str, dict[str, str]]:
    """Of every name that params can have: which option, as text, each choice above it must take."""
    found: dict[str, dict[str, str]] = {}
    for node, condition in space.leaves():
        choice, _, option = condition.partition(" = ")
        found[node.name] = {**found[choice], choice: option} if choice else {}
    return found | {name: found[number.dimension] for name, number in space.numbers.items()}


def conflict(space: Space) -> tuple[LinearConstraint, ...]:
    """Constraints that leave no point, none of which can be left out for that; none where there are points."""
    if not _empty(space):
        return ()
    kept = space.constraints
    for constraint in space.constraints:
        fewer = tuple(each for each in kept if each is not constraint)
        kept = fewer if _empty(replace(space, constraints=fewer)) else kept
    return kept


def _empty(space: Space) -> bool:
    rng = np.random.default_rng(0)
    draws = [space.walk(lambda dimension: _anew(dimension, rng)) for _ in range(TRIES)]
    return not any(map(space.feasible, draws)) and repaired(space, draws[0], rng) is None
