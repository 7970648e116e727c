"""The quadratic surrogate of merging: coefficients (n, k) -> metrics (n, m), from a few evaluated merges.

    metric_j(c) = link_j(e_j + b_j'c + c'A_j c / 2)        MAP (Li et al., ICLR 2025), one quadratic a metric

A Taylor argument around the shared base: fine-tuned models are near it. (k + 1)(k + 2) / 2 terms; on the
simplex, where the coefficients sum to one, constant and linear terms are sums of products, so k (k + 1) / 2
terms say everything.

Without a link the fit is least squares. With one it is least squares on the line of the link, then polished
on the squared error of the metric itself; of the two the one that predicts left-out rows better stays, since
the flat ends of a link invite the second to overfit. Columns are made orthonormal first, so that leaving a
row out is one formula, and all n polished refits are one batch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from search.errors import SearchError
from search.pareto.arrays import Floats, matrix
from search.pareto.links import Link
from search.pareto.polish import polish
from search.pareto.surrogate._table import Bounds, on_simplex, table

DETERMINED = 1.0 - 1e-9  # leverage above which a row alone decides a term: leaving it out leaves no fit


def fit(
    coefficients: ArrayLike, values: ArrayLike, *, bounds: Bounds | None = None, count: int | None = None
) -> "Quadratic":
    """The quadratic through ``values`` (n, m) at ``coefficients`` (n, k).

    ``bounds``: for each metric (low, high) in its unit, None where there is none, which chooses its link (see
    ``links``). ``count``: how many examples a metric with two bounds is a mean of; values on a bound move off
    it by half a count.

    >>> c = np.array([[0.0], [0.5], [1.0], [2.0]])
    >>> surrogate = fit(c, 3 - 2 * c + c**2)
    >>> surrogate.predict([[3.0]])[0].round(6).tolist(), bool(surrogate.error[0] < 1e-9)
    ([[6.0]], True)
    """
    given = table(coefficients, values, bounds)
    points = given.coefficients
    simplex = on_simplex(points)
    u, triangle = _orthonormal(_terms(points, simplex), points.shape[1])
    columns = tuple(_column(u, metric, link, count) for metric, link in zip(given.values.T, given.links, strict=True))
    return Quadratic(points, simplex, triangle, columns)


@dataclass(frozen=True, eq=False)
class Quadratic:
    """Fitted. ``coefficients`` (n, k): where; ``simplex``: whether they all sum to one."""

    coefficients: Floats
    simplex: bool
    triangle: Floats
    columns: tuple["_Column", ...]

    @property
    def error(self) -> Floats:
        """(m,) root mean square error of predicting each row from the others, in the metric's unit.

        Over the rows that the others determine; infinite where there is none, as with no more rows than
        terms.
        """
        return np.array([column.error for column in self.columns])

    @property
    def r2(self) -> Floats:
        """(m,) share of variance that such predictions explain, at most 1; minus infinity where unknown."""
        return np.array([column.r2 for column in self.columns])

    def predict(self, coefficients: ArrayLike) -> tuple[Floats, Floats]:
        """(q, k) -> mean (q, m) and deviation (q, m), both in the metric's unit.

        Deviation: sigma sqrt(1 + leverage), sigma scaled so that it is right on average for the left-out
        rows; infinite where ``error`` is.
        """
        points = matrix(coefficients, "coefficients", columns=self.coefficients.shape[1])
        if self.simplex and not on_simplex(points):
            got = float(points.sum(axis=1)[np.argmax(np.abs(points.sum(axis=1) - 1.0))])
            raise SearchError("coefficients", expected="a sum of one, as in the fit", got=got)
        terms = np.linalg.solve(self.triangle.T, _terms(points, self.simplex).T).T
        mean, deviation = np.empty((2, len(points), len(self.columns)))
        for j, column in enumerate(self.columns):
            real = terms @ column.weights
            leverage = ((column.link.slope(real)[:, None] * terms @ column.root) ** 2).sum(axis=1)
            mean[:, j] = column.link.metric(real)
            deviation[:, j] = column.sigma * np.sqrt(1.0 + leverage)
        return mean, deviation


def _terms(points: Floats, simplex: bool) -> Floats:
    first, second = np.triu_indices(points.shape[1])
    products = points[:, first] * points[:, second]
    return products if simplex else np.hstack([np.ones((len(points), 1)), points, products])


def _orthonormal(terms: Floats, k: int) -> tuple[Floats, Floats]:
    n, p = terms.shape
    if n < p:
        needed = f"at least {p} evaluated merges, one for each term of a quadratic in {k} coefficients"
        raise SearchError("coefficients", expected=needed, got=n, hint=f"Evaluate {p - n} more.")
    orthonormal, triangle = np.linalg.qr(terms)
    singular = np.linalg.svd(triangle, compute_uv=False)
    if singular[-1] <= 1e-10 * singular[0]:
        rank = int((singular > 1e-10 * singular[0]).sum())
        hint = "Some merges repeat, or lie on one line or curve: spread them, for example by a design."
        raise SearchError("coefficients", expected=f"merges that determine {p} terms", got=rank, hint=hint)
    return orthonormal, triangle


@dataclass(frozen=True, eq=False)
class _Column:
    """The fit of one metric: ``weights`` (p,) of its terms; ``root`` (p, p), of their covariance."""

    link: Link
    weights: Floats
    root: Floats
    sigma: float
    error: float
    r2: float


def _column(u: Floats, metric: Floats, link: Link, count: int | None) -> _Column:
    choices = (False,) if link.is_identity else (True, False)
    return min((_fit(u, metric, link, count, polished) for polished in choices), key=lambda column: column.error)


def _fit(u: Floats, metric: Floats, link: Link, count: int | None, polished: bool) -> _Column:
    target = link.inside(metric, count=count)
    real = link.real(target)
    leverage = (u**2).sum(axis=1)
    judged = np.flatnonzero(leverage < DETERMINED)
    # First all rows, then each judged one left out, which moves the weights by -u_i e_i / (1 - h_i).
    weights = u.T @ real
    shift = (real - u @ weights)[judged] / (1.0 - leverage[judged])
    fits = np.vstack([weights, weights - u[judged] * shift[:, None]])
    if polished:
        present = np.ones((len(fits), len(u)))
        present[np.arange(1, len(fits)), judged] = 0.0
        fits = polish(u, target, link, fits, present)
    slopes = link.slope(u @ fits[0])[:, None] * u
    root = _root_covariance(slopes)
    if len(judged) == 0:
        return _Column(link, fits[0], root, np.inf, np.inf, -np.inf)
    left_out = metric[judged] - link.metric((u[judged] * fits[1:]).sum(axis=1))
    # A left-out residual has variance sigma^2 / (1 - h), so the mean of residual^2 (1 - h) is sigma^2.
    share = np.clip(1.0 - ((slopes @ root) ** 2).sum(axis=1)[judged], 0.0, 1.0)
    sigma = float(np.sqrt(np.mean(left_out**2 * share)))
    error = float(np.sqrt(np.mean(left_out**2)))
    variance = float(np.var(metric[judged]))
    varies = variance > (1e-12 * np.abs(metric).max()) ** 2
    r2 = 1.0 - error**2 / variance if varies else 1.0  # a constant is predicted from any row
    return _Column(link, fits[0], root, sigma, error, r2)


def _root_covariance(slopes: Floats) -> Floats:
    """(p, p) R with R R' = (J'J)^-1; where the metric does not move, bounded instead of infinite."""
    _, singular, rotation = np.linalg.svd(slopes, full_matrices=False)
    return np.asarray(rotation.T / np.maximum(singular, 1e-6 * singular[0] + 1e-300))
