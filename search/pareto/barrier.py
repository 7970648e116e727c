"""The loss barrier between two models: how much worse than their own losses the models on the line between are.

    max over 0 < t < 1 of  L(theta(t)) - ((1 - t) L(theta(0)) + t L(theta(1)))

Near or below 0 they can be merged; far above it they lie in basins of their own, as models do that did not start
from one base. Source: Frankle et al., Linear Mode Connectivity and the Lottery Ticket Hypothesis, ICML 2020; with
the line between the two losses for their mean, Entezari et al., The Role of Permutation Invariance in Linear Mode
Connectivity of Neural Networks, ICLR 2022, definition 2.
"""

from collections.abc import Callable

import numpy as np

from search.errors import SearchError
from search.pareto.arrays import Floats


def barrier(evaluate: Callable[[Floats], float], *, points: int = 11) -> tuple[float, float]:
    """Its height, in the unit of the loss, and the t where it is: the nearest to the first model on ties.

    ``evaluate``: coefficients (2,) that sum to one -> the loss of that merge, asked ``points`` times with both
    ends. A loss between the ends that is not finite is a barrier without end.

    >>> barrier(lambda c: 4 * c[0] * c[1] + c[1])
    (1.0, 0.5)
    """
    if points < 3:
        raise SearchError("points", expected="at least 3, both ends and one between them", got=points)
    t = np.linspace(0.0, 1.0, points)
    losses = np.array([float(evaluate(np.array([1.0 - each, each]))) for each in t])
    if not np.isfinite(losses[[0, -1]]).all():
        raise SearchError("evaluate", expected="finite losses of both models", got=losses[[0, -1]].tolist())
    above = np.where(np.isfinite(losses), losses, np.inf) - ((1.0 - t) * losses[0] + t * losses[-1])
    highest = 1 + int(np.argmax(above[1:-1]))
    return float(above[highest]), float(t[highest])
