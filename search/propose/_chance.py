"""The probability that a training succeeds: a Gaussian process through 1 where it did and -1 where it failed.

Least-squares classification (Rasmussen and Williams 2006, section 6.5): the labels are regressed as if they were real
numbers, and the probability is that of a new label above 0,

    P(success at x) = Phi( mean(x) / sqrt(variance(x) + noise) )

It takes one fit of a process and no approximation beyond that. Failures that come by chance are learned as noise for
the most part, and lower the probability nearly everywhere alike. Far from all labels it is about the share of
successes so far, by the rule of succession (Laplace 1774), so it is neither 0 nor 1 while all the trainings ended in
the same way: then the process says only how near to them a point is.
"""

from collections.abc import Callable
from typing import Any

import torch
from botorch.models import SingleTaskGP
from gpytorch.constraints import GreaterThan
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.means import ZeroMean
from gpytorch.priors import LogNormalPrior
from torch import Tensor

from search.propose._posterior import fit

Chance = Callable[[Tensor], Tensor]  # features (c, f) -> the logarithm of a probability (c,)

NOISE = LogNormalPrior(loc=-0.5, scale=1.0)  # of a label's variance: failures are never quite without chance
NOISE_FLOOR = 1e-2


def certain(features: Tensor) -> Tensor:
    """Nothing has failed: (c, f) -> zeros (c,)."""
    return torch.zeros(len(features), dtype=torch.float64)


def chance(seen: Tensor, succeeded: Tensor) -> Chance:
    """From what trainings at ``seen`` (n, f) came to (n,)."""
    if succeeded.all():
        return certain
    share = (float(succeeded.sum()) + 1.0) / (len(seen) + 2.0)
    mean, scale = 2.0 * share - 1.0, 2.0 * (share * (1.0 - share)) ** 0.5
    label = ((2.0 * succeeded.double() - 1.0 - mean) / scale).unsqueeze(1)
    likelihood = GaussianLikelihood(
        noise_prior=NOISE, noise_constraint=GreaterThan(NOISE_FLOOR, transform=None, initial_value=NOISE.mode)
    )
    # a mean of 0, not a learned one: with one kind of label a learned one would be all that there is to learn
    model = SingleTaskGP(seen, label, likelihood=likelihood, mean_module=ZeroMean(), outcome_transform=None)
    if succeeded.any():  # one kind of label says nothing of scales: those of the prior stay
        fit(model)
    model.requires_grad_(False)
    kernel: Any = model.covar_module
    noise = likelihood.noise
    root = torch.linalg.cholesky(kernel(seen).to_dense() + noise * torch.eye(len(seen), dtype=torch.float64))
    weight = torch.cholesky_solve(label, root)[:, 0]

    def at(points: Tensor) -> Tensor:
        near = kernel(points, seen).to_dense()
        explained = torch.linalg.solve_triangular(root, near.T, upper=False).square().sum(dim=0)
        spread = ((1.0 - explained).clamp_min(0.0) + noise).sqrt()  # the process has variance 1
        found: Tensor = torch.special.log_ndtr((mean / scale + near @ weight) / spread)
        return found

    return at
