"""Batch-norm statistics of models that nobody trained: taken anew, on training inputs, before they are judged.

What batch norm divides by after training are running averages of the trained model's own activations. Averaged with
the weights they belong to no model: the activations of merged weights have other means, and variances that are mostly
smaller (Jordan, Sedghi, Saukh, Entezari, Neyshabur, REPAIR, ICLR 2023). So for a trainer's `recalibrate`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


@torch.no_grad()
def recalibrated(
    module: nn.Module, states: Sequence[Mapping[str, Tensor]], inputs: Tensor, *, batch: int = 128
) -> list[dict[str, Tensor]]:
    """The state dicts with the means and variances of `inputs` (n, ...), n >= 2, in the place of running ones.

    Means over the batches, each weighing alike, so the inputs are cut into equal ones of at most `batch`; a few hundred
    are enough. All else stays as it is, bit for bit, and nothing is drawn: dropout drops nothing.

    >>> module = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    >>> state = module.state_dict() | {"0.weight": torch.tensor([[2.0]]), "0.bias": torch.tensor([1.0])}
    >>> (found,) = recalibrated(module, [state], torch.tensor([[0.0], [1.0], [2.0]]))
    >>> found["1.running_mean"], found["1.running_var"]
    (tensor([3.]), tensor([4.]))
    """
    module = copy.deepcopy(module).to(inputs.device).eval()
    norms = [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    norms = [layer for layer in norms if layer.track_running_stats]
    parts = inputs.tensor_split(max(1, min(-(-len(inputs) // batch), len(inputs) // 2))) if norms else ()
    found = []
    for state in states:
        module.load_state_dict(dict(state))
        for layer in norms:
            layer.reset_running_stats()
            layer.momentum = None  # the mean over all batches
            layer.train()
        for part in parts:
            module(part)
        taken = module.state_dict()
        found.append({name: taken[name].to(tensor).clone() for name, tensor in state.items()})
    return found
