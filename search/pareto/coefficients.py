"""Where to look among the merges of k models: a design to start from, then proposals on a surrogate.

Coefficients (n, k) live on the simplex (they sum to one: interpolation) or in the box [0, 1]^k (task vectors
over a base). Nothing is ever proposed outside: a quadratic beyond the points it was fitted to invents optima.
"""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from search.errors import SearchError
from search.pareto.arrays import Floats
from search.pareto.dominance import is_nondominated
from search.pareto.hypervolume import greedy
from search.pareto.sobol import sobol

SCREENED = 4096  # Sobol points that a proposal is chosen from: screening costs no evaluation
LINE = 15  # screened points on the line between any two corners: the interpolation lattice is never left out
APART = 1e-6  # coefficients nearer than this are the same merge


class Surrogate(Protocol):
    """Losses of a merge, predicted. ``coefficients`` (n, k): those already evaluated."""

    @property
    def coefficients(self) -> Floats: ...

    def predict(self, coefficients: Floats, /) -> tuple[Floats, Floats]:
        """(q, k) -> mean (q, m) and deviation (q, m)."""


def design(k: int, n: int, *, simplex: bool, seed: int) -> Floats:
    """(n, k) coefficients to evaluate first: the k models themselves, the centre, then Sobol points.

    On the simplex the Sobol points are uniform by stick breaking: share i of what is left is Beta(1, k - 1 -
    i).

    >>> design(2, 4, simplex=True, seed=0)[:3].tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]
    """
    _refuse(k, simplex)
    centre = np.full((1, k), 1.0 / k if simplex else 0.5)
    return np.vstack([np.eye(k), centre, _fill(max(0, n - k - 1), k, simplex, seed)])[:n]


def propose(
    surrogate: Surrogate, q: int, *, simplex: bool, seed: int, given: ArrayLike | None, reference: ArrayLike
) -> Floats:
    """(q, k) new, distinct coefficients that promise most hypervolume on top of ``given`` (g, m).

    Dense screening: the surrogate's mean at thousands of Sobol points and on the lines between corners, then
    greedy hypervolume gain below ``reference`` (m,). Where nothing more is gained, the points of the
    predicted front that lie farthest from all known coefficients, which teach the surrogate most.

    >>> from search.pareto.surrogate import fit
    >>> c = design(2, 6, simplex=True, seed=0)
    >>> surrogate = fit(c, c**2)
    >>> found = propose(surrogate, 1, simplex=True, seed=0, given=[[1, 0], [0, 1]], reference=[1, 1])
    >>> found.round(1).tolist()
    [[0.5, 0.5]]
    """
    known = surrogate.coefficients
    candidates = _candidates(known.shape[1], simplex, seed)
    candidates = candidates[_distance(candidates, known) > APART]
    if len(candidates) < q:
        raise SearchError("q", expected=f"at most {len(candidates)} new merges", got=q)
    losses, _ = surrogate.predict(candidates)
    picks = greedy(losses, reference, q, given=given)
    front = np.flatnonzero(is_nondominated(losses))
    pool = front if len(np.union1d(front, picks)) >= q else np.arange(len(candidates))
    while len(picks) < q:
        distance = _distance(candidates[pool], np.vstack([known, candidates[picks]]))
        picks.append(int(pool[np.argmax(distance)]))
    return candidates[picks]


def _candidates(k: int, simplex: bool, seed: int) -> Floats:
    _refuse(k, simplex)
    corners = np.eye(k) if simplex else np.unique(np.vstack([np.zeros(k), np.eye(k), np.ones(k)]), axis=0)
    first, second = np.triu_indices(len(corners), 1)
    steps = np.linspace(0.0, 1.0, LINE + 2)[:, None, None]
    lines = ((1.0 - steps) * corners[first] + steps * corners[second]).reshape(-1, k)
    found = np.vstack([lines, _fill(SCREENED, k, simplex, seed)])
    _, kept = np.unique(found.round(9), axis=0, return_index=True)
    return found[np.sort(kept)]


def _fill(n: int, k: int, simplex: bool, seed: int) -> Floats:
    if not simplex:
        return sobol(n, k, seed=seed)
    uniform = sobol(n, k - 1, seed=seed)
    left = np.ones(n)
    found = np.empty((n, k))
    for i in range(k - 1):
        found[:, i] = left * (1.0 - uniform[:, i] ** (1.0 / (k - 1 - i)))
        left = left - found[:, i]
    found[:, -1] = left
    return found


def _distance(points: Floats, others: Floats) -> Floats:
    """(n,): from each of ``points`` (n, k) to the nearest of ``others``; one at a time keeps memory small."""
    nearest = np.full(len(points), np.inf)
    for other in others:
        nearest = np.minimum(nearest, np.linalg.norm(points - other, axis=1))
    return nearest


def _refuse(k: int, simplex: bool) -> None:
    if k < 1 + simplex:
        raise SearchError("models", expected=f"at least {1 + simplex} to merge", got=k)
