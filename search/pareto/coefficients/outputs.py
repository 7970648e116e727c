"""Kriging of the outputs, active: what a merged model would say of every example, and so any measure of it.

A metric that saturates or jumps, such as an error, is hard to learn over coefficients; the logits that it is counted
from are smooth there. One linear smoother serves all p outputs,

    outputs(c) ~ w(c) Y,      w(c) = [k(c, C), f(c)] S,      S: the first n columns of [[K + e I, F], [F', 0]]^-1

of the evaluated C (n, k) with outputs Y (n, p): kriging with a trend f, linear or, from two rows more than its terms,
quadratic (Matheron, 1969). k is Matern's correlation of smoothness 5/2, of the length that predicts left-out rows best
in the sum of squares over all outputs. The measures are then taken of the predicted outputs.
"""

from collections.abc import Sequence

import numpy as np

from search.errors import SearchError
from search.pareto.arrays import Floats
from search.pareto.coefficients import Fitted, Rows, Seen
from search.pareto.coefficients._design import started, waiting
from search.pareto.coefficients._screen import promising

NEEDS_OUTPUTS = True
LENGTHS = (0.4, 0.7, 1.1, 1.8, 3.0, 5.0)
NUGGET = 1e-6
CELLS = 4_000_000  # outputs that are predicted at a time


def propose(seen: Seen, q: int) -> Floats:
    """The rest of the design, then the merges that promise most hypervolume."""
    first = waiting(seen, started(seen))
    return first[:q] if len(first) else promising(surrogate(seen).predict, seen, q)


def surrogate(seen: Seen) -> Fitted:
    """The measures of predicted outputs."""
    if seen.outputs is None or seen.measure is None:
        raise SearchError("outputs", expected="the outputs of every evaluated merge, and how they are measured")
    said, measure = seen.outputs, seen.measure
    smoother = Smoother(seen.coefficients, said, simplex=seen.simplex, quadratic=len(said) >= seen.terms + 2)

    def predict(coefficients: Floats) -> Floats:
        return _measured(smoother.weights(coefficients))

    def _measured(weights: Floats) -> Floats:
        rows = max(1, CELLS // said.shape[1])
        parts = [weights[at : at + rows].astype(np.float32) @ said for at in range(0, len(weights), rows)]
        return np.vstack([np.empty((0, seen.losses.shape[1])), *map(measure, parts)])

    left_out = _measured(np.eye(len(said)) - smoother.left_out)
    return Fitted(predict, np.sqrt(((left_out - seen.losses) ** 2).mean(axis=0)))


class Smoother:
    """Weights (c, n) of the rows of ``outputs`` (n, p), which were evaluated at ``coefficients`` (n, k)."""

    def __init__(
        self,
        coefficients: Floats,
        outputs: Rows,
        *,
        simplex: bool,
        quadratic: bool,
        lengths: Sequence[float] = LENGTHS,
    ) -> None:
        n = len(coefficients)
        self.known, self.simplex, self.quadratic = coefficients, simplex, quadratic
        trend, wide = self._trend(coefficients), outputs.astype(np.float64)
        products = wide @ wide.T
        corner = -1e-9 * np.eye(trend.shape[1])  # fewer rows than terms still have an answer
        best = np.inf
        for length in lengths:
            covariance = _matern(coefficients, coefficients, length) + NUGGET * np.eye(n)
            inverse = np.linalg.inv(np.block([[covariance, trend], [trend.T, corner]]))
            inner = inverse[:n, :n]
            left_out = inner / np.diag(inner)[:, None]
            error = float(np.einsum("ij,jk,ik->", left_out, products, left_out))
            if error < best:
                best, self.length, self.solved = error, length, inverse[:, :n]
                self.left_out = left_out  # (n, n), times Y: each row less its prediction from the others

    def weights(self, coefficients: Floats) -> Floats:
        """(c, k) -> (c, n)."""
        near = _matern(coefficients, self.known, self.length)
        return np.asarray(np.hstack([near, self._trend(coefficients)]) @ self.solved)

    def _trend(self, coefficients: Floats) -> Floats:
        """On the simplex the sums of coefficients, and of products, hold the constant."""
        first, second = np.triu_indices(coefficients.shape[1])
        products = coefficients[:, first] * coefficients[:, second]
        if self.simplex:
            return products if self.quadratic else coefficients
        parts = [np.ones((len(coefficients), 1)), coefficients, products]
        return np.hstack(parts if self.quadratic else parts[:2])


def _matern(points: Floats, others: Floats, length: float) -> Floats:
    squared = ((points[:, None] - others) ** 2).sum(axis=2)
    root = np.sqrt(5.0 * squared) / length
    return np.asarray((1.0 + root + root**2 / 3.0) * np.exp(-root))
