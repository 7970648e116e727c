"""Linear with a low-rank adapter: the frozen weight without a gradient, and two thin products of each row's own."""

import torch

from trainers.layers._axes import once
from trainers.layers.linear import product
from trainers.models.lora import LoRALinear

LAYERS = (LoRALinear,)


def stacked(layer, trained, inputs, call):
    plain = layer.linear
    base = once(lambda each: product(each, plain.weight, plain.bias), inputs)
    down, up = (trained.get(name, getattr(layer, name)) for name in ("down", "up"))
    thin = product(inputs, down, None)
    if inputs.dim() == 3:
        return torch.baddbmm(base, thin, up.mT.expand(len(inputs), -1, -1), alpha=layer.scale)
    up = up.mT.expand(len(inputs), -1, -1)
    return torch.baddbmm(base.flatten(1, -2), thin.flatten(1, -2), up, alpha=layer.scale).view(base.shape)
