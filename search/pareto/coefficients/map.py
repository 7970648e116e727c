"""MAP (Li et al., ICLR 2025): one quadratic of each metric's link, fitted once to a design; then its front, verified.

Half of the evaluations are the design, or as many points as the quadratic has terms; the rest verifies the predicted
front. The search stays inside the box: in the [-3, 3] of the reference code it finds what the quadratic invents. The
front is screened densely, where the reference evolves it by NSGA-III, which costs as little and holds less.
"""

from search.errors import SearchError
from search.pareto.arrays import Floats
from search.pareto.coefficients import Fitted, Seen
from search.pareto.coefficients._design import among, design, waiting
from search.pareto.coefficients._screen import front
from search.pareto.surrogate import quadratic


def propose(seen: Seen, q: int) -> Floats:
    """The rest of the design, then the rest of the predicted front, the points that hold most hypervolume first."""
    count = designed(seen)
    planned = design(seen.k, seen.free + count, simplex=seen.simplex, seed=seen.seed)
    if len(first := waiting(seen, planned)):
        return first[:q]
    fitted = among(seen, planned)
    return waiting(seen, front(surrogate(fitted).predict, fitted, seen.evaluations - count))[:q]


def designed(seen: Seen) -> int:
    """How many evaluations the design takes; too few for a fit are refused."""
    least = seen.terms - seen.free
    if seen.evaluations < least:
        expected = f"at least {least}, since a quadratic in {seen.k} coefficients has {seen.terms} terms"
        raise SearchError("evaluations", expected=expected, got=seen.evaluations)
    return max(least, seen.evaluations // 2)


def surrogate(seen: Seen) -> Fitted:
    """The quadratics' values."""
    fitted = quadratic.fit(seen.coefficients, seen.losses, bounds=seen.bounds)
    return Fitted(lambda coefficients: fitted.predict(coefficients)[0], fitted.error)
