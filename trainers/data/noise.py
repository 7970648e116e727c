"""Images as a bad camera would take them: inputs (n, d) in [0, 1] -> the same shape, and as ever the same.

Every pixel gets normal noise of one deviation and is cut to [0, 1] again, as in the corruption benchmark of
Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and Perturbations, 2019.
"""

from __future__ import annotations

import torch
from torch import Tensor


def noisy(inputs: Tensor, deviation: float, *, seed: int) -> Tensor:
    """`deviation` in units of the pixels' range; another `seed` is another picture of the same thing.

    >>> pixels = torch.full((1, 4), 0.5)
    >>> noisy(pixels, 0.0, seed=1).equal(pixels)
    True
    >>> noisy(pixels, 0.3, seed=1).equal(noisy(pixels, 0.3, seed=2))
    False
    """
    generator = torch.Generator().manual_seed(seed)
    return (inputs + deviation * torch.randn(inputs.shape, generator=generator)).clamp(0, 1)
