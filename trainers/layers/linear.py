"""Linear, (k, b, ..., d) -> (k, b, ..., c): one batched product over the rows.

Why a batched product even when all rows share their inputs, or a frozen weight, which one wide matrix could
multiply: the same kernel gives the same bits, so a row notices neither how many neighbours it has nor whether
they read the same examples. It is as fast: a row's own product fills the machine.
"""

import torch
from torch import nn

from trainers.layers._axes import once

LAYERS = (nn.Linear,)


def stacked(layer, trained, inputs, call):
    if not trained:
        return once(lambda each: product(each, layer.weight, layer.bias), inputs)
    return product(inputs, trained.get("weight", layer.weight), trained.get("bias", layer.bias))


def product(inputs, weight, bias):
    """Inputs (k, b, ..., d) times weight (k, c, d) or (c, d), plus bias (k, c), (c,) or None."""
    weight = weight.expand(len(inputs), *weight.shape[-2:])
    flat = inputs if inputs.dim() == 3 else inputs.flatten(1, -2)
    bias = bias if bias is None else bias.expand(len(inputs), -1)
    found = Product.apply(flat, weight, bias)
    return found if inputs.dim() == 3 else found.unflatten(1, inputs.shape[1:-1])


class Product(torch.autograd.Function):
    """x (k, n, d), weight (k, c, d), bias (k, c) or None -> (k, n, c).

    Why by hand: torch makes the slope of the weight as (k, d, c), so that it must be turned round afterwards.
    """

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return torch.bmm(x, weight.mT) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight.mT)

    @staticmethod
    def backward(ctx, slope):
        x, weight = ctx.saved_tensors
        back = torch.bmm(slope, weight) if ctx.needs_input_grad[0] else None
        steep = torch.bmm(slope.mT, x) if ctx.needs_input_grad[1] else None
        return back, steep, slope.sum(1) if ctx.needs_input_grad[2] else None
