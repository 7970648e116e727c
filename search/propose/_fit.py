"""Fits the Gaussian processes of `_process` to values.

Each output has two rows, a Gaussian and a Matern kernel (`_kernel`) at the mode of their hyperparameters (`_mode`), and
of few outputs, where no value is negative and they differ by a factor, two more of their logarithm: losses over
decades are smooth there (warped processes: Snelson, Rasmussen and Ghahramani 2004). Beyond ``FITTED`` points
hyperparameters and weights are told by that many of them; every point is known to the process itself.
"""

from dataclasses import replace

import torch
from torch import Tensor

from search.propose._kernel import Blocks
from search.propose._mode import Priors, mode_of
from search.propose._process import VAGUE, Process

FITTED = (64, 150)  # at least and at most, by what it costs:
ENTRIES = 8e4  # distances of pairs, in every column and for every output
FACTOR = 2.0  # between the least and the greatest of values whose logarithm is tried
FEW = 4  # outputs at most: of the many of DTLZ2 with 8 losses a search by logarithms stands still (`studies/LOG.md`)
OFFSET = 0.1  # of the median, which is added before: next to 0 a logarithm falls without end


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
    values, variances = torch.where(known > 0, values, 0.0).T, None if variances is None else variances.T
    known = known.T
    owner, offset = torch.arange(len(values)), torch.zeros(len(values), dtype=torch.float64)
    free = bool(priors.mean[1] or priors.scale[1])  # to be shifted and scaled
    if free and len(values) <= FEW:
        above = _offsets(values, known)
        owner = torch.cat([owner, torch.nonzero(above)[:, 0]])
        offset = torch.cat([offset, above[above > 0]])
    known, targets = known[owner], values[owner]
    extra = None if variances is None else variances[owner]
    logs = (offset > 0)[:, None]
    raised = torch.where(logs & (known > 0), targets + offset[:, None], 1.0)
    targets = torch.where(logs, raised.log(), targets)
    extra = None if extra is None else extra / raised.square()
    shift, unit = torch.zeros(len(owner), dtype=torch.float64), torch.ones(len(owner), dtype=torch.float64)
    if free:
        shift = (known * targets).sum(dim=1) / known.sum(dim=1)
        squares = (known * (targets - shift[:, None])).square().sum(dim=1)
        unit = (squares / (known.sum(dim=1) - 1.0).clamp_min(1.0)).sqrt()
        unit = torch.where(unit > 0, unit, 1.0)
    targets = known * (targets - shift[:, None]) / unit[:, None]
    extra = None if extra is None else (extra / unit[:, None] ** 2).clamp(0.0, VAGUE)
    some = spread(len(seen) if told else 0, seen.shape[1] * len(owner))
    raw = mode_of(blocks, seen[some], targets[:, some], None if extra is None else extra[:, some], priors)
    made = Process(
        blocks=blocks, seen=seen, values=values, targets=targets.repeat(2, 1), offset=offset.repeat(2),
        shift=shift.repeat(2), unit=unit.repeat(2), extra=None if extra is None else extra.repeat(2, 1), priors=priors,
        raw=raw, owner=owner.repeat(2), smooth=len(owner),
    )  # fmt: skip
    return replace(made, given=made.at(some).weights) if 0 < len(some) < len(seen) else made


def _offsets(values: Tensor, known: Tensor) -> Tensor:
    """(outputs, n) twice -> (outputs,): what is added to values before their logarithm is taken; 0: it is not."""
    middle = torch.stack([each[there > 0].median() for each, there in zip(values, known, strict=True)])
    offset, least = OFFSET * middle, torch.where(known > 0, values, torch.inf).amin(dim=1)
    worth = (least >= 0) & (middle > 0) & (values.amax(dim=1) + offset > FACTOR * (least + offset))
    return torch.where(worth, offset, 0.0)


def spread(n: int, width: int) -> Tensor:
    """The points that tell of hyperparameters: all, or FITTED of them, evenly spread over the study; ``width``: columns
    times outputs."""
    affordable = int((2.0 * ENTRIES / width) ** 0.5) if width else n
    return torch.linspace(0, n - 1, min(n, max(FITTED[0], min(FITTED[1], affordable)))).round().long()
