"""All rows in one batched computation: each layer is one batched product over the rows."""

from __future__ import annotations

import torch
from torch import Tensor


def gradients(model, loss, tasks):
    measure = loss(tasks)

    def compute(parameters: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        # leaves of their own: the backward of a slice of (k, p) would fill a (k, p) of zeros per layer
        leaves = [leaf.detach().requires_grad_() for leaf in model.leaves(parameters)]
        outputs = model.forward(leaves, batch["inputs"], batch.get("keys"), batch.get("shares"))
        losses = measure(outputs, batch)
        slopes = torch.autograd.grad(losses.sum(), leaves)
        return losses.detach(), gathered(slopes, parameters, model)

    return compute


def gathered(slopes: tuple[Tensor, ...], parameters: Tensor, model) -> Tensor:
    """Gradient (k, p) of its parts (k, *shape), each copied once."""
    gradient = torch.empty_like(parameters)
    for leaf, slope in zip(model.leaves(gradient), slopes, strict=True):
        leaf.copy_(slope)
    return gradient
