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

import torch
from torch import Tensor

Blocks = Sequence[slice]  # the columns of each dimension
CELLS = 2**14  # pairs at a time: what is made of them stays in the cache


def correlation(blocks: Blocks, length: Tensor, share: Tensor, left: Tensor, right: Tensor, *, smooth: int) -> Tensor:
    """Columns' lengths (b, f), shares (b, d), points (n, f) and (k, f) -> (b, n, k), 1 at distance 0."""
    parts = torch.split(left, max(1, CELLS // max(1, len(right))))
    if len(parts) > 1:
        return torch.cat([correlation(blocks, length, share, part, right, smooth=smooth) for part in parts], dim=1)
    weight = length**-2
    found = torch.ones(1, dtype=torch.float64)
    for place, columns in enumerate(blocks):
        apart = left.T[columns].unsqueeze(2) - right.T[columns].unsqueeze(1)
        near = (weight[:, columns] @ apart.square().flatten(1)).reshape(-1, *apart.shape[1:])
        alike = torch.cat([gaussian(near[:smooth]), matern(near[smooth:])])
        held = share[:, place, None, None]
        found = found * torch.addcmul(1.0 - held, held, alike)
    return found


def gaussian(squared: Tensor) -> Tensor:
    """Of squared distances."""
    return (-0.5 * squared).exp()


def matern(squared: Tensor) -> Tensor:
    """Of squared distances; smoothness 5/2."""
    root = (5.0 * squared + 1e-12).sqrt()  # not 0, where a root has no slope
    return (1.0 + root + root.square() / 3.0) * (-root).exp()


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
