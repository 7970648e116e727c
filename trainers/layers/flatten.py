"""Flatten: an axis counted from the front is one further behind the rows."""

from torch import nn

LAYERS = (nn.Flatten,)


def stacked(layer, trained, inputs, call):
    if layer.start_dim == 0:
        raise ValueError("stacked Flatten start_dim: expected 1 or more, for examples stay apart, got 0")
    first, last = (axis + 1 if axis >= 0 else axis for axis in (layer.start_dim, layer.end_dim))
    return inputs.flatten(first, last)
