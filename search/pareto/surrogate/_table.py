"""What every surrogate is given: evaluated merges, their metrics, and the link of each metric."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from search.errors import SearchError
from search.pareto.arrays import Floats, matrix
from search.pareto.links import Link

Bounds = Sequence[tuple[float | None, float | None] | None]


@dataclass(frozen=True, eq=False)
class Table:
    """``coefficients`` (n, k), ``values`` (n, m), both finite; ``links``: one for each of m metrics."""

    coefficients: Floats
    values: Floats
    links: tuple[Link, ...]


def table(coefficients: ArrayLike, values: ArrayLike, bounds: Bounds | None) -> Table:
    """At least one merge, a row of metrics for each, and one pair of bounds for each metric.

    >>> table([[0.0], [1.0]], [[0.2], [0.9]], [(0, 1)]).links
    (Link(low=0, high=1),)
    """
    points = matrix(coefficients, "coefficients")
    metrics = matrix(values, "values")
    if len(points) == 0:
        raise SearchError("coefficients", expected="at least one evaluated merge", got=0)
    if len(metrics) != len(points):
        raise SearchError("values", expected=f"one row for each of {len(points)} merges", got=metrics.shape)
    m = metrics.shape[1]
    if bounds is not None and len(bounds) != m:
        raise SearchError("bounds", expected=f"one pair for each of {m} metrics", got=len(bounds))
    return Table(points.copy(), metrics, tuple(_link(pair) for pair in bounds or [None] * m))


def on_simplex(points: Floats) -> bool:
    """Whether the coefficients of every merge sum to one.

    >>> on_simplex(np.array([[0.25, 0.75], [1.0, 0.0]])), on_simplex(np.array([[0.5, 1.0]]))
    (True, False)
    """
    return bool((np.abs(points.sum(axis=1) - 1.0) < 1e-9).all())


def _link(pair: tuple[float | None, float | None] | None) -> Link:
    low, high = pair or (None, None)
    return Link(-np.inf if low is None else low, np.inf if high is None else high)
