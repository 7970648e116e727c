"""Gaussian processes over a space: one an output, each with a Gaussian and a Matern kernel (`_kernel`).

Hyperparameters are the mode of their posterior in the coordinates in which their priors are normal. The two kernels
count by weights that predict each value best from the others (stacking: Yao et al. 2018), by the closed form of the
leave-one-out prediction (Rasmussen and Williams 2006, section 5.4.2; Sundararajan and Keerthi 2001), which is kept as
a diagnostic too. All outputs and kernels are fitted as one batch, in float64. Beyond ``FITTED`` points the
hyperparameters are told by that many of them; every point is known to the process itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from search.propose._kernel import Blocks, correlation, waves
from search.propose._mode import JITTER, Priors, mode_of, split

Draws = Callable[[Tensor], Tensor]  # features (c, f) -> values (draws, c, outputs)

FITTED = 150
WAVES = 512  # Fourier features of a drawn function before it is bent through the data
VAGUE = 1e6  # times its variance: what is not known of a value


@dataclass(frozen=True, kw_only=True)
class Process:
    """Fitted to ``values`` (n, outputs), standardised by ``shift`` and ``unit`` (outputs,), at ``seen`` (n, f).

    Rows of everything with a first axis of 2 * outputs: the Gaussian kernel of each output, then the Matern one.
    """

    blocks: Blocks
    seen: Tensor
    values: Tensor
    shift: Tensor
    unit: Tensor
    length: Tensor  # (2 outputs, f)
    share: Tensor  # (2 outputs, d)
    noise: Tensor  # (2 outputs,): what is learned
    scale: Tensor  # (2 outputs,): of the prior's variance
    mean: Tensor  # (2 outputs,)
    extra: Tensor | None  # (2 outputs, n): what is known of each value's variance

    def covariance(self, left: Tensor, right: Tensor) -> Tensor:
        return self.scale[:, None, None] * correlation(self.blocks, self.length, self.share, left, right)

    @cached_property
    def diagonal(self) -> Tensor:
        """The variance of each value's noise (2 outputs, n)."""
        noise = (self.noise + JITTER)[:, None].expand(-1, len(self.seen))
        return noise if self.extra is None else noise + self.extra

    @cached_property
    def root(self) -> Tensor:
        root: Tensor = torch.linalg.cholesky(self.covariance(self.seen, self.seen) + torch.diag_embed(self.diagonal))
        return root

    @cached_property
    def weighted(self) -> Tensor:
        """(2 outputs, n): the inverse covariance times the values."""
        residual = self.values.T.repeat(2, 1) - self.mean[:, None]
        return torch.cholesky_solve(residual.unsqueeze(2), self.root)[..., 0]

    @cached_property
    def left_out(self) -> tuple[Tensor, Tensor]:
        """What each value is expected to be from all others: mean and deviation (2 outputs, n), standardised."""
        inverse = torch.cholesky_inverse(self.root).diagonal(dim1=1, dim2=2)
        return self.values.T.repeat(2, 1) - self.weighted / inverse, inverse.rsqrt()

    @cached_property
    def weights(self) -> Tensor:
        """(2, outputs): how far the Gaussian and the Matern kernel are trusted."""
        mean, deviation = self.left_out
        score = -0.5 * ((self.values.T.repeat(2, 1) - mean) / deviation).square() - deviation.log()
        score = score.reshape(2, -1, len(self.seen))
        if self.extra is not None:
            score = score * (self.extra < VAGUE / 2).reshape(score.shape)
        likely, weights = (score - score.amax(dim=0)).exp(), torch.full((2, score.shape[1]), 0.5, dtype=torch.float64)
        for _ in range(50):  # expectation maximisation of the logarithmic score
            part = weights.unsqueeze(2) * likely
            weights = (part / part.sum(dim=0)).mean(dim=2)
        return weights

    def mean_at(self, points: Tensor) -> Tensor:
        """(c, f) -> the expected values (c, outputs)."""
        near = self.covariance(points, self.seen)
        mean = (self.mean[:, None] + (near @ self.weighted.unsqueeze(2))[..., 0]).reshape(2, -1, len(points))
        return (self.weights.unsqueeze(2) * mean).sum(dim=0).T * self.unit + self.shift

    def joint(self, points: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """(c, f), (r, f) -> covariances of the truth (2 outputs, c, r) and variances (2 outputs, c), standardised."""
        near, far = (
            torch.linalg.solve_triangular(self.root, self.covariance(self.seen, some), upper=False)
            for some in (points, others)
        )
        told = near.transpose(1, 2) @ far
        variance = self.scale[:, None] - near.square().sum(dim=1)
        return self.covariance(points, others) - told, variance.clamp_min(0.0)

    def after(self, points: Tensor) -> "Process":
        """With values at ``points`` (c, f) that are as expected: only variances are lower."""
        with torch.no_grad():
            expected = (self.mean_at(points) - self.shift) / self.unit
        extra = (
            None if self.extra is None else torch.cat([self.extra, torch.zeros(len(self.extra), len(points))], dim=1)
        )
        more = replace(
            self, seen=torch.cat([self.seen, points]), values=torch.cat([self.values, expected]), extra=extra
        )
        more.__dict__["weights"] = self.weights  # what was not observed says nothing of kernels
        return more

    def of_first(self, outputs: int) -> "Process":
        """Of the first outputs only."""
        every = self.values.shape[1]
        rows = torch.cat([torch.arange(outputs), torch.arange(every, every + outputs)])
        told = {name: getattr(self, name)[rows] for name in ("length", "share", "noise", "scale", "mean")}
        return replace(
            self, values=self.values[:, :outputs], shift=self.shift[:outputs], unit=self.unit[:outputs],
            extra=None if self.extra is None else self.extra[rows], **told,
        )  # fmt: skip

    def predict(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(c, f) -> mean and deviation (c, outputs) of the truth there, without noise."""
        near = self.covariance(points, self.seen)
        mean = self.mean[:, None] + (near @ self.weighted.unsqueeze(2))[..., 0]
        told = torch.linalg.solve_triangular(self.root, near.transpose(1, 2), upper=False).square().sum(dim=1)
        variance = (self.scale[:, None] - told).clamp_min(0.0)
        mean, variance = (each.reshape(2, -1, len(points)) for each in (mean, variance))
        weights = self.weights.unsqueeze(2)
        middle = (weights * mean).sum(dim=0)
        spread = (weights * (variance + (mean - middle).square())).sum(dim=0).sqrt()
        return (middle.T * self.unit + self.shift), spread.T * self.unit

    def draw(self, count: int, generator: torch.Generator) -> Draws:
        """``count`` functions of the posterior, by Matheron's rule (Wilson et al. 2020): cheap at any number of points,
        differentiable and consistent. Of each output some have the Gaussian kernel, the others the Matern one."""
        frequency, phase = waves(self.blocks, self.length, self.share, WAVES, generator)
        height = (2.0 * self.scale / WAVES).sqrt()[:, None, None]
        rows, outputs = len(self.scale), self.values.shape[1]
        strength = torch.randn(rows, WAVES, count, generator=generator, dtype=torch.float64)
        noise = torch.randn(rows, len(self.seen), count, generator=generator, dtype=torch.float64)

        def prior(points: Tensor) -> Tensor:
            return height * (points @ frequency + phase.unsqueeze(1)).cos() @ strength

        at = self.values.T.repeat(2, 1) - self.mean[:, None]
        missed = at.unsqueeze(2) - prior(self.seen) - self.diagonal.sqrt().unsqueeze(2) * noise
        update = torch.cholesky_solve(missed, self.root)
        gaussian = (self.weights[0] * count).round()
        # the draws of an output are in an order of its own, or one kernel would come with one kernel
        order = torch.stack([torch.randperm(count, generator=generator) for _ in range(outputs)])
        first = (order < gaussian[:, None]).T.unsqueeze(1)  # (draws, 1, outputs)

        def drawn(points: Tensor) -> Tensor:
            found = prior(points) + self.covariance(points, self.seen) @ update + self.mean[:, None, None]
            both = found.reshape(2, outputs, len(points), count).permute(0, 3, 2, 1)
            return torch.where(first, both[0], both[1]) * self.unit + self.shift

        return drawn


def fit(
    blocks: Blocks,
    seen: Tensor,
    values: Tensor,
    variances: Tensor | None = None,
    priors: Priors | None = None,
    *,
    told: bool = True,
) -> Process:
    """Processes of ``values`` (n, outputs) at ``seen`` (n, f).

    ``variances`` (n, outputs): of values that are themselves uncertain, besides the noise, which is learned
    (heteroscedastic noise: Goldberg, Williams and Bishop 1998); infinite where there is no value. ``told``: whether
    the values say anything of hyperparameters; otherwise those of the priors stand.
    """
    priors = priors or Priors()
    known = torch.ones_like(values) if variances is None else variances.isfinite().double()
    values = torch.where(known > 0, values, 0.0)
    if priors.mean[1] or priors.scale[1]:
        shift = values.sum(dim=0) / known.sum(dim=0)
        unit = ((known * (values - shift)).square().sum(dim=0) / (known.sum(dim=0) - 1.0).clamp_min(1.0)).sqrt()
        unit = torch.where(unit > 0, unit, 1.0)
    else:
        shift, unit = torch.zeros_like(values[0]), torch.ones_like(values[0])
    standard = known * (values - shift) / unit
    extra = None if variances is None else (variances / unit**2).clamp(0.0, VAGUE).T.repeat(2, 1)
    chosen = _spread(len(seen)) if told else _spread(0)
    mode = mode_of(blocks, seen[chosen], standard[chosen], None if extra is None else extra[:, chosen], priors)
    length, share, noise, mean, scale = split(mode, seen.shape[1])
    return Process(
        blocks=blocks, seen=seen, values=standard, shift=shift, unit=unit, length=length, share=share, noise=noise,
        scale=scale, mean=mean, extra=extra,
    )  # fmt: skip


def _spread(n: int) -> Tensor:
    """The points that tell of hyperparameters: all, or FITTED of them, evenly spread over the study."""
    return torch.linspace(0, n - 1, min(n, FITTED)).round().long()
