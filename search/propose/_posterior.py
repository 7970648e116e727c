"""Functions drawn from the posterior of Gaussian processes: each is one way the truth may run through what was seen."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.sampling.pathwise import draw_kernel_feature_paths, draw_matheron_paths, gaussian_update
from gpytorch.constraints import GreaterThan
from gpytorch.likelihoods import FixedNoiseGaussianLikelihood, GaussianLikelihood
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.priors import LogNormalPrior
from linear_operator.operators import DiagLinearOperator
from torch import Tensor

Draws = Callable[[Tensor], Tensor]  # features (c, f) -> values (draws, c, outputs)

WAVES = 512  # Fourier features of a drawn function before it is bent through the data
STEPS = 50  # L-BFGS steps of a fit: after these the likelihood moves in its third digit
PRECISION = 1e-5
NOISE = LogNormalPrior(loc=-4.0, scale=1.0)  # BoTorch's prior, without its floor: losses of one seed have no noise
NOISE_FLOOR = 1e-6


VAGUE = 1e6  # times its variance: what is not known of a value


def draw(features: Tensor, values: Tensor, count: int, variances: Tensor | None = None) -> Draws:
    """``count`` functions given ``values`` (n, outputs) at ``features`` (n, f); uses torch's global random stream.

    One process an output: squared exponential with a length scale for each feature, under priors that grow with the
    number of features (Hvarfner et al. 2024), fitted by maximum a posteriori. The draws are of Matheron's rule
    (Wilson et al. 2020), so they are functions: cheap at any number of points, differentiable, and consistent.

    ``variances`` (n, outputs): of values that are themselves uncertain, in addition to the noise, which is learned
    (heteroscedastic noise: Goldberg, Williams and Bishop 1998); infinite where there is no value.
    """
    outputs = values.shape[1]
    known = torch.ones_like(values) if variances is None else variances.isfinite().double()
    mean = (known * values).sum(dim=0) / known.sum(dim=0)
    centred = known * (values - mean)
    scale = (centred.square().sum(dim=0) / (known.sum(dim=0) - 1.0).clamp_min(1.0)).sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    settings: dict[str, Any] = {
        "noise_prior": NOISE,
        "noise_constraint": GreaterThan(NOISE_FLOOR, transform=None, initial_value=NOISE.mode),
        "batch_shape": torch.Size([outputs] if outputs > 1 else []),
    }
    likelihood: Any = GaussianLikelihood(**settings)
    if variances is not None:
        extra = (variances / scale**2).clamp(NOISE_FLOOR, VAGUE).T
        likelihood = FixedNoiseGaussianLikelihood(
            extra if outputs > 1 else extra[0], learn_additional_noise=True, **settings
        )
    model = SingleTaskGP(features, centred / scale, likelihood=likelihood, outcome_transform=None)
    fit(model, outputs)
    update: Any = gaussian_update
    if variances is not None:  # left to itself it would take the given noise and not the learned
        update = partial(gaussian_update, noise_covariance=DiagLinearOperator(likelihood.noise))
    waves = partial(draw_kernel_feature_paths, num_features=WAVES)
    paths: Any = draw_matheron_paths(
        model, sample_shape=torch.Size([count]), prior_sampler=waves, update_strategy=update
    )

    def at(points: Tensor) -> Tensor:
        # what paths(points) is, with the draws in one product instead of one copy of the features for each of them
        found: Tensor = model.mean_module(points)
        for part in ("prior_paths", "update_paths"):
            basis = paths[part].feature_map(points)
            basis = basis if isinstance(basis, Tensor) else basis.to_dense()
            found = found + torch.einsum("...cw,s...w->s...c", basis, paths[part].weight)
        found = found.unsqueeze(-1) if outputs == 1 else found.transpose(-1, -2)
        return found * scale + mean

    return at


def fit(model: SingleTaskGP, outputs: int = 1) -> None:
    """Set what is free in a process to its maximum a posteriori, and make it fixed."""
    # the optimizers of one and of several outputs spell the tolerance in two ways
    tolerance = {"ftol": PRECISION} if outputs == 1 else {"factr": PRECISION / torch.finfo(torch.float64).eps}
    fit_gpytorch_mll(
        ExactMarginalLogLikelihood(model.likelihood, model),
        optimizer_kwargs={"options": {"maxiter": STEPS, **tolerance}},
    )
    model.requires_grad_(False)
