"""Greedy soup: the even average of those members that do not make it worse, as coefficients of a merge.

The members in the order of their losses, best first; each is added to the average and stays if the average's loss
does not grow. So the soup is never worse than the best member, by the measure that was asked. Source: Wortsman et
al., Model Soups: Averaging Weights of Multiple Fine-Tuned Models Improves Accuracy without Increasing Inference
Time, ICML 2022, recipe 1. k - 1 evaluations.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from search.errors import SearchError
from search.pareto.arrays import Floats, vector


def greedy(losses: ArrayLike, evaluate: Callable[[Floats], float]) -> tuple[Floats, float]:
    """Coefficients (k,) that sum to one, and their loss.

    ``losses`` (k,): the members', of which the earlier goes first on ties. ``evaluate``: coefficients (k,) -> the
    loss of that merge, by the same measure on the same examples; NaN is worse than any.

    >>> greedy([1.0, 3.0, 2.0], lambda c: abs(c @ [1.0, 3.0, -2.0]))
    (array([0.5, 0. , 0.5]), 0.5)
    """
    count = np.size(losses)
    if count == 0:
        raise SearchError("losses", expected="at least one member", got=count)
    first, *others = np.argsort(vector(losses, "losses", size=count), kind="stable")
    chosen, best = [first], float(np.asarray(losses)[first])
    for member in others:
        loss = float(evaluate(_even([*chosen, member], count)))
        if loss <= best:
            chosen, best = [*chosen, member], loss
    return _even(chosen, count), best


def _even(members: list[np.intp], count: int) -> Floats:
    found = np.zeros(count)
    found[members] = 1.0 / len(members)
    return found
