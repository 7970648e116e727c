"""Kriging of the metrics, active: fit to all that is known, evaluate what promises most, fit again."""

from search.pareto import surrogate as surrogates
from search.pareto.arrays import Floats
from search.pareto.coefficients import Fitted, Seen
from search.pareto.coefficients._design import started, waiting
from search.pareto.coefficients._screen import promising


def propose(seen: Seen, q: int) -> Floats:
    """The rest of the design, then the merges that promise most hypervolume."""
    first = waiting(seen, started(seen))
    return first[:q] if len(first) else promising(surrogate(seen).predict, seen, q)


def surrogate(seen: Seen) -> Fitted:
    """The mean of the process of each metric."""
    fitted = surrogates.fit(seen.coefficients, seen.losses, bounds=seen.bounds)
    return Fitted(lambda coefficients: fitted.predict(coefficients)[0], fitted.error)
