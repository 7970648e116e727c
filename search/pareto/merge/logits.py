"""Composition of what models say, not of their weights: z(c) = z_0 + sum_i c_i (z_i - z_0), z_0 said by their base.

Of logits this is a product of the models' laws, p(c) ~ p_0 prod_i (p_i / p_0)^c_i. c = 0 is the base, c = e_i member i.
With task vectors in logits in the place of weights no network has to be linear between members, so nothing breaks
there; the price is that whoever asks a composition runs every member whose coefficient is not 0, and the base.
Source: universal reasoners (UniR), whose modules add logits to those of a frozen base.

A study sums what its trainer says of the same examples, so once its members and the base were run, a merge is a sum.
"""

from collections.abc import Sequence

from torch import Tensor

from search.pareto.merge import task_arithmetic

SPACE: dict[str, object] = {}
SIMPLEX = False
NEEDS_BASE = True
GIVES_BACK = True
OF_OUTPUTS = True


def merge(
    base: dict[str, Tensor] | None, states: list[dict[str, Tensor]], coefficients: Sequence[float]
) -> dict[str, Tensor]:
    """z_0 + sum_i c_i (z_i - z_0), of tensors that the base and the members say.

    >>> import torch
    >>> base, said = {"logits": torch.zeros(2)}, [{"logits": torch.tensor([2.0, 0.0])}]
    >>> merge(base, said, [0.5])["logits"].tolist()
    [1.0, 0.0]
    """
    return task_arithmetic.merge(base, states, coefficients)
