"""Fits the Gaussian processes of `_process` to values.

Each output has two rows, a Gaussian and a Matern kernel (`_kernel`) at the mode of their hyperparameters (`_mode`).
Beyond ``FITTED`` points hyperparameters and weights are told by that many of them; every point is known to the process
itself.
"""

from dataclasses import replace

import torch
from torch import Tensor

from search.propose._kernel import Blocks
from search.propose._mode import Priors, mode_of
from search.propose._process import VAGUE, Process

FITTED = (64, 150)  # at least and at most, by what it costs:
ENTRIES = 8e4  # distances of pairs, in every column and for every output


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
    shift, unit = torch.zeros_like(values[0]), torch.ones_like(values[0])
    if priors.mean[1] or priors.scale[1]:  # free to be shifted and scaled
        shift = values.sum(dim=0) / known.sum(dim=0)
        squares = (known * (values - shift)).square().sum(dim=0)
        unit = (squares / (known.sum(dim=0) - 1.0).clamp_min(1.0)).sqrt()
        unit = torch.where(unit > 0, unit, 1.0)
    standard = (known * (values - shift) / unit).T.contiguous()
    extra = None if variances is None else (variances / unit**2).clamp(0.0, VAGUE).T.contiguous()
    outputs = len(standard)
    some = spread(len(seen) if told else 0, seen.shape[1] * outputs)
    raw = mode_of(blocks, seen[some], standard[:, some], None if extra is None else extra[:, some], priors)
    made = Process(
        blocks=blocks, seen=seen, values=standard, shift=shift, unit=unit, extra=extra, priors=priors, raw=raw,
        owner=torch.arange(outputs).repeat(2), smooth=outputs,
    )  # fmt: skip
    return replace(made, given=made.at(some).weights) if 0 < len(some) < len(seen) else made


def spread(n: int, width: int) -> Tensor:
    """The points that tell of hyperparameters: all, or FITTED of them, evenly spread over the study; ``width``: columns
    times outputs."""
    affordable = int((2.0 * ENTRIES / width) ** 0.5) if width else n
    return torch.linspace(0, n - 1, min(n, max(FITTED[0], min(FITTED[1], affordable)))).round().long()
