"""A small convolutional network for square grey images: (..., side^2) -> (..., c).

Each stage is a 3 x 3 convolution, ReLU and 2 x 2 max pooling; a linear layer reads what is left. With the
default sizes: 1 - 16 - 32 channels on 8 x 8 pixels, 6,090 parameters, 31 million operations a step of 64
images. The forward pass minds trailing axes only, so that a stack of rows can run it.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

GROUPS = 4  # of channels, normalised together


class CNN(nn.Module):
    """`channels` of each stage; `side` of the images, pixels; `norm` "none" or "group" (Wu and He, 2018).

    >>> CNN()(torch.zeros(5, 64)).shape
    torch.Size([5, 10])
    >>> sum(tensor.numel() for tensor in CNN().parameters())
    6090
    """

    def __init__(self, channels=(16, 32), *, side=8, classes=10, norm="none", dropout=0.0):
        super().__init__()
        if norm not in ("none", "group"):
            raise ValueError(f"CNN norm: expected 'none' or 'group', got {norm!r}")
        if side % 2 ** len(channels):
            raise ValueError(f"CNN side: expected a multiple of {2 ** len(channels)}, one half a stage, got {side}")
        self.side = side
        stages = [
            nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1),
                *([nn.GroupNorm(GROUPS, after)] if norm == "group" else []),
                nn.ReLU(),
                nn.MaxPool2d(2),
            )
            for before, after in pairwise((1, *channels))
        ]
        self.stages = nn.Sequential(*stages)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels[-1] * (side // 2 ** len(channels)) ** 2, classes)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stages(images.unflatten(-1, (1, self.side, self.side)))
        return self.head(self.dropout(maps.flatten(-3)))

    @torch.no_grad()
    def reset(self, generator: torch.Generator) -> None:
        """A fresh start: normal weights of variance 2 / fan-in (He et al., 2015), biases 0."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
                layer.weight.mul_((2 / layer.weight[0].numel()) ** 0.5)
                layer.bias.zero_()
