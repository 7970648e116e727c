"""One ordinary model trained alone with AdamW on labels: how teachers and bases come to be."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from trainers.order import order

VERSION = 1  # counts the changes that make other weights of the same settings: part of every cache's recipe


def fit(
    model, inputs: Tensor, labels: Tensor, *, steps, batch, learning_rate, smoothing=0.0, seed=0
) -> dict[str, Tensor]:
    """State dict after `steps` steps on inputs (n, ...) and labels (n,) or (n, t); the learning rate falls to 0."""
    module = model.module()
    module.load_state_dict(model.init(seed))
    module.to(inputs.device)
    optimizer = torch.optim.AdamW(module.parameters(), lr=learning_rate, weight_decay=1e-2, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for index in torch.from_numpy(order(seed, 0, steps, n=len(inputs), batch=batch)).to(inputs.device):
        optimizer.zero_grad()
        logits = module(inputs[index]).flatten(0, -2)
        cross_entropy(logits, labels[index].flatten(), label_smoothing=smoothing).backward()
        optimizer.step()
        schedule.step()
    return {name: tensor.detach().cpu() for name, tensor in module.state_dict().items()}
