"""Many losses -> one: (n, m) -> (n,), lower is better. Weights are >= 0, not all 0; scale losses first."""

import numpy as np
from numpy.typing import ArrayLike

from search.errors import SearchError
from search.pareto.arrays import Floats, matrix, vector


def linear(losses: ArrayLike, weights: ArrayLike) -> Floats:
    """sum_j w_j f_j. Reaches only the convex part of a front.

    >>> linear([[1, 2], [3, 0]], [0.5, 0.25]).tolist()
    [1.0, 1.5]
    """
    losses = matrix(losses, "losses")
    return np.asarray(losses @ _weights(weights, losses.shape[1]))


def chebyshev(losses: ArrayLike, weights: ArrayLike, ideal: ArrayLike) -> Floats:
    """max_j w_j (f_j - ideal_j). Reaches every Pareto point, and some that are only weakly dominated.

    >>> chebyshev([[1, 2], [3, 0]], [0.5, 0.25], [0, 0]).tolist()
    [0.5, 1.5]
    """
    return np.asarray(_terms(losses, weights, ideal).max(axis=1))


def augmented_chebyshev(losses: ArrayLike, weights: ArrayLike, ideal: ArrayLike, rho: float = 0.05) -> Floats:
    """max_j w_j (f_j - ideal_j) + rho sum_j w_j (f_j - ideal_j), whose sum breaks ties (ParEGO, 2006).

    >>> augmented_chebyshev([[1, 2], [3, 0]], [0.5, 0.25], [0, 0], rho=0.5).tolist()
    [1.0, 2.25]
    """
    terms = _terms(losses, weights, ideal)
    return np.asarray(terms.max(axis=1) + rho * terms.sum(axis=1))


def _terms(losses: ArrayLike, weights: ArrayLike, ideal: ArrayLike) -> Floats:
    losses = matrix(losses, "losses")
    m = losses.shape[1]
    return _weights(weights, m) * (losses - vector(ideal, "ideal", size=m))


def _weights(weights: ArrayLike, m: int) -> Floats:
    weights = vector(weights, "weights", size=m)
    if (weights < 0).any() or not weights.any():
        raise SearchError("weights", expected="numbers >= 0, not all zero", got=weights.tolist())
    return weights
