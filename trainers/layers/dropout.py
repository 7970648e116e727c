"""Dropout by a counter hash: what is dropped follows from (key of the row's step, draw, place in the row) alone.

A key stands for (seed of the task, step), and draws are counted through one pass. No stream is drawn from, so a
row's mask depends neither on its neighbours nor on what ran before. The hash is the 32-bit mixer of Wellons,
Prospecting for Hash Functions, 2018 (lowbias32), over the place and again over its sum with the key. What is kept
is divided by 1 - probability.

The probability is the row's own where its task has the param `dropout`, else the layer's. Without keys, which
is how models are judged, nothing is dropped.
"""

import torch
from torch import Tensor, nn

LAYERS = (nn.Dropout,)


def stacked(layer, trained, inputs, call):
    if call.keys is None or (call.shares is None and layer.p == 0):
        return inputs
    column = (-1,) + (1,) * (inputs.dim() - 1)
    share = layer.p if call.shares is None else call.shares.view(column)
    return masked(inputs, call.keys.view(column), call.draw(), share, shape=inputs.shape[1:])


def masked(inputs, key, number: int, share, *, shape):
    """Inputs of one row, of `shape`, or with rows in front; `key` int32 and `share` spread over them."""
    places = torch.arange(shape.numel(), dtype=torch.int32, device=inputs.device).view(shape)
    bits = mixed(mixed(places) + mixed(key + number)).bitwise_and_(0x7FFFFFFF)
    limit = (share.double() * 2**31).to(torch.int32) if isinstance(share, Tensor) else round(share * 2**31)
    return inputs * (bits >= limit) * (1 / (1 - share))


def mixed(x: Tensor) -> Tensor:
    """The mixer, on int32 numbers whose products wrap; a shift must not carry the sign along."""
    x = x ^ (x >> 16).bitwise_and_(0xFFFF)
    x = x * 0x7FEB352D
    x = x ^ (x >> 15).bitwise_and_(0x1FFFF)
    x = x * (0x846CA68B - 2**32)
    return x ^ (x >> 16).bitwise_and_(0xFFFF)
