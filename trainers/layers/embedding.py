"""Embedding, indices (k, b, ...) -> (k, b, ..., d): the tables of all rows are one long table.

Indices with fewer axes than the model's inputs, such as positions (t,), know neither rows nor examples; they
become (k, 1, t, d).
"""

import torch
from torch import nn
from torch.nn.functional import embedding

from trainers.layers._axes import once

LAYERS = (nn.Embedding,)


def stacked(layer, trained, inputs, call):
    if layer.max_norm is not None or layer.scale_grad_by_freq or layer.sparse or layer.padding_idx is not None:
        raise ValueError("stacked Embedding: expected no max_norm, scale_grad_by_freq, sparse nor padding_idx")
    if not trained:
        return once(layer, inputs)
    weight = trained["weight"]
    k, v, d = weight.shape
    missing = call.axes - inputs.dim()
    if missing > 0:
        inputs = inputs.view(*[1] * missing, *inputs.shape).expand(k, *[-1] * (call.axes - 1))
    first = v * torch.arange(k, device=inputs.device).view(k, *[1] * (inputs.dim() - 1))
    return embedding(inputs + first, weight.reshape(k * v, d))
