"""Row by row through the ordinary module: for models whose step fills the machine, and the stack's oracle."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call


def gradients(model, loss, tasks):
    module, names = model.module(), [layer.name for layer in model.layout]
    measures = [loss([task]) for task in tasks]

    def one(measure, row: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        leaves = [leaf[0].detach().requires_grad_() for leaf in model.leaves(row)]
        logits = functional_call(module, dict(zip(names, leaves, strict=True)), (batch["inputs"],))
        losses = measure(logits[None] if logits.dim() == 2 else logits, batch)
        slopes = torch.autograd.grad(losses.sum(), leaves)
        return losses.detach(), torch.cat([slope.flatten() for slope in slopes])[None]

    def compute(parameters: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        own = batch["inputs"].dim() == 3
        rows = [slice(i, i + 1) for i in range(len(measures))]
        batches = [{name: tensor[row] for name, tensor in batch.items()} if own else batch for row in rows]
        pairs = [
            one(measure, parameters[row], each) for measure, row, each in zip(measures, rows, batches, strict=True)
        ]
        losses, slopes = zip(*pairs, strict=True)
        return torch.cat(losses), torch.cat(slopes)

    return compute
