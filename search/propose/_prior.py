"""Where good values are expected, as a slope: the log density of a space's priors, at features instead of params.

It is added to the logarithm of the gain with the weight STRENGTH / n after n trials, so it leads a young search and is
forgotten as data come (piBO: Hvarfner, Stoll, Souza, Lindauer, Hutter and Nardi 2022, whose strength is a tenth of the
number of trials planned). What is inactive expects nothing.
"""

import math

import torch
from torch import Tensor

from search.propose._features import Layout
from search.propose._seek import Worth
from search.space import Choice, Float, Integer, Near, Simplex
from search.space.dimensions import CORNER

STRENGTH = 10.0


def expected(layout: Layout, n: int) -> Worth | None:
    """Features (c, f) -> (c,): what is expected of points, after ``n`` trials; None where no dimension has a prior."""
    informed = [dimension for dimension in layout.space.dimensions if dimension.prior is not None]
    if not informed:
        return None

    def at(features: Tensor) -> Tensor:
        total = torch.zeros(len(features), dtype=torch.float64)
        for dimension in informed:
            part = features[:, layout.places[dimension.name]]
            active = features[:, layout.switches[dimension.name]].sum(dim=1) if layout.switches[dimension.name] else 1.0
            total = total + active * _log_density(dimension, part)
        return total * (STRENGTH / max(n, 1))

    return at


def _log_density(dimension: Float | Integer | Choice | Simplex, part: Tensor) -> Tensor:
    """(c, columns) -> (c,), up to rounding what ``dimension.log_prior`` is."""
    if isinstance(dimension, Choice):
        assert dimension.prior is not None
        weights = torch.tensor(dimension.prior, dtype=torch.float64) * len(dimension.options)
        return part @ weights.log()
    if isinstance(dimension, Simplex):
        assert dimension.prior is not None
        told = torch.tensor(dimension.prior, dtype=torch.float64)
        total = math.lgamma(sum(dimension.prior)) - math.lgamma(len(dimension.names)) - torch.lgamma(told).sum()
        return total + part.clamp_min(CORNER).log() @ (told - 1.0)
    assert isinstance(dimension.prior, Near)
    center = float(dimension.encode(dimension.prior.center)[0])  # type: ignore[arg-type]
    deviation = dimension.prior.deviation / dimension.span
    ends = torch.special.ndtr(torch.tensor([-center, 1.0 - center], dtype=torch.float64) / deviation)
    whole = math.log(deviation * (2.0 * math.pi) ** 0.5) + torch.log(ends[1] - ends[0])
    return -0.5 * ((part[:, 0] - center) / deviation).square() - whole
