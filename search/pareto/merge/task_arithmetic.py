"""Task arithmetic on k fine-tunings of one base: theta(c) = theta_0 + sum_i c_i (theta_i - theta_0).

Ilharco et al., ICLR 2023; the space that MAP searches. c = 0 is the base, c = e_i member i, sum_i c_i = 1
interpolation. Computed as (1 - sum_i c_i) theta_0 + sum_i c_i theta_i, the same sum, which gives members and
base back bit by bit.
"""

from collections.abc import Sequence

from torch import Tensor

from search.errors import MergeError
from search.pareto.merge import check
from search.pareto.merge.tensors import weighted_sum, weights

SPACE: dict[str, object] = {}
SIMPLEX = False
NEEDS_BASE = True
GIVES_BACK = True


def merge(
    base: dict[str, Tensor] | None, states: list[dict[str, Tensor]], coefficients: Sequence[float]
) -> dict[str, Tensor]:
    """theta_0 + sum_i c_i (theta_i - theta_0).

    >>> import torch
    >>> base, states = {"w": torch.tensor([1.0])}, [{"w": torch.tensor([2.0])}, {"w": torch.tensor([5.0])}]
    >>> merge(base, states, [1.0, 1.0])["w"].item()
    6.0
    """
    if base is None:
        hint = "Give the model that the members were fine-tuned from, or merge them with linear."
        raise MergeError("base", expected="a base to take task vectors from", hint=hint)
    check(base, states)
    factors = weights(coefficients, len(states))
    return weighted_sum([base, *states], [1.0 - sum(factors), *factors])
