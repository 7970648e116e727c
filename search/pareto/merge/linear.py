"""Linear interpolation of k models: theta(c) = sum_i c_i theta_i with sum_i c_i = 1.

With k = 2 the line between two models (alignment-calibration merging, arXiv 2510.17426), otherwise a rewarded
soup (Rame et al., NeurIPS 2023). Coefficients below 0 or above 1 extrapolate. The base, when given, only
lends what is not a float.
"""

from collections.abc import Sequence

from torch import Tensor

from search.errors import MergeError
from search.pareto.merge import check
from search.pareto.merge.tensors import weighted_sum, weights

SPACE: dict[str, object] = {}
SIMPLEX = True
NEEDS_BASE = False
GIVES_BACK = True


def merge(
    base: dict[str, Tensor] | None, states: list[dict[str, Tensor]], coefficients: Sequence[float]
) -> dict[str, Tensor]:
    """sum_i c_i theta_i.

    >>> import torch
    >>> merge(None, [{"w": torch.tensor([0.0])}, {"w": torch.tensor([4.0])}], [0.25, 0.75])["w"].item()
    3.0
    """
    check(base, states)
    factors = weights(coefficients, len(states))
    if abs(sum(factors) - 1.0) > 1e-6:
        raise MergeError("coefficients", expected="a sum of one", got=sum(factors))
    return weighted_sum(states, factors) if base is None else weighted_sum([base, *states], [0.0, *factors])
