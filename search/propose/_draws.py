"""Functions drawn from the posterior of a Gaussian process: each is one way the truth may run through what was seen."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.sampling.pathwise import draw_kernel_feature_paths, draw_matheron_paths
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.kernels import MaternKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.priors import LogNormalPrior
from gpytorch.constraints import GreaterThan
from torch import Tensor

Draws = Callable[[Tensor], Tensor]  # (..., c, f) -> (draws, c, outputs)
FEATURES = 512
KERNEL = "rbf"
NOISE = 1e-6
MAXITER = 50
FTOL = 1e-5


def draw(features: Tensor, values: Tensor, count: int) -> Draws:
    """``count`` joint draws given the ``values`` (n, outputs) at ``features`` (n, f); outputs are independent."""
    mean, scale = values.mean(dim=0), values.std(dim=0).clamp_min(1e-9)
    kw: dict[str, Any] = {}
    f, o = features.shape[1], values.shape[1]
    batch = torch.Size([o]) if o > 1 else torch.Size()
    if KERNEL == "matern":
        prior = LogNormalPrior(loc=2 ** 0.5 + 0.5 * torch.tensor(float(f)).log(), scale=3 ** 0.5)
        kw["covar_module"] = MaternKernel(nu=2.5, ard_num_dims=f, batch_shape=batch, lengthscale_prior=prior,
            lengthscale_constraint=GreaterThan(2.5e-2, transform=None, initial_value=prior.mode))
    if NOISE != 1e-4:
        np_ = LogNormalPrior(loc=-4.0, scale=1.0) if NOISE > 0 else LogNormalPrior(loc=-6.0, scale=2.0)
        kw["likelihood"] = GaussianLikelihood(noise_prior=np_, batch_shape=batch,
            noise_constraint=GreaterThan(abs(NOISE), transform=None, initial_value=max(np_.mode, 1e-3)))
    model = SingleTaskGP(features, (values - mean) / scale, outcome_transform=None, **kw)
    fit_gpytorch_mll(
        ExactMarginalLogLikelihood(model.likelihood, model),
        optimizer_kwargs={"options": {"maxiter": MAXITER, "ftol": FTOL, "factr": None}},
    )
    model.requires_grad_(False)
    paths: Any = draw_matheron_paths(
        model,
        sample_shape=torch.Size([count]),
        prior_sampler=partial(draw_kernel_feature_paths, num_features=FEATURES),
    )

    def at(points: Tensor) -> Tensor:
        found = 0
        for path in (paths["prior_paths"], paths["update_paths"]):
            feats = path.feature_map(points)
            feats = feats if isinstance(feats, Tensor) else feats.to_dense()
            found = found + torch.einsum("...cf,s...f->s...c", feats, path.weight)
        found = found + model.mean_module(points)
        found = found.unsqueeze(-1) if o == 1 else found.transpose(-1, -2)
        return found * scale + mean

    with torch.no_grad():
        if CHECK:
            ref = paths(features[:5]); mine = (at(features[:5]) - mean) / scale
            ref = ref.unsqueeze(-1) if o == 1 else ref.transpose(-1, -2)
            assert torch.allclose(ref, mine), (ref - mine).abs().max()
    return at
CHECK = False
