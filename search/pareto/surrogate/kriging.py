"""Kriging of merges: a Gaussian process for each metric, on the line of its link, over the coefficients (n, k).

    link^-1(metric) ~ w P + (1 - w) P',      P: constant + bumps,      P': constant + line + quadratic + bumps

A quadratic is wrong exactly where a metric saturates and then collapses; a process follows. Two of them, because
neither mean is always right: with the trend a quadratic is learned from a few merges, without it nothing is
extrapolated. They are mixed with weights inverse to their squared errors on left-out rows, which is nearly as good
as the better of the two everywhere. Any number of merges will do, from one; rows may repeat and come in any order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from search.pareto.arrays import Floats, matrix
from search.pareto.links import Link
from search.pareto.surrogate import _process
from search.pareto.surrogate._process import Process
from search.pareto.surrogate._table import Bounds, table

NODES, _mass = np.polynomial.hermite_e.hermegauss(16)  # a normal law, for its moments through a link
MASS = _mass / _mass.sum()


def fit(
    coefficients: ArrayLike, values: ArrayLike, *, bounds: Bounds | None = None, count: int | None = None
) -> "Kriging":
    """The processes through ``values`` (n, m) at ``coefficients`` (n, k); see the folder for the arguments.

    >>> c = np.linspace(0, 1, 6)[:, None]
    >>> surrogate = fit(c, np.sin(4 * c))
    >>> mean, deviation = surrogate.predict([[0.5]])
    >>> bool(abs(mean[0, 0] - np.sin(2)) < 0.02), bool(deviation[0, 0] < 0.1)
    (True, True)
    """
    given = table(coefficients, values, bounds)
    points = given.coefficients
    order = np.lexsort(np.hstack([points, given.values]).T)  # sums do not depend on the order of rows
    shift, scale = points[order].mean(axis=0), float(np.ptp(points, axis=0).max()) or 1.0
    inside = (points[order] - shift) / scale
    columns = tuple(_column(inside, v[order], link, count) for v, link in zip(given.values.T, given.links, strict=True))
    return Kriging(points, shift, scale, columns)


@dataclass(frozen=True, eq=False)
class Kriging:
    """Fitted. ``coefficients`` (n, k): where."""

    coefficients: Floats
    shift: Floats
    scale: float
    columns: tuple["_Column", ...]

    @property
    def error(self) -> Floats:
        """(m,) root mean square error of predicting each row from the others, in the metric's unit; infinite of one."""
        return np.array([column.error for column in self.columns])

    @property
    def r2(self) -> Floats:
        """(m,) share of variance that such predictions explain, at most 1; minus infinity where unknown."""
        return np.array([column.r2 for column in self.columns])

    def predict(self, coefficients: ArrayLike) -> tuple[Floats, Floats]:
        """(q, k) -> mean (q, m) and deviation (q, m), both in the metric's unit; infinite where ``error`` is."""
        points = matrix(coefficients, "coefficients", columns=self.coefficients.shape[1])
        inside = (points - self.shift) / self.scale
        mean, deviation = np.empty((2, len(points), len(self.columns)))
        for j, column in enumerate(self.columns):
            found = [process.predict(inside) for process in column.processes]
            mean[:, j], deviation[:, j] = column.metric(found)
        return mean, deviation


@dataclass(frozen=True, eq=False)
class _Column:
    """One metric: z = ``shift`` + ``scale`` times a mix of ``processes``, in ``shares``; a scale of 0 is a constant."""

    link: Link
    shift: float
    scale: float
    processes: tuple[Process, ...]
    shares: Floats
    error: float = np.inf
    r2: float = -np.inf

    def metric(self, found: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
        """Means and deviations of the processes -> those of the metric: the mix's median, and the spread about it."""
        means, deviations = np.array(found).transpose(1, 0, 2)
        mean = self.shares @ means
        deviation = np.sqrt(self.shares @ (deviations**2 + (means - mean) ** 2))
        middle = self.link.metric(self.shift + self.scale * mean)
        if len(self.processes[0].values) == 1:
            return middle, np.full(len(middle), np.inf)
        spread = self.link.metric(self.shift + self.scale * (mean[:, None] + deviation[:, None] * NODES))
        return middle, np.sqrt((spread - middle[:, None]) ** 2 @ MASS)


def _column(points: Floats, metric: Floats, link: Link, count: int | None) -> _Column:
    real = link.real(link.inside(metric, count=count))
    shift, scale = float(real.mean()), float(real.std())
    scale = scale if scale > 1e-12 * np.abs(real).max() else 0.0
    values = (real - shift) / (scale or 1.0)
    processes = tuple(_process.fit(points, values, trend=trend) for trend in (False, True))
    left_out = [process.left_out() for process in processes]
    errors = np.array([np.mean((mean - values) ** 2) for mean, _ in left_out]) + 1e-12
    column = _Column(link, shift, scale, processes, (1.0 / errors) / (1.0 / errors).sum())
    if len(points) == 1:
        return column
    error = float(np.sqrt(np.mean((column.metric(left_out)[0] - metric) ** 2)))
    r2 = 1.0 - error**2 / float(np.var(metric)) if scale else 1.0  # a constant is predicted from any row
    return _Column(link, shift, scale, processes, column.shares, error, r2)
