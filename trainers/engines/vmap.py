"""torch.func.vmap over the ordinary module: for modules that have no rule in `trainers.layers`, and their oracle."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainers.engines.stacked import gathered


def outputs(model, leaves: list[Tensor], inputs: Tensor, keys=None, shares=None) -> Tensor:
    """What `model.forward` gives, (k, b, ...)."""
    shared = len(inputs) == 1
    axes = (0, None if shared else 0, None if keys is None else 0, None if shares is None else 0)
    with sdpa_kernel(SDPBackend.MATH):  # the other kinds of attention would go row by row
        return vmap(model.one, in_dims=axes)(leaves, inputs[0] if shared else inputs, keys, shares)


def gradients(model, loss, tasks):
    measure = loss(tasks)

    def compute(parameters: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        leaves = [leaf.detach().requires_grad_() for leaf in model.leaves(parameters)]
        made = outputs(model, leaves, batch["inputs"], batch.get("keys"), batch.get("shares"))
        losses = measure(made, batch)
        slopes = torch.autograd.grad(losses.sum(), leaves)
        return losses.detach(), gathered(slopes, parameters, model)

    return compute
