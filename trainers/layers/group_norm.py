"""GroupNorm, (k, b, c, ...) -> the same shape: the groups of all rows are groups of one wide normalisation."""

from torch import nn
from torch.nn.functional import group_norm

from trainers.layers._axes import by_channel, by_example

LAYERS = (nn.GroupNorm,)


def stacked(layer, trained, inputs, call):
    if not trained:
        return by_example(layer, inputs)
    k = len(inputs)
    scale, shift = (trained.get(name, getattr(layer, name)).expand(k, -1).flatten() for name in ("weight", "bias"))
    return by_channel(lambda each: group_norm(each, k * layer.num_groups, scale, shift, layer.eps), inputs)
