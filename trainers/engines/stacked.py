"""All rows in one batched computation: each layer is one batched product over the rows."""

from __future__ import annotations

import torch
from torch import Tensor


def gradients(model, loss, tasks):
    measure = loss(tasks)

    def compute(parameters: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        # leaves of their own: the backward of a slice of (k, p) would fill a (k, p) of zeros per layer
        leaves = [leaf.detach().requires_grad_() for leaf in model.leaves(parameters)]
        losses = measure(model.forward(leaves, batch["inputs"]), batch)
        slopes = torch.autograd.grad(losses.sum(), leaves)
        return losses.detach(), torch.cat([slope.flatten(1) for slope in slopes], 1)

    return compute
