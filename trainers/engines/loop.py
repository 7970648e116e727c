"""Row by row through the ordinary module: for models whose step fills the machine, and the stack's oracle."""

from __future__ import annotations

import torch
from torch import Tensor


def gradients(model, loss, tasks):
    measures = [loss([task]) for task in tasks]

    def one(measure, row: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        leaves = [leaf[0].detach().requires_grad_() for leaf in model.leaves(row)]
        noise = [batch[name][0] if name in batch else None for name in ("keys", "shares")]
        losses = measure(model.one(leaves, batch["inputs"][0], *noise)[None], batch)
        slopes = torch.autograd.grad(losses.sum(), leaves)
        return losses.detach(), torch.cat([slope.flatten() for slope in slopes])[None]

    def compute(parameters: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        pairs = []
        for i, measure in enumerate(measures):
            row = slice(i, i + 1)
            own = {name: tensor[row] if len(tensor) > 1 else tensor for name, tensor in batch.items()}
            pairs.append(one(measure, parameters[row], own))
        losses, slopes = zip(*pairs, strict=True)
        return torch.cat(losses), torch.cat(slopes)

    return compute
