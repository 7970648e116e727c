"""CMA-ES on the mean of all losses, each in units of its reference (Hansen, 2016): one good merge instead of a front.

How recycled and evolved merges are found elsewhere (mergekit-evolve; Khalifa et al., 2024). The strategy is told its
generations again from what was seen, so it has no memory of its own. On the simplex shares are normalised.
"""

import numpy as np
from cmaes import CMA

from search.pareto.arrays import Floats
from search.pareto.coefficients import Seen
from search.pareto.coefficients._design import APART, waiting

DEVIATION = 0.3  # of the first generation, about the middle of the box


def propose(seen: Seen, q: int) -> Floats:
    """What of the present generation was not tried yet."""
    box = np.tile([0.0, 1.0], (seen.k, 1))
    strategy = CMA(mean=np.full(seen.k, 0.5), sigma=DEVIATION, bounds=box, seed=seen.seed)
    while not strategy.should_stop():
        asked = [strategy.ask() for _ in range(strategy.population_size)]
        points = np.array([point / max(point.sum(), 1e-12) if seen.simplex else point for point in asked])
        if len(left := waiting(seen, points)):
            return left[:q]
        strategy.tell([(point, _worth(seen, at)) for point, at in zip(asked, points, strict=True)])
    return np.empty((0, seen.k))


def _worth(seen: Seen, point: Floats) -> float:
    at = np.flatnonzero(np.abs(seen.coefficients - point).max(axis=1) <= APART)
    return float((seen.losses[at[0]] / np.abs(seen.reference).clip(1e-12)).mean()) if len(at) else np.inf
