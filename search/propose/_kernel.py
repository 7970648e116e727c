"""The covariance of a tree-structured space: how alike two points are to one output.

    k(x, y) = s^2 prod_d [1 - p_d + p_d c(r_d(x, y))],    r_d^2 = sum of (x_i - y_i)^2 / l_i^2 over the columns i of d

A dimension d holds a share p_d of the variance: at p_d = 0 it says nothing, at small shares effects add up, at 1 all
of them interact (the ANOVA kernel of Stitson et al. 1999 and Durrande et al. 2013, with weights). Its columns are those
of ``search.propose._features``:

- a choice is one-hot, so two options are sqrt(1/l_1^2 + 1/l_2^2) apart, and options with large l are alike;
- weights on a simplex are themselves, so distances respect their sum, and its boundary is as near as it looks;
- what is active in neither point is equal there, and carries no distance.

``c`` is the Gaussian or the Matern 5/2 correlation. Both kinds are computed as one batch: of the rows of ``length`` and
``share`` the first ``smooth`` are Gaussian, the others Matern. ``waves`` are the frequencies of random Fourier features
for the same covariance (Rahimi and Recht 2007): a dimension is left out of a wave with probability 1 - p_d.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

Blocks = Sequence[slice]  # the columns of each dimension
CELLS = 2**17  # numbers at a time, rows times dimensions times pairs: what is made of them stays in the cache


def correlation(blocks: Blocks, length: Tensor, share: Tensor, left: Tensor, right: Tensor, *, smooth: int) -> Tensor:
    """Columns' lengths (b, f), shares (b, d), points (n, f) and (k, f) -> (b, n, k), 1 at distance 0; it has a slope by
    ``left`` alone."""
    part = max(1, CELLS // max(1, share.numel() * len(right)))
    weight = metric(members(blocks), length)
    found = [_Correlation.apply(each, right, weight, share, smooth) for each in torch.split(left, part)]  # type: ignore[no-untyped-call]
    return found[0] if len(found) == 1 else torch.cat(found, dim=1)


def members(blocks: Blocks) -> Tensor:
    """(d, f): 1 where a column is of a dimension."""
    sizes = torch.tensor([each.stop - each.start for each in blocks], dtype=torch.long)
    return torch.eye(len(blocks), dtype=torch.float64).repeat_interleave(sizes, dim=1)


def metric(own: Tensor, length: Tensor) -> Tensor:
    """Members (d, f), (b, f) -> (b, d, f): what a squared distance in a column counts for in its dimension."""
    return own * (length**-2).unsqueeze(1)


def kinds(near: Tensor, smooth: int, *, slopes: bool = True) -> tuple[Tensor, Tensor]:
    """Squared distances (b, ...), which are overwritten -> correlations, by the kind of each row, and their slopes by
    the squared distances, or nothing in their place."""
    normal, other = near[:smooth], near[smooth:]
    root = (5.0 * other).sqrt_()
    falling = torch.exp(-root)
    normal.mul_(-0.5).exp_()
    other.mul_(5.0 / 3.0).add_(1.0).add_(root).mul_(falling)
    if not slopes:
        return near, near[:0]
    return near, torch.cat([-0.5 * normal, root.add_(1.0).mul_(falling).mul_(-5.0 / 6.0)])


class _Correlation(torch.autograd.Function):
    """In closed form, since the graph of so many small operations takes longer than they do."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, right: Tensor, weight: Tensor, share: Tensor, smooth: int) -> Tensor:
        apart = (left.T.unsqueeze(2) - right.T.unsqueeze(1)).flatten(1)
        near = (weight.flatten(0, 1) @ apart.square()).reshape(*share.shape, -1)
        (alike, steep), held = kinds(near, smooth, slopes=ctx.needs_input_grad[0]), share.unsqueeze(2)
        factor = alike.sub_(1.0).mul_(held).add_(1.0)
        found = factor.prod(dim=1)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(apart, weight, steep.mul_(held).div_(factor), found)
        return found.reshape(-1, len(left), len(right))

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None, None, None]:
        apart, weight, lean, found = ctx.saved_tensors
        pull = (slope.flatten(1) * found).unsqueeze(1) * lean
        moved = 2.0 * apart * (weight.flatten(0, 1).T @ pull.flatten(0, 1))
        return moved.reshape(len(apart), *slope.shape[1:]).sum(dim=2).T, None, None, None, None


def waves(
    blocks: Blocks, length: Tensor, share: Tensor, count: int, generator: torch.Generator, *, smooth: int
) -> tuple[Tensor, Tensor]:
    """Frequencies (b, f, count) and phases (b, count): the mean of 2 cos(x w + phase) cos(y w + phase) is it."""
    b, f = length.shape
    normal = torch.randn(b, f, count, generator=generator, dtype=torch.float64)
    frequency = normal / length.unsqueeze(2)
    for place, columns in enumerate(blocks):
        drawn = torch.rand(b, count, generator=generator, dtype=torch.float64) < share[:, place, None]
        # a Matern of smoothness 5/2 has the spectrum of a Student t with 5 degrees of freedom
        squares = torch.randn(b, 5, count, generator=generator, dtype=torch.float64).square().mean(dim=1)
        squares[:smooth] = 1.0
        frequency[:, columns] *= (drawn / squares.sqrt()).unsqueeze(1)
    phase = 2.0 * torch.pi * torch.rand(b, count, generator=generator, dtype=torch.float64)
    return frequency, phase
