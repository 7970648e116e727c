"""Conv1d and Conv2d, (k, b, c, ...) -> (k, b, o, ...): the rows become groups of channels of one convolution.

Why few rows get company: a convolution of one group, or of fewer channels than a block of the CPU's kernels, is
computed by other kernels, with other last bits. Rows of zeros are added for the time of the product.
"""

from functools import partial

from torch import nn
from torch.nn.functional import conv1d, conv2d, pad

from trainers.layers._axes import by_channel

LAYERS = (nn.Conv1d, nn.Conv2d)
FEWEST_ROWS, FEWEST_CHANNELS = 3, 8  # measured: below, bits depend on k


def stacked(layer, trained, inputs, call):
    if layer.padding_mode != "zeros":
        raise ValueError(f"stacked convolution padding_mode: expected 'zeros', got {layer.padding_mode!r}")
    k = len(inputs)
    rows = max(k, FEWEST_ROWS, -(-FEWEST_CHANNELS // layer.in_channels))
    more = rows - k
    weight = trained["weight"] if "weight" in trained else layer.weight.expand(k, *layer.weight.shape)
    bias = trained.get("bias", layer.bias)
    if bias is not None:
        bias = bias.expand(k, -1)
    if more:
        weight, inputs = (pad(each, (0, 0) * (each.dim() - 1) + (0, more)) for each in (weight, inputs))
        bias = None if bias is None else pad(bias, (0, 0, 0, more))
    function = conv1d if isinstance(layer, nn.Conv1d) else conv2d
    how = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation, "groups": rows * layer.groups}
    how |= {"weight": weight.flatten(0, 1), "bias": None if bias is None else bias.flatten()}
    found = by_channel(partial(function, **how), inputs)
    return found[:k] if more else found
