"""Layers that map every number by itself: a stack is one more axis."""

from torch import nn

LAYERS = (
    nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Tanh, nn.Sigmoid, nn.Identity,
)  # fmt: skip


def stacked(layer, trained, inputs, call):
    return layer(inputs)
