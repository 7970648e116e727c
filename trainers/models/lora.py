"""A linear layer whose weight is frozen and moved by a thin trained product: y = W x + b + (alpha / r) B A x.

Source: Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2022, equation 3: A (r, in) is `down`,
B (out, r) is `up`. B starts at 0, so a fresh layer is the linear layer that it wraps.

    LoRALinear(linear, rank, alpha)     `linear` keeps its weight and bias, which stop asking for a gradient
    fold()                              the plain weight (out, in) that does the same
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LoRALinear(nn.Module):
    """Inputs (..., in) -> (..., out).

    >>> layer = LoRALinear(nn.Linear(6, 4), rank=2, alpha=4.0)
    >>> [name for name, tensor in layer.named_parameters() if tensor.requires_grad]
    ['down', 'up']
    >>> layer.fold().equal(layer.linear.weight)  # as long as `up` is 0
    True
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float):
        super().__init__()
        if not 1 <= rank <= min(linear.in_features, linear.out_features):
            limit = min(linear.in_features, linear.out_features)
            raise ValueError(f"LoRALinear rank: expected 1 to {limit}, the smaller side of the weight, got {rank}")
        self.linear = linear.requires_grad_(False)
        self.rank, self.alpha, self.scale = rank, alpha, alpha / rank
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.down = nn.Parameter(linear.weight.new_empty(rank, linear.in_features))
        self.up = nn.Parameter(linear.weight.new_empty(linear.out_features, rank))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """`down` as the weight of a fresh nn.Linear, `up` 0."""
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        nn.init.zeros_(self.up)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.linear(inputs) + (inputs @ self.down.mT) @ self.up.mT * self.scale

    @torch.no_grad()
    def fold(self) -> Tensor:
        """Weight (out, in) of the plain linear layer that does the same."""
        return self.linear.weight + self.scale * self.up @ self.down
