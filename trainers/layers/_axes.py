"""Row axis in, row axis out: three ways for a function that knows of no rows to work on (k, b, ...)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def once(function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """A function of (k, b, ...) that does the same to every row, computed once when all rows share their inputs."""
    if inputs.stride(0) == 0 and len(inputs) > 1:
        found = function(inputs[:1])
        return found.expand(len(inputs), *found.shape[1:])
    return function(inputs)


def by_example(function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """A function of (n, ...) that minds no other example: rows become examples, (k b, ...)."""
    return function(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2])


def by_channel(function: Callable[[Tensor], Tensor], inputs: Tensor, *, behind: bool = True) -> Tensor:
    """A function of (b, channels, ...) that keeps groups of channels apart: rows become channels, (b, k c, ...).

    What comes back is a view with the rows in front, so the next layer of this kind copies nothing. On a CPU images
    have their channels behind, unless told otherwise: k c of them fill its vectors, where a row of 8 pixels does not.
    """
    behind = behind and inputs.dim() == 5 and not inputs.is_cuda
    layout = torch.channels_last if behind else torch.contiguous_format
    found = function(inputs.transpose(0, 1).flatten(1, 2).contiguous(memory_format=layout))
    return found.unflatten(1, (len(inputs), -1)).transpose(0, 1)
