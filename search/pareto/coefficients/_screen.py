"""The merges that a surrogate promises most of: dense screening, which costs no evaluation.

Sobol points and the lines between corners and models are predicted; then what is on the predicted front is moved by
ever smaller normal steps, and what improves it stays. Of all that the front holds, greedy hypervolume gain picks.
"""

import numpy as np

from search.pareto.arrays import Floats
from search.pareto.coefficients import Predict, Seen
from search.pareto.coefficients._design import distance, fill, new
from search.pareto.dominance import is_nondominated
from search.pareto.hypervolume import greedy

SCREENED = 1024  # Sobol points: four times as many found nothing more
LINE = 15  # points on the line between any two corners: the interpolation lattice is never left out
STEPS = (0.08, 0.04, 0.02, 0.01)  # deviations of the moves
MOVED = 1500  # points each time


def promising(predict: Predict, seen: Seen, q: int) -> Floats:
    """(q, k) new, distinct coefficients that promise most hypervolume on top of what is given and seen.

    Where nothing more is gained: points of the predicted front that lie farthest from all that is known, which teach
    a surrogate most.
    """
    candidates, losses = screen(predict, seen)
    known = seen.losses if seen.given is None else np.vstack([seen.given, seen.losses])
    picks = greedy(losses, seen.reference, q, given=known if len(known) else None)
    while len(picks) < min(q, len(candidates)):
        far = distance(candidates, np.vstack([seen.tried, candidates[picks]]))
        picks.append(int(np.argmax(far)))
    return candidates[picks]


def front(predict: Predict, seen: Seen, n: int) -> Floats:
    """Up to (n, k) coefficients of the predicted front, those that hold most hypervolume together; none is verified."""
    candidates, losses = screen(predict, seen)
    return candidates[greedy(losses, seen.reference, n)]


def screen(predict: Predict, seen: Seen) -> tuple[Floats, Floats]:
    """The predicted front among untried merges: coefficients (c, k) and losses (c, m)."""
    rng = np.random.default_rng([seen.seed, len(seen.tried)])
    found = new(np.vstack([_lines(seen), fill(SCREENED, seen.k, simplex=seen.simplex, seed=seen.seed)]), seen.tried)
    losses = predict(found)
    for step in STEPS:
        best = is_nondominated(losses)
        found, losses = found[best], losses[best]
        moved = np.clip(found[rng.integers(len(found), size=MOVED)] + step * rng.standard_normal((MOVED, seen.k)), 0, 1)
        if seen.simplex:
            moved = moved[moved.sum(axis=1) > 0]
            moved /= moved.sum(axis=1, keepdims=True)
        moved = new(moved, seen.tried)
        found, losses = np.vstack([found, moved]), np.vstack([losses, predict(moved)])
    best = is_nondominated(losses)
    return found[best], losses[best]


def _lines(seen: Seen) -> Floats:
    k, corners = seen.k, np.eye(seen.k)
    if not seen.simplex:  # with groups of layers the models themselves are no unit vectors
        corners = np.unique(np.vstack([np.zeros(k), corners, np.ones(k), seen.coefficients[: seen.free]]), axis=0)
    first, second = np.triu_indices(len(corners), 1)
    steps = np.linspace(0.0, 1.0, LINE + 2)[:, None, None]
    return np.asarray(((1.0 - steps) * corners[first] + steps * corners[second]).reshape(-1, k))
