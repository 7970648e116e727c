"""LayerNorm, (k, b, ..., d) -> the same shape: one normalisation, and a scale and shift of each row's own."""

import torch
from torch import nn
from torch.nn.functional import layer_norm

from trainers.layers._axes import once

LAYERS = (nn.LayerNorm,)


def stacked(layer, trained, inputs, call):
    if not trained:
        return once(layer, inputs)
    scale, shift = (_column(trained.get(name, getattr(layer, name)), layer, inputs) for name in ("weight", "bias"))
    found = layer_norm(inputs, layer.normalized_shape, eps=layer.eps)
    return found * scale if shift is None else torch.addcmul(shift, found, scale)


def _column(tensor, layer, inputs):
    """(k, *shape) with ones between the row and the shape, to spread over the examples."""
    if tensor is None or tensor.dim() == len(layer.normalized_shape):
        return tensor
    between = inputs.dim() - 1 - len(layer.normalized_shape)
    return tensor.view(len(tensor), *[1] * between, *layer.normalized_shape)
