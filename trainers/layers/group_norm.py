"""GroupNorm, (k, b, c, ...) -> the same shape: the groups of all rows are groups of one wide normalisation."""

from functools import partial

from torch import nn
from torch.nn.functional import group_norm

from trainers.layers._axes import by_channel, by_example

LAYERS = (nn.GroupNorm,)


def stacked(layer, trained, inputs, call):
    if not trained:
        return by_example(layer, inputs)
    k = len(inputs)
    scale, shift = (trained.get(name, getattr(layer, name)).expand(k, -1).flatten() for name in ("weight", "bias"))
    function = partial(group_norm, num_groups=k * layer.num_groups, weight=scale, bias=shift, eps=layer.eps)
    # torch 2.13 crashes in the backward pass of channels that lie behind when the inputs ask for no gradient
    return by_channel(function, inputs, behind=inputs.requires_grad)
