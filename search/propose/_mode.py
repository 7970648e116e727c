"""The hyperparameters of Gaussian processes: the mode of their posterior, where their priors are normal.

For each output and each of the two kernels of `_kernel` the logarithm of

    p(values | lengths, shares, noise, mean, scale) p(lengths) p(shares) p(noise) p(mean) p(scale)

is climbed by L-BFGS, all of them as one batch, with the slope of the likelihood in closed form (Rasmussen and Williams
2006, equation 5.9). Values are standardised. The columns of one dimension (options, weights) share the prior of their
mean and differ by little, so options are told apart one by one only where the data ask for it.

How far the mode can be trusted is said by the curvature there: ``around`` draws from the normal distribution that has
it (the Laplace approximation: Rasmussen and Williams 2006, section 3.4; MacKay 1992).
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from search.propose._kernel import Blocks, kinds, members, metric

STEPS, PRECISION = 60, 1e-5
JITTER = 1e-7
STEP = 1e-3  # of a difference of slopes
FLATTEST = 0.2  # curvature, by priors that are no wider than this allows
BOUND = 4.0  # deviations from the mean of its prior, which no hyperparameter leaves
# normal priors (mean, deviation): of log lengths, of the deviation of a column's from its dimension's, of logit shares
LENGTH, WITHIN, SHARE = (0.0, 1.0), 0.5, (0.0, 1.5)


@dataclass(frozen=True, kw_only=True)
class Priors:
    """Normal priors (mean, deviation) of log noise, log scale (both of variances) and mean; deviation 0 fixes one."""

    noise: tuple[float, float] = (-6.0, 2.5)
    scale: tuple[float, float] = (0.0, 1.5)
    mean: tuple[float, float] = (0.0, 1.0)


class Hyper(NamedTuple):
    """Hyperparameters: lengths (b, f), shares (b, d), and of each row (b,) the variance of the noise, the mean and the
    scale, which is the variance of the prior."""

    length: Tensor
    share: Tensor
    noise: Tensor
    mean: Tensor
    scale: Tensor


def split(raw: Tensor, f: int) -> Hyper:
    """Rows of what is climbed (b, f + d + 3) -> what they stand for."""
    return Hyper(raw[:, :f].exp(), raw[:, f:-3].sigmoid(), raw[:, -3].exp(), raw[:, -2], raw[:, -1].exp())


def mode_of(blocks: Blocks, seen: Tensor, values: Tensor, extra: Tensor | None, priors: Priors) -> Tensor:
    """Of ``values`` (outputs, n) at ``seen`` (n, f): rows (2 outputs, f + d + 3), Gaussian kernels first.

    ``extra`` (outputs, n): variances of the values that are known.
    """
    outputs = len(values)
    density = Density(
        blocks, seen, values.repeat(2, 1), None if extra is None else extra.repeat(2, 1), priors, smooth=outputs
    )

    def loss(flat: Any) -> tuple[float, Any]:
        found, slope = density(torch.from_numpy(flat.reshape(2 * outputs, -1)))
        return -float(found.sum()), -slope.numpy().ravel()

    lower, upper = (each.repeat(2 * outputs).numpy() for each in density.bounds)
    found = minimize(
        loss, np.tile(density.centre.numpy(), 2 * outputs), jac=True, method="L-BFGS-B",
        bounds=list(zip(lower, upper, strict=True)), options={"maxiter": STEPS, "ftol": PRECISION, "maxcor": 30},
    )  # fmt: skip
    return torch.from_numpy(found.x.reshape(2 * outputs, -1))


def around(density: "Density", mode: Tensor, stream: torch.Generator) -> Tensor:
    """One draw for each row (b, p) of a mode, from the normal distribution with the curvature that is there."""
    b, p = mode.shape
    _, slope = density(mode)
    curvature = torch.empty(b, p, p, dtype=torch.float64)
    for place in range(p):
        moved = mode.clone()
        moved[:, place] += STEP
        curvature[:, place] = (slope - density(moved)[1]) / STEP
    size, direction = torch.linalg.eigh((curvature + curvature.transpose(1, 2)) / 2.0)
    normal = torch.randn(b, p, 1, generator=stream, dtype=torch.float64)
    found = mode + (direction @ (normal / size.clamp_min(FLATTEST).sqrt().unsqueeze(2)))[..., 0]
    return torch.minimum(torch.maximum(found, density.bounds[0]), density.bounds[1])


class Density:
    """Rows of hyperparameters (b, p) -> the logarithm of their posterior density (b,), up to a constant, and its slope.

    Of the rows ``values`` and ``extra`` (b, n) the first ``smooth`` have a Gaussian kernel. Everything that depends on
    two points is a vector over the pairs below the diagonal.
    """

    def __init__(
        self, blocks: Blocks, seen: Tensor, values: Tensor, extra: Tensor | None, priors: Priors, *, smooth: int
    ) -> None:
        told = [LENGTH] * seen.shape[1] + [SHARE] * len(blocks) + [priors.noise, priors.mean, priors.scale]
        self.centre, width = (torch.tensor(each, dtype=torch.float64) for each in zip(*told, strict=True))
        self.bounds = self.centre - BOUND * width, self.centre + BOUND * width
        self.width = torch.where(width > 0, width, 1.0)
        self.target, self.extra, self.smooth = values, extra, smooth
        row, column = torch.tril_indices(len(seen), len(seen), -1)
        self.pairs = row * len(seen) + column
        self.apart = (seen[row] - seen[column]).square().T.contiguous()  # (f, pairs)
        self.own = members(blocks)
        self.owner, self.count = torch.nonzero(self.own.T)[:, 1], self.own.sum(dim=1)  # of a column, of a dimension

    def __call__(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        b, n, f, d = len(raw), self.target.shape[1], len(self.apart), len(self.own)
        length, share, noise, mean, scale = split(raw, f)
        weight, held = metric(self.own, length), share.unsqueeze(2)
        near = (weight.flatten(0, 1) @ self.apart).reshape(b, d, -1)
        alike, steep = kinds(near, self.smooth)
        less = alike.sub_(1.0)
        factor = (held * less).add_(1.0)
        signal = scale[:, None] * factor.prod(dim=1)
        covariance = torch.zeros(b, n * n, dtype=torch.float64).index_copy_(1, self.pairs, signal).reshape(b, n, n)
        variance = (scale + noise + JITTER)[:, None] + (0.0 if self.extra is None else self.extra)
        covariance.diagonal(dim1=1, dim2=2).copy_(variance)
        root = torch.linalg.cholesky(covariance)  # reads the lower half
        residual = self.target - mean[:, None]
        weighted = torch.cholesky_solve(residual.unsqueeze(2), root)[..., 0]
        likely = -0.5 * (residual * weighted).sum(dim=1) - root.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        inverse = torch.cholesky_inverse(root)
        alone = 0.5 * (weighted.square() - inverse.diagonal(dim1=1, dim2=2))
        # twice half of the outer product less the inverse, since a pair stands for two entries
        told = torch.baddbmm(inverse, weighted.unsqueeze(2), weighted.unsqueeze(1), beta=-1.0)
        pull = told.flatten(1).index_select(1, self.pairs).mul_(signal)
        lean = factor.reciprocal_().mul_(pull.unsqueeze(1))
        slope = torch.empty_like(raw)
        slope[:, f:-3] = share * (1.0 - share) * less.mul_(lean).sum(dim=2)
        slope[:, :f] = -2.0 * (weight * (steep.mul_(held).mul_(lean) @ self.apart.T)).sum(dim=1)
        slope[:, -3] = noise * alone.sum(dim=1)
        slope[:, -2] = weighted.sum(dim=1)
        slope[:, -1] = scale * alone.sum(dim=1) + pull.sum(dim=1)
        prior, lower = self._prior(raw, f)
        return likely + prior, slope + lower

    def _prior(self, raw: Tensor, f: int) -> tuple[Tensor, Tensor]:
        away = (raw - self.centre) / self.width
        slope = -away / self.width
        lengths = raw[:, :f]
        middle = torch.zeros(len(raw), len(self.count), dtype=torch.float64).index_add_(1, self.owner, lengths)
        middle = middle / self.count
        own = (lengths - middle[:, self.owner]) / WITHIN
        common = (middle - LENGTH[0]) / LENGTH[1]
        slope[:, :f] = -own / WITHIN - (common / LENGTH[1] / self.count)[:, self.owner]
        squares = torch.cat([away[:, f:], own, common], dim=1).square()
        return -0.5 * squares.sum(dim=1), slope
