"""A linear constraint between the numbers of a space: it is asked where all that it names exists, and nowhere else."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ROUNDING = 1e-9  # of the sizes of all terms


@dataclass(frozen=True)
class LinearConstraint:
    """The sum of coefficient * number over ``coefficients`` is at most ``bound``. ``text``: how the study says it."""

    text: str
    coefficients: tuple[tuple[str, float], ...]
    bound: float

    def __str__(self) -> str:
        return self.text

    def applies(self, params: Mapping[str, Any]) -> bool:
        """Whether ``params`` have all that it is about."""
        return all(name in params for name, _ in self.coefficients)

    def holds(self, params: Mapping[str, Any], *, grain: float = 0.0) -> bool:
        """Whether it is kept, up to the rounding of floats; also where it does not apply.

        ``grain``: what the sum cannot resolve, by the ranges of its numbers, where its terms cancel.
        """
        if not self.applies(params):
            return True
        terms = [coefficient * params[name] for name, coefficient in self.coefficients]
        forgiven = max(ROUNDING * (math.fsum(map(abs, terms)) + abs(self.bound)), grain)
        return math.fsum(terms) - self.bound <= forgiven

    @property
    def canonical(self) -> tuple[str, float]:
        """The same for all ways to write it: the sum with ``<=`` or ``>=``, and the bound.

        >>> LinearConstraint("4 >= 2 * b - a", (("b", 2.0), ("a", -1.0)), 4.0).canonical
        ('a - 2 * b >=', -4.0)
        """
        named = sorted(self.coefficients)
        unit = named[0][1]
        terms = [(f"{abs(c / unit):.12g} * " if abs(c) != abs(unit) else "", name, c / unit) for name, c in named]
        text = " ".join(f"{'+' if c > 0 else '-'} {factor}{name}" for factor, name, c in terms).removeprefix("+ ")
        return f"{text} {'<=' if unit > 0 else '>='}", self.bound / unit + 0.0
