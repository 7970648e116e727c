"""The interpolation lattice: evenly spaced shares that sum to one, each evaluated; no model of anything.

Rewarded soups (Rame et al., NeurIPS 2023): the baseline that every surrogate has to beat, verified against verified.
"""

import numpy as np

from search.pareto.arrays import Floats
from search.pareto.coefficients import Seen
from search.pareto.coefficients._design import fill, waiting
from search.pareto.indicators import uniform


def propose(seen: Seen, q: int) -> Floats:
    """The finest lattice that the evaluations allow, then points of the simplex between."""
    at_most = seen.evaluations + seen.free
    even = uniform(seen.k, max(at_most, seen.k))
    between = fill(at_most + seen.k, seen.k, simplex=True, seed=seen.seed)
    return waiting(seen, np.vstack([even, between]))[:q]
