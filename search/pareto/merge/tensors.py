"""What merge rules share: any combination tensor by tensor, a weighted sum of models, and how akin models are."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from search.errors import MergeError
from search.pareto.merge import check


def weights(coefficients: Sequence[float], k: int) -> list[float]:
    """The coefficients of k models as plain finite numbers.

    >>> weights([0.25, 0.75], 2)
    [0.25, 0.75]
    """
    found = [float(coefficient) for coefficient in coefficients]
    if len(found) != k or not all(abs(coefficient) < float("inf") for coefficient in found):
        raise MergeError("coefficients", expected=f"one finite number for each of {k} models", got=found)
    return found


def based(
    base: dict[str, Tensor] | None, states: Sequence[Mapping[str, Tensor]], coefficients: Sequence[float]
) -> tuple[dict[str, Tensor], list[float]]:
    """The base that task vectors are taken from, and the coefficients as numbers; refused if the models do not fit.

    >>> based({"w": torch.ones(1)}, [{"w": torch.ones(1)}], [1])[1]
    [1.0]
    """
    if base is None:
        raise MergeError("base", expected="a base to take task vectors from", hint="Or merge them with linear.")
    check(base, states)
    return base, weights(coefficients, len(states))


def names(models: Sequence[Mapping[str, Tensor]]) -> list[list[str]]:
    """The names of the distinct tensors: names together where every model has one tensor under them.

    A model that unties two names has two tensors to say.

    >>> shared = torch.ones(1)
    >>> names([{"a": shared, "b": shared, "c": torch.ones(1)}])
    [['a', 'b'], ['c']]
    """
    found: dict[tuple[object, ...], list[str]] = {}
    for name in models[0]:
        identity = tuple((t.data_ptr(), t.dtype, t.shape, t.stride()) for t in (model[name] for model in models))
        found.setdefault(identity, []).append(name)
    return list(found.values())


def wide(tensor: Tensor) -> Tensor:
    """What is summed in: float32, or float64 where the tensor is that. The tensor itself if it is as wide.

    >>> wide(torch.ones(1, dtype=torch.float16)).dtype
    torch.float32
    """
    return tensor.detach().to(torch.float64 if tensor.dtype == torch.float64 else torch.float32)


@torch.no_grad()
def combined(
    models: Sequence[Mapping[str, Tensor]], combine: Callable[[str, list[Tensor]], Tensor]
) -> dict[str, Tensor]:
    """``combine(name, tensors of all models)`` for each distinct float tensor, cast to its type.

    What is not a float is copied from the first model; a complex tensor is two floats. ``combine`` returns a
    new tensor of the same shape.

    >>> combined([{"w": torch.ones(1)}, {"w": torch.full((1,), 5.0)}], lambda name, pair: pair[0] - pair[1])
    {'w': tensor([-4.])}
    """
    made: dict[str, Tensor] = {}
    for together in names(models):
        tensors = [model[together[0]].detach() for model in models]
        first = tensors[0]
        if first.is_complex():
            parts = [torch.view_as_real(tensor.resolve_conj()) for tensor in tensors]
            found = torch.view_as_complex(combine(together[0], parts).to(parts[0].dtype))
        elif first.is_floating_point():
            found = combine(together[0], tensors).to(first.dtype)
        else:
            found = first.clone()
        made |= dict.fromkeys(together, found)
    return {name: made[name] for name in models[0]}


def weighted_sum(models: Sequence[Mapping[str, Tensor]], factors: Sequence[float]) -> dict[str, Tensor]:
    """sum_i f_i model_i, name by name; what is not a float is copied from the first model.

    Models of factor 0 are not read, so a factor of 1 alone gives that model bit by bit, even next to one with
    a NaN.

    >>> weighted_sum([{"w": torch.ones(1)}, {"w": torch.full((1,), 5.0)}], [0.75, 0.25])["w"].item()
    2.0
    """
    return combined(models, lambda name, tensors: total(tensors, factors))


def total(tensors: Sequence[Tensor], factors: Sequence[float]) -> Tensor:
    """sum_i f_i tensor_i as a new wide tensor; tensors of factor 0 are not read.

    >>> total([torch.ones(1), torch.full((1,), torch.nan)], [0.5, 0.0]).item()
    0.5
    """
    found: Tensor | None = None
    for tensor, factor in zip(tensors, factors, strict=True):
        if factor != 0.0:
            # The first term starts the sum: a sum from zero would lose the sign of -0.0.
            found = wide(tensor) * factor if found is None else found.add_(wide(tensor), alpha=factor)
    return torch.zeros_like(wide(tensors[0])) if found is None else found


def elected(votes: Tensor) -> Tensor:
    """Votes (k, ...) without those whose sign most of the mass is against, entry by entry, where they are 0.

    Where the masses are equal no sign is elected and all are 0. Source: Yadav et al., TIES-Merging, 2023.

    >>> elected(torch.tensor([[3.0, 1.0], [-1.0, -1.0], [2.0, 0.0]])).tolist()
    [[3.0, 0.0], [0.0, 0.0], [2.0, 0.0]]
    """
    return votes.where(votes.sign() == votes.sum(0).sign(), torch.zeros_like(votes))


@torch.no_grad()
def kinship(states: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """(k, k) cosines between the weight matrices of k models, all layers as one vector.

    Near 1 for fine-tunings of one base; near 0 for models that started apart, whose merges are worth nothing
    before their units are aligned (``align.aligned``).

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
