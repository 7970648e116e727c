"""Functions at points of a space, and at those points with one dimension changed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.propose._functions import Functions
from search.space import Dimension, Params
from search.study import Study

LEAST = 8  # points where a dimension is active, below which nothing is said of it
BETWEEN = (0.05, 0.95)
Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Share:
    """A mean over the functions, and what 90 % of them lie between."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.0%} [{self.low:.0%}, {self.high:.0%}]"


def share(values: Array) -> Share:
    """Of one value a function."""
    low, high = np.quantile(values, BETWEEN)
    return Share(mean=float(values.mean()), low=float(low), high=float(high))


class View:
    """The functions at points of the unit cube (n, d); ``again`` (n, d): other points, to draw a dimension anew."""

    def __init__(self, made: Study, drawn: Functions, units: Array, again: Array) -> None:
        self.space, self.drawn, self.units, self.again = made.space, drawn, units, again
        self.params = self.at(units)
        self.losses = drawn(self.params)  # (s, n, m)
        self.names = [aim.name for aim in made.objectives]
        active = [self.space.active(params) for params in self.params]
        masks = [(each, np.array([each.name in names for names in active])) for each in self.space.dimensions]
        self.dimensions: list[tuple[Dimension, Mask]] = [(each, there) for each, there in masks if there.sum() >= LEAST]

    def at(self, units: Array) -> list[Params]:
        return [self.space.decode(unit) for unit in units]

    def moved(self, dimension: Dimension, columns: Array) -> list[Params]:
        """Its columns (n, c) in place of those of the points."""
        units = self.units.copy()
        units[:, self.space.columns[dimension.name]] = columns
        return self.at(units)

    def drawn_where(self, params: Sequence[Params], there: Mask) -> Array:
        """(s, k, m): the losses of those k of n params that are ``there``."""
        return self.drawn([each for each, kept in zip(params, there, strict=True) if kept])
