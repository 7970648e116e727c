"""The hyperparameters of Gaussian processes: the mode of their posterior, where their priors are normal.

For each output and each of the two kernels of `_kernel` the logarithm of

    p(values | lengths, shares, noise, mean, scale) p(lengths) p(shares) p(noise) p(mean) p(scale)

is climbed by L-BFGS, all of them as one batch, with the slope of the likelihood in closed form (Rasmussen and Williams
2006, equation 5.9). Values are standardised. The columns of one dimension (options, weights) share the prior of their
mean and differ by little, so options are told apart one by one only where the data ask for it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from search.propose._kernel import Blocks

STEPS, PRECISION = 60, 1e-6
JITTER = 1e-7
BOUND = 4.0  # deviations from the mean of its prior, which no hyperparameter leaves
# normal priors (mean, deviation): of log lengths, of the deviation of a column's from its dimension's, of logit shares
LENGTH, WITHIN, SHARE = (0.0, 1.0), 0.5, (0.0, 1.5)


@dataclass(frozen=True, kw_only=True)
class Priors:
    """Normal priors (mean, deviation) of log noise, log scale (both of variances) and mean; deviation 0 fixes one."""

    noise: tuple[float, float] = (-6.0, 2.5)
    scale: tuple[float, float] = (0.0, 1.5)
    mean: tuple[float, float] = (0.0, 1.0)


def split(raw: Tensor, f: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Rows of what is climbed (b, f + d + 3) -> lengths (b, f), shares (b, d), noise, mean and scale (b,)."""
    return raw[:, :f].exp(), raw[:, f:-3].sigmoid(), raw[:, -3].exp(), raw[:, -2], raw[:, -1].exp()


def mode_of(blocks: Blocks, seen: Tensor, values: Tensor, extra: Tensor | None, priors: Priors) -> Tensor:
    """Of ``values`` (n, outputs) at ``seen`` (n, f): rows (2 outputs, f + d + 3), Gaussian kernels first.

    ``extra`` (2 outputs, n): variances of the values that are known.
    """
    told = [LENGTH] * seen.shape[1] + [SHARE] * len(blocks) + [priors.noise, priors.mean, priors.scale]
    centre, width = (torch.tensor(each, dtype=torch.float64) for each in zip(*told, strict=True))
    rows, density = 2 * values.shape[1], _Density(blocks, seen, values, extra, centre, width)

    def loss(flat: Any) -> tuple[float, Any]:
        found, slope = density(torch.from_numpy(flat.reshape(rows, -1)))
        return -found, -slope.numpy().ravel()

    lower, upper = (centre - BOUND * width).repeat(rows).numpy(), (centre + BOUND * width).repeat(rows).numpy()
    found = minimize(
        loss, np.tile(centre.numpy(), rows), jac=True, method="L-BFGS-B",
        bounds=list(zip(lower, upper, strict=True)), options={"maxiter": STEPS, "ftol": PRECISION},
    )  # fmt: skip
    return torch.from_numpy(found.x.reshape(rows, -1))


class _Density:
    """The logarithm of the posterior density of all rows together, up to a constant, and its slope.

    Everything that depends on two points is a vector over the pairs below the diagonal.
    """

    def __init__(
        self, blocks: Blocks, seen: Tensor, values: Tensor, extra: Tensor | None, centre: Tensor, width: Tensor
    ) -> None:
        self.target, self.extra, self.centre = values.T.repeat(2, 1), extra, centre
        self.width = torch.where(width > 0, width, 1.0)
        self.row, self.column = torch.tril_indices(len(seen), len(seen), -1)
        self.apart = (seen[self.row] - seen[self.column]).square().T.contiguous()  # (f, pairs)
        self.owner = torch.repeat_interleave(torch.tensor([each.stop - each.start for each in blocks]))  # of a column
        self.count = torch.bincount(self.owner, minlength=len(blocks)).double()

    def __call__(self, raw: Tensor) -> tuple[float, Tensor]:
        b, n, f, d = len(raw), self.target.shape[1], len(self.apart), len(self.count)
        length, share, noise, mean, scale = split(raw, f)
        weight, share = (length**-2).unsqueeze(2), share.unsqueeze(2)
        near = torch.zeros(b, d, len(self.row), dtype=torch.float64)
        near.index_add_(1, self.owner, weight * self.apart)
        alike, steep = _kinds(near)
        factor = 1.0 + share * (alike - 1.0)
        signal = scale[:, None] * factor.prod(dim=1)
        covariance = torch.zeros(b, n, n, dtype=torch.float64)
        covariance[:, self.row, self.column] = signal
        variance = (scale + noise + JITTER)[:, None] + (0.0 if self.extra is None else self.extra)
        covariance.diagonal(dim1=1, dim2=2).copy_(variance)
        root = torch.linalg.cholesky(covariance)  # reads the lower half
        residual = self.target - mean[:, None]
        weighted = torch.cholesky_solve(residual.unsqueeze(2), root)[..., 0]
        likely = -0.5 * (residual * weighted).sum() - root.diagonal(dim1=1, dim2=2).log().sum()
        inverse = torch.cholesky_inverse(root)
        # twice half of the outer product less the inverse, since a pair stands for two entries
        pull = (weighted[:, self.row] * weighted[:, self.column] - inverse[:, self.row, self.column]) * signal
        alone = 0.5 * (weighted.square() - inverse.diagonal(dim1=1, dim2=2))
        slope = torch.empty_like(raw)
        lean = pull.unsqueeze(1) / factor
        own = (share * steep * lean)[:, self.owner]
        slope[:, :f] = -2.0 * weight[..., 0] * torch.einsum("bfp,fp->bf", own, self.apart)
        slope[:, f:-3] = (share * (1.0 - share))[..., 0] * ((alike - 1.0) * lean).sum(dim=2)
        slope[:, -3] = noise * alone.sum(dim=1)
        slope[:, -2] = weighted.sum(dim=1)
        slope[:, -1] = scale * alone.sum(dim=1) + pull.sum(dim=1)
        prior, lower = self._prior(raw, f)
        return float(likely + prior), slope + lower

    def _prior(self, raw: Tensor, f: int) -> tuple[Tensor, Tensor]:
        away = (raw - self.centre) / self.width
        slope = -away / self.width
        lengths = raw[:, :f]
        middle = torch.zeros(len(raw), len(self.count), dtype=torch.float64).index_add_(1, self.owner, lengths)
        middle = middle / self.count
        own = (lengths - middle[:, self.owner]) / WITHIN
        common = (middle - LENGTH[0]) / LENGTH[1]
        slope[:, :f] = -own / WITHIN - (common / LENGTH[1] / self.count)[:, self.owner]
        return -0.5 * (away[:, f:].square().sum() + own.square().sum() + common.square().sum()), slope


def _kinds(near: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distances (b, d, pairs) -> both kernels and their slopes by them, Gaussian in the first half of b."""
    half = len(near) // 2
    normal = (-0.5 * near[:half]).exp()
    root = (5.0 * near[half:]).sqrt()
    falling = (-root).exp()
    other = (1.0 + root + root.square() / 3.0) * falling
    return torch.cat([normal, other]), torch.cat([-0.5 * normal, -5.0 / 6.0 * (1.0 + root) * falling])
