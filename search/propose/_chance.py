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

import torch
from torch import Tensor

from search.propose._fit import fit
from search.propose._kernel import Blocks
from search.propose._mode import Priors

Chance = Callable[[Tensor], Tensor]  # features (c, f) -> the logarithm of a probability (c,)

# failures are never quite without chance; a mean of 0, not a learned one: with one kind of label a learned one would be
# all that there is to learn
PRIORS = Priors(noise=(-1.5, 1.0), scale=(0.0, 0.0), mean=(0.0, 0.0))


def certain(features: Tensor) -> Tensor:
    """Nothing has failed: (c, f) -> zeros (c,)."""
    return torch.zeros(len(features), dtype=torch.float64)


def chance(blocks: Blocks, seen: Tensor, succeeded: Tensor) -> Chance:
    """From what trainings at ``seen`` (n, f) came to (n,)."""
    if succeeded.all():
        return certain
    share = (float(succeeded.sum()) + 1.0) / (len(seen) + 2.0)
    middle, scale = 2.0 * share - 1.0, 2.0 * (share * (1.0 - share)) ** 0.5
    label = ((2.0 * succeeded.double() - 1.0 - middle) / scale).unsqueeze(1)
    process = fit(blocks, seen, label, priors=PRIORS, told=bool(succeeded.any()))
    noise = (process.weights * process.hyper.noise).sum()

    def at(points: Tensor) -> Tensor:
        mean, deviation = process.predict(points)
        spread = (deviation[:, 0].square() + noise).sqrt()
        found: Tensor = torch.special.log_ndtr((middle / scale + mean[:, 0]) / spread)
        return found

    return at
