"""A Gaussian process over merging coefficients: exact, small, and never without an answer.

    cov(a, b) = 4 + s M(|a - b|) + t a'b + u (a'b)^2 + e [a is b],      |a - b|^2 = sum_i (a_i - b_i)^2 / l_i^2

M is Matern's correlation of smoothness 5/2. The constant, and with ``trend`` the line and the quadratic, have
Gaussian weights instead of free ones, so fewer points than terms are enough (Rasmussen and Williams 2006, section
2.7). Variances and lengths are at their maximum a posteriori. Lengths share a prior and stay near each other
until there is evidence that a model matters less than others: with free ones a few points are explained by one
model alone.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from search.pareto.arrays import Floats

CONSTANT = 4.0  # prior variance of the constant; the values have mean 0 and variance 1
JITTER = 1e-10  # of the mean variance: a covariance is never singular, whatever repeats
STARTS = (0.3, 1.5)  # lengths, in widths of the design; the better end is kept
TOGETHER, APART = 1.0, 0.3  # prior deviations of the logarithm of lengths: of all, and of each from the others
# Prior mean and deviation, and limits, of the logarithms of the variances.
BUMPS, NOISE = (0.0, 1.5, -12.0, 9.0), (np.log(1e-4), 3.0, np.log(1e-8), np.log(4.0))
LINE, CURVE = (np.log(4.0), 2.0, -12.0, 9.0), (np.log(10.0), 2.0, -12.0, 9.0)


@dataclass(frozen=True, eq=False)
class Process:
    """Fitted to ``values`` (n,) at ``points`` (n, k). ``logs``: of k lengths, then s, e and, with a trend, t, u."""

    points: Floats
    values: Floats
    logs: Floats

    @cached_property
    def root(self) -> Floats:
        """(n, n) lower triangle of the covariance."""
        return _root(_covariance(self.points, self.logs)[0])

    @cached_property
    def inverse(self) -> Floats:
        return np.asarray(cho_solve((self.root, True), np.eye(len(self.root))))

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """(q, k) -> mean (q,) and deviation (q,) of a new value, noise included."""
        k = self.points.shape[1]
        lengths, (bumps, noise, line, curve) = np.exp(self.logs[:k]), _variances(self.logs[k:])
        far = ((points[:, None] - self.points) ** 2) @ lengths**-2.0
        products, squares = points @ self.points.T, (points**2).sum(axis=1)
        cross = CONSTANT + bumps * _matern(far)[0] + line * products + curve * products**2
        prior = CONSTANT + bumps + line * squares + curve * squares**2
        known = (solve_triangular(self.root, cross.T, lower=True) ** 2).sum(axis=0)
        return cross @ self.inverse @ self.values, np.sqrt(np.maximum(prior - known, 0.0) + noise)

    def left_out(self) -> tuple[Floats, Floats]:
        """Mean and deviation (n,) of each value given the others (Rasmussen and Williams 2006, eq. 5.12)."""
        precision = np.diag(self.inverse)
        return self.values - self.inverse @ self.values / precision, precision**-0.5


def fit(points: Floats, values: Floats, *, trend: bool) -> Process:
    """The process of most posterior density; a pure function of its inputs.

    >>> found = fit(np.array([[-0.5], [0.0], [0.5]]), np.array([-1.2, 0.0, 1.2]), trend=True)
    >>> found.predict(np.array([[0.25]]))[0].round(1).tolist()
    [0.6]
    """
    k = points.shape[1]
    priors = np.array([BUMPS, NOISE, LINE, CURVE] if trend else [BUMPS, NOISE])
    middle = np.concatenate([np.full(k, 0.5 * np.log(k)), priors[:, 0]])  # distances grow with the root of k
    precision = np.diag(np.concatenate([np.zeros(k), priors[:, 1] ** -2.0]))
    precision[:k, :k] = np.linalg.inv(TOGETHER**2 * np.ones((k, k)) + APART**2 * np.eye(k))
    limits = [(np.log(0.05), np.log(1e3))] * k + [(low, high) for low, high in priors[:, 2:]]

    def cost(logs: Floats) -> tuple[float, Floats]:
        covariance, slopes = _covariance(points, logs)
        root = _root(covariance)
        inverse = cho_solve((root, True), np.eye(len(root)))
        weights = inverse @ values
        away = precision @ (logs - middle)
        found = 0.5 * values @ weights + np.log(np.diag(root)).sum() + 0.5 * (logs - middle) @ away
        pull = inverse - np.outer(weights, weights)
        return float(found), np.array([0.5 * (pull * slope).sum() for slope in slopes]) + away

    starts = [np.concatenate([np.log(start) + middle[:k], middle[k:]]) for start in STARTS]
    ends = [minimize(cost, start, jac=True, method="L-BFGS-B", bounds=limits) for start in starts]
    return Process(points, values, min(ends, key=lambda end: float(end.fun)).x)


def _covariance(points: Floats, logs: Floats) -> tuple[Floats, list[Floats]]:
    """(n, n), and its slope by each of ``logs``."""
    k = points.shape[1]
    lengths, (bumps, noise, line, curve) = np.exp(logs[:k]), _variances(logs[k:])
    apart = (points.T[:, :, None] - points.T[:, None]) ** 2 / lengths[:, None, None] ** 2
    alike, drop = _matern(apart.sum(axis=0))
    products = points @ points.T
    parts = [bumps * alike, noise * np.eye(len(points)), line * products, curve * products**2]
    slopes = [bumps * drop * each for each in apart] + parts[: len(logs) - k]
    return np.asarray(CONSTANT + sum(parts)), slopes


def _variances(logs: Floats) -> tuple[float, float, float, float]:
    bumps, noise, *trend = np.exp(logs)
    line, curve = trend or (0.0, 0.0)
    return bumps, noise, line, curve


def _matern(squared: Floats) -> tuple[Floats, Floats]:
    """Correlation at a squared distance, and minus twice its slope."""
    root = np.sqrt(5.0 * squared)
    fall = np.exp(-root)
    return (1.0 + root + root**2 / 3.0) * fall, 5.0 / 3.0 * (1.0 + root) * fall


def _root(covariance: Floats) -> Floats:
    n = len(covariance)
    return np.linalg.cholesky(covariance + JITTER * np.trace(covariance) / n * np.eye(n))
