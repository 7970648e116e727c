"""Task arithmetic without conflicts: of each entry only the steps whose sign most of the mass has are added.

    theta(c) = theta_0 + sum_{i in A} c_i (theta_i - theta_0)
    A        the members whose step c_i (theta_i - theta_0) has there the sign of the sum of all steps

TIES (Yadav et al., NeurIPS 2023) without its trimming, with the sum over A that its authors' code offers beside
the mean. Where no steps conflict this is task arithmetic. Steps vote with their coefficients, so a member's part
fades out with its coefficient: theta is continuous in c but where a sign is lost, and e_i is member i.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from search.pareto.merge.tensors import based, combined, elected, total, wide

SPACE: dict[str, object] = {}
SIMPLEX = False
NEEDS_BASE = True
GIVES_BACK = True


def merge(
    base: dict[str, Tensor] | None, states: list[dict[str, Tensor]], coefficients: Sequence[float]
) -> dict[str, Tensor]:
    """theta_0 + sum_{i in A} c_i (theta_i - theta_0).

    >>> import torch
    >>> base = {"w": torch.zeros(3)}
    >>> states = [{"w": torch.tensor([4.0, 4.0, 1.0])}, {"w": torch.tensor([2.0, -6.0, 0.0])}]
    >>> merge(base, states, [0.5, 1.0])["w"].tolist()
    [4.0, -6.0, 0.5]
    """
    base, factors = based(base, states, coefficients)
    read = [(state, factor) for state, factor in zip(states, factors, strict=True) if factor != 0.0]

    def combine(name: str, tensors: list[Tensor]) -> Tensor:
        if len(read) < 2:  # nobody to conflict with: a sum that is exact at 0 and 1
            return total(tensors, [1.0 - sum(factors), *(factor for _, factor in read)])
        start = wide(tensors[0])
        steps = [(wide(tensor) - start) * factor for tensor, (_, factor) in zip(tensors[1:], read, strict=True)]
        return start + elected(torch.stack(steps)).sum(0)

    return combined([base, *(state for state, _ in read)], combine)
