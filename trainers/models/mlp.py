"""A multi-layer perceptron with ReLU, d -> hidden ... -> c, as a plain sequence of layers.

Its state dict has the keys "0.weight", "0.bias", "2.weight", ... `trainers.stack.Stack` makes rows of it.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn


class MLP(nn.Sequential):
    """The network of sizes (d, hidden, ..., c).

    >>> MLP((3, 4, 2))(torch.zeros(7, 3)).shape
    torch.Size([7, 2])
    """

    def __init__(self, sizes: tuple[int, ...]):
        parts = [part for wide, narrow in pairwise(sizes) for part in (nn.Linear(wide, narrow), nn.ReLU())]
        super().__init__(*parts[:-1])

    @torch.no_grad()
    def reset(self, generator: torch.Generator) -> None:
        """A fresh start: normal weights of variance 2 / fan-in (He et al., 2015), biases 0."""
        for layer in self:
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
                layer.weight.mul_((2 / layer.in_features) ** 0.5)
                layer.bias.zero_()
