"""A multi-layer perceptron with ReLU, d -> hidden ... -> c: an ordinary module, and a stack of k rows.

The module is a plain `nn.Sequential`, so its state dict has the keys "0.weight", "0.bias", "2.weight", ...
The stack holds one row of p parameters a model, in the order of that state dict; layers see strided views
of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layer:
    """Columns start to stop of a row, seen as `shape`; `hidden` says: a matrix between hidden layers."""

    name: str
    start: int
    stop: int
    shape: tuple[int, ...]
    hidden: bool

    def of(self, rows: Tensor) -> Tensor:
        """View (k, *shape) of rows (k, p)."""
        return rows[:, self.start : self.stop].view(-1, *self.shape)


@dataclass(frozen=True)
class MLP:
    """The model of `sizes`; a stack of it is a matrix of rows.

    >>> model = MLP((3, 4, 2))
    >>> [(layer.name, layer.shape) for layer in model.layout]
    [('0.weight', (4, 3)), ('0.bias', (4,)), ('2.weight', (2, 4)), ('2.bias', (2,))]
    >>> rows = torch.stack([model.row(model.init(seed)) for seed in range(5)])  # (k, p)
    >>> model.forward(model.leaves(rows), torch.zeros(7, 3)).shape
    torch.Size([5, 7, 2])
    """

    sizes: tuple[int, ...]  # (d, hidden, ..., c)

    @cached_property
    def layout(self) -> tuple[Layer, ...]:
        layers, start, last = [], 0, len(self.sizes) - 2
        for i, (wide, narrow) in enumerate(pairwise(self.sizes)):
            for part, shape in (("weight", (narrow, wide)), ("bias", (narrow,))):
                stop = start + prod(shape)
                layers.append(Layer(f"{2 * i}.{part}", start, stop, shape, part == "weight" and 0 < i < last))
                start = stop
        return tuple(layers)

    @property
    def parameters(self) -> int:
        return self.layout[-1].stop

    def module(self) -> nn.Sequential:
        parts = [part for wide, narrow in pairwise(self.sizes) for part in (nn.Linear(wide, narrow), nn.ReLU())]
        return nn.Sequential(*parts[:-1])

    def init(self, seed: int) -> dict[str, Tensor]:
        """State dict of a fresh model: normal weights of variance 2 / fan-in (He et al., 2015), biases 0."""
        generator = torch.Generator().manual_seed(seed)
        return {
            layer.name: torch.zeros(layer.shape)
            if len(layer.shape) == 1
            else torch.randn(layer.shape, generator=generator) * (2 / layer.shape[1]) ** 0.5
            for layer in self.layout
        }

    def row(self, state: dict[str, Tensor]) -> Tensor:
        """Row (p,) of a state dict."""
        return torch.cat([state[layer.name].reshape(-1) for layer in self.layout])

    def state(self, row: Tensor) -> dict[str, Tensor]:
        """State dict of a row (p,), in memory of its own."""
        return {layer.name: layer.of(row[None])[0].clone() for layer in self.layout}

    def leaves(self, rows: Tensor) -> list[Tensor]:
        """Views (k, *shape) of rows (k, p), one a layer, in the order of the layout."""
        return [layer.of(rows) for layer in self.layout]

    def forward(self, leaves: list[Tensor], inputs: Tensor) -> Tensor:
        """Logits (k, n, c) from `leaves` and inputs (n, d), the same for all rows, or (k, n, d)."""
        # a shared batch is expanded, not multiplied as one wide matrix: the same kernel, so the same bits
        hidden = inputs.expand(len(leaves[0]), *inputs.shape[-2:])
        for i in range(0, len(leaves), 2):
            hidden = torch.baddbmm(leaves[i + 1].unsqueeze(1), hidden, leaves[i].mT)
            hidden = hidden.relu() if i < len(leaves) - 2 else hidden
        return hidden
