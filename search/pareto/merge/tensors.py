"""What merge rules share: a weighted sum of models, and how akin models are."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from search.errors import MergeError


def weights(coefficients: Sequence[float], k: int) -> list[float]:
    """The coefficients of k models as plain finite numbers.

    >>> weights([0.25, 0.75], 2)
    [0.25, 0.75]
    """
    found = [float(coefficient) for coefficient in coefficients]
    if len(found) != k or not all(abs(coefficient) < float("inf") for coefficient in found):
        raise MergeError("coefficients", expected=f"one finite number for each of {k} models", got=found)
    return found


@torch.no_grad()
def weighted_sum(models: Sequence[Mapping[str, Tensor]], factors: Sequence[float]) -> dict[str, Tensor]:
    """sum_i f_i model_i, name by name; what is not a float is copied from the first model.

    Models of factor 0 are not read, so a factor of 1 alone gives that model bit by bit, even next to one with
    a NaN.

    >>> weighted_sum([{"w": torch.ones(1)}, {"w": torch.full((1,), 5.0)}], [0.75, 0.25])["w"].item()
    2.0
    """
    done: dict[tuple[object, ...], Tensor] = {}
    merged = {}
    for name in models[0]:
        tensors = [model[name] for model in models]
        # Tied only where every model ties it: a model that unties it has two tensors to say.
        identity = tuple((t.data_ptr(), t.dtype, t.shape, t.stride()) for t in tensors)
        if identity not in done:
            done[identity] = _sum(tensors, factors)
        merged[name] = done[identity]
    return merged


@torch.no_grad()
def kinship(states: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """(k, k) cosines between the weight matrices of k models, all layers as one vector.

    Near 1 for fine-tunings of one base; near 0 for models that started apart, whose merges are worth nothing
    before their units are aligned.

    >>> identity = torch.eye(2)
    >>> kinship([{"w": identity}, {"w": 3 * identity}, {"w": identity.flip(0)}])[0].round(decimals=6).tolist()
    [1.0, 1.0, 0.0]
    """
    gram = torch.zeros(len(states), len(states), dtype=torch.float64)
    for name, tensor in states[0].items():
        if tensor.is_floating_point() and tensor.ndim > 1:  # vectors are mostly zeros or ones in any model
            rows = torch.stack([state[name].flatten().to("cpu", torch.float64) for state in states])
            gram += rows @ rows.T
    length = gram.diagonal().sqrt()
    return gram / torch.outer(length, length).clamp_min(torch.finfo(torch.float64).tiny)


def _sum(tensors: Sequence[Tensor], factors: Sequence[float]) -> Tensor:
    first = tensors[0]
    if not (first.is_floating_point() or first.is_complex()):
        return first.detach().clone()
    wide = first.dtype if first.is_complex() or first.dtype == torch.float64 else torch.float32
    total: Tensor | None = None
    for tensor, factor in zip(tensors, factors, strict=True):
        if factor == 0.0:
            continue
        # The first term starts the sum: a sum from zero would lose the sign of -0.0.
        term = tensor.detach().to(wide)
        total = term * factor if total is None else total.add_(term, alpha=factor)
    return torch.zeros_like(first) if total is None else total.to(first.dtype)
