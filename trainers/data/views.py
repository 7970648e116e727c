"""Views of square images: inputs (..., 64) in [0, 1] -> the same shape; labels do not change.

An upside-down 6 is a 9: upright and rotated contradict each other, and no model can serve both perfectly.
"""

from __future__ import annotations

from torch import Tensor


def upright(inputs: Tensor) -> Tensor:
    return inputs


def rotated(inputs: Tensor) -> Tensor:
    """By 180 degrees: the pixels in reverse order.

    >>> import torch
    >>> rotated(torch.tensor([0.0, 0.25, 0.5, 1.0])).tolist()
    [1.0, 0.5, 0.25, 0.0]
    """
    return inputs.flip(-1)


def inverted(inputs: Tensor) -> Tensor:
    """Ink and paper exchanged."""
    return 1 - inputs


def mirrored(inputs: Tensor) -> Tensor:
    """Left and right exchanged."""
    side = round(inputs.shape[-1] ** 0.5)
    return inputs.unflatten(-1, (side, side)).flip(-1).flatten(-2)


VIEWS = {"upright": upright, "rotated": rotated, "inverted": inverted, "mirrored": mirrored}
