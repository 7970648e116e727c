"""Which merges of k models to evaluate next. One search a file, found by its name.

    def propose(seen, q): ...        Seen, q -> up to q new coefficients (q, k); none where it has no more to ask
    def surrogate(seen): ...         of a search that predicts: Seen -> Fitted
    NEEDS_OUTPUTS = False            whether it reads the models' outputs

Coefficients live on the simplex (they sum to one: interpolation) or in the box [0, 1]^k (task vectors over a base).
Nothing is ever proposed outside: what is fitted inside invents optima beyond. A search is a pure function of what
has been seen, so one that was interrupted goes on as if it had not been. What it asks is evaluated, and every
evaluation counts, those for a fit too.

>>> from search.pareto.coefficients import kriging
>>> weights = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
>>> made = {"reference": np.array([2.0, 2.0]), "simplex": True, "evaluations": 4, "seed": 0, "free": 2}
>>> seen = Seen(coefficients=weights, losses=weights**2, **made)
>>> kriging.propose(seen, 1).sum(axis=1).round(6).tolist()
[1.0]
>>> kriging.surrogate(seen).predict(weights).shape
(3, 2)
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from search.pareto.arrays import Floats
from search.pareto.surrogate._table import Bounds

Predict = Callable[[Floats], Floats]
Rows = NDArray[np.float32]  # (n, p): what n models say


@dataclass(frozen=True, eq=False)
class Fitted:
    """``predict``: coefficients (c, k) -> losses (c, m); ``error`` (m,): root mean square error of predicting each
    evaluated merge from the others, in each loss's unit."""

    predict: Predict
    error: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Seen:
    """What is known of the merges of k models.

    ``coefficients`` (n, k) and their ``losses`` (n, m) in the order in which they were evaluated; the first ``free`` of
    them are the models themselves, which cost nothing. ``evaluations``: how many may be made in all, beside the free
    ones. ``reference`` (m,): the worst losses that count. ``given`` (g, m): losses of what else is on the front.
    ``failed`` (f, k): merges that have no losses, and are not asked again. ``bounds``: of each loss, as surrogates take
    them. ``outputs`` (n, p): what the merged models say, and ``measure`` the losses (c, m) of such rows (c, p).
    """

    coefficients: Floats
    losses: Floats
    reference: Floats
    simplex: bool
    evaluations: int
    seed: int
    free: int = 0
    given: Floats | None = None
    failed: Floats = field(default_factory=lambda: np.empty((0, 0)))
    bounds: Bounds | None = None
    outputs: Rows | None = None
    measure: Callable[[Rows], Floats] | None = None

    @property
    def k(self) -> int:
        return int(self.coefficients.shape[1])

    @property
    def terms(self) -> int:
        """Of a quadratic in the coefficients; on the simplex its products hold the constant and the line."""
        return self.k * (self.k + 1) // 2 if self.simplex else (self.k + 1) * (self.k + 2) // 2

    @property
    def tried(self) -> Floats:
        """(n + f, k): what is not asked again."""
        return np.vstack([self.coefficients, self.failed.reshape(-1, self.k)])
