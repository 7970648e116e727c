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
    kinds, sizes = [], []
    for _, group in groupby(rank, key=lambda i: choices[i]["name"]):
        modules, owns = zip(*[component("divergence", choices[i]) for i in group], strict=True)
        columns = {name: column([own[name] for own in owns]) for name in owns[0]}
        kinds.append((modules[0].divergence, columns))
        sizes.append(len(owns))

    def sliced(target: Tensor, model: Tensor) -> Tensor:
        # split, not slices: the backward of a slice fills all other rows with zeros
        parts = zip(kinds, target.split(sizes), model.split(sizes), strict=True)
        return torch.cat([measure(of, to, **own) for (measure, own), of, to in parts])

    if rank == sorted(rank):
        return sliced
    device = column([0.0]).device
    there, back = torch.tensor(rank, device=device), torch.tensor(rank, device=device).argsort()
    together = partial(torch.index_select, dim=0, index=there)
    return lambda target, model: sliced(together(target), together(model)).index_select(0, back)
