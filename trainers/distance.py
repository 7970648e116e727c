"""How far k models are from their target, each row by a divergence of its own.

`kind` of `trainers.population` brings rows of one divergence together inside an optimizer, so that each
divergence works on a slice; across optimizers they are brought together here, and back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import groupby

import torch
from torch import Tensor

from trainers.params import component


def distance(choices: list[dict], column) -> Callable[[Tensor, Tensor], Tensor]:
    """Prepare two logits (k, n, c), target and model -> (k, n): row i by `choices[i]`, {"name": ..., **own}."""
    rank = sorted(range(len(choices)), key=lambda i: choices[i]["name"])
    slices, start = [], 0
    for _, group in groupby(rank, key=lambda i: choices[i]["name"]):
        modules, owns = zip(*[component("divergence", choices[i]) for i in group], strict=True)
        columns = {name: column([own[name] for own in owns]) for name in owns[0]}
        slices.append((modules[0].divergence, slice(start, start + len(owns)), columns))
        start += len(owns)

    def sliced(target: Tensor, model: Tensor) -> Tensor:
        return torch.cat([measure(target[rows], model[rows], **own) for measure, rows, own in slices])

    if rank == sorted(rank):
        return sliced
    device = column([0.0]).device
    there, back = torch.tensor(rank, device=device), torch.tensor(rank, device=device).argsort()
    together = partial(torch.index_select, dim=0, index=there)
    return lambda target, model: sliced(together(target), together(model)).index_select(0, back)
