"""Merging coefficients (n, k) -> metrics (n, m), learned from a few evaluated merges. One surrogate a file.

    def fit(coefficients, values, *, bounds=None, count=None): ...         (n, k), (n, m) -> fitted
    fitted.coefficients                                                    (n, k): where
    fitted.predict(coefficients)                                           (q, k) -> mean (q, m), deviation (q, m)
    fitted.error, fitted.r2                                                (m,) of each row predicted from the others

``bounds``: for each metric (low, high) in its unit, None where there is none, which chooses its link (see
``links``); predictions keep them. ``count``: how many examples a metric with two bounds is a mean of; values on
a bound move off it by half a count. Everything is in the metric's unit. A surrogate is a pure function of its
table: it does not mind the order of rows, writes to nothing, and says infinity where it cannot know. One that
needs more merges than it is given says how many.

``fit`` is kriging: over quadratics of a link, ridges, collapses and merged networks its error is about half that
of the quadratic, and it needs no least number of merges. The quadratic (MAP) is better, by a quarter, where a
metric truly is a quadratic of its link and was evaluated at twice its terms.

Why not more: a quadratic with a prior (its weights' evidence in place of least squares) was worse than the
quadratic where both can be fitted, and worse than kriging where the quadratic cannot; the choice of a surrogate
by its left-out error was worse than kriging alone, since a dozen rows cannot tell. Nested MAP is no surrogate: it
merges pairs, chooses one point of each and merges on, so what it evaluates follows from a preference.
"""

from search.pareto.surrogate.kriging import Kriging as Kriging
from search.pareto.surrogate.kriging import fit as fit
