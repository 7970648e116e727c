"""Coefficients of their own for each group of layers: any rule of weights in a box, one group after the other.

    theta_g(c) = rule(theta_0g, theta_1g .. theta_kg; c_g),    g = 1 .. G, c = (c_1, .., c_G)

The layers, in the order in which the models name them, are cut into G runs of about as many layers; with one layer a
run it is layer-wise merging (Yang et al., AdaMerging, ICLR 2024), with one run the rule itself. A search sees G k
coefficients instead of k: a wider space, which may hold more and of which as many evaluations teach less.
"""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from torch import Tensor

from search.errors import MergeError
from search.pareto.merge import check
from search.pareto.merge.tensors import names


def merged(
    rule: ModuleType,
    base: dict[str, Tensor] | None,
    states: list[dict[str, Tensor]],
    coefficients: Sequence[float],
    groups: int,
    **settings: Any,
) -> dict[str, Tensor]:
    """``coefficients`` (groups * k,): those of all k models in the first group, then in the second.

    >>> import torch
    >>> from search.pareto.merge import task_arithmetic
    >>> base, one = ({"a.w": torch.full((1,), x), "b.w": torch.full((1,), x)} for x in (0.0, 1.0))
    >>> merged(task_arithmetic, base, [one], [0.25, 0.75], 2)
    {'a.w': tensor([0.2500]), 'b.w': tensor([0.7500])}
    """
    check(base, states)
    k, models = len(states), states if base is None else [base, *states]
    if len(coefficients) != groups * k:
        raise MergeError("coefficients", expected=f"{groups} for each of {k} models", got=len(coefficients))
    made: dict[str, Tensor] = {}
    for g, part in enumerate(cut(models[0], groups)):
        first, *others = ({name: model[name] for name in part} for model in models)
        own = list(coefficients[g * k : (g + 1) * k])
        whole = (first, others) if base is not None else (None, [first, *others])
        made |= rule.merge(*whole, own, **settings)
    return {name: made[name] for name in models[0]}


def cut(model: Mapping[str, Tensor], groups: int, *, where: str = "groups") -> list[list[str]]:
    """The names of each group's tensors. A tensor that is shared is of the layer that names it first; what is no float
    goes with its layer, or with the first group. ``where``: who asked for more groups than there are layers.

    >>> import torch
    >>> cut({f"{layer}.{part}": torch.ones(1) for layer in "abc" for part in ("weight", "bias")}, 2)
    [['a.weight', 'a.bias', 'b.weight', 'b.bias'], ['c.weight', 'c.bias']]
    """
    layers = layers_of(model)
    if len(layers) < groups:
        hint = f"The model has {len(layers)} layers with weights: {', '.join(layers[:8])}."
        raise MergeError(where, expected=f"at most {len(layers)}, one for each layer", got=groups, hint=hint)
    of = {layer: at * groups // len(layers) for at, layer in enumerate(layers)}
    found: list[list[str]] = [[] for _ in range(groups)]
    for together in names([model]):
        found[of.get(_layer(together[0]), 0)] += together
    return found


def layers_of(model: Mapping[str, Tensor]) -> list[str]:
    """The layers that hold floats of their own, in the order of their names; a layer is a name without its last part.

    >>> import torch
    >>> layers_of({"stem.weight": torch.ones(1), "stem.bias": torch.ones(1), "steps": torch.tensor(3)})
    ['stem']
    """
    held = {together[0]: model[together[0]] for together in names([model])}
    return list(dict.fromkeys(_layer(name) for name, each in held.items() if each.is_floating_point() and each.numel()))


def _layer(name: str) -> str:
    return name.rpartition(".")[0] or name
