"""Functions drawn from processes: each is one way the truth may run through what was seen.

A process says too much of itself where its hyperparameters are a guess. So ``doubted`` gives a part of the weight to
hyperparameters drawn around the mode, by the curvature there: a search that took its model at its word would go on
refining a part of the front and never look where the model wrongly sees nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from search.propose._fit import spread
from search.propose._kernel import waves
from search.propose._mode import Density, around
from search.propose._process import Process

WAVES = 512  # Fourier features of a drawn function before it is bent through the data
DOUBT = 0.25  # the weight of hyperparameters around the mode
LEAST = 0.1  # a kernel of less weight is left out


def doubted(process: Process, stream: torch.Generator) -> Process:
    """With DOUBT of the weight on hyperparameters around the mode: of each output one row more, of a kernel that is
    drawn by the weights. A kernel of next to no weight is left out."""
    outputs = len(process.values)
    shown = torch.rand(outputs, generator=stream, dtype=torch.float64)
    drawn = []
    for output in range(outputs):
        rows = torch.nonzero(process.owner == output)[:, 0]
        passed = process.weights[rows].cumsum(0) > shown[output]
        drawn.append(int(rows[int(passed.double().argmax())]) if passed.any() else int(rows[-1]))
    more = torch.tensor(sorted(drawn))
    kept = torch.nonzero(process.weights >= LEAST)[:, 0]
    some = process.of_rows(more).at(spread(len(process.seen), process.seen.shape[1] * outputs))
    density = Density(some.blocks, some.seen, some.targets, some.extra, some.priors, smooth=some.smooth)
    every = torch.cat([kept, more])
    order = torch.argsort((every >= process.smooth).double(), stable=True)  # Gaussian rows come first
    raw = torch.cat([process.raw[kept], around(density, some.raw, stream)])[order]
    weights = torch.cat([(1.0 - DOUBT) * process.weights[kept], torch.full((outputs,), DOUBT, dtype=torch.float64)])
    made = replace(process.of_rows(every[order]), raw=raw)
    return replace(made, given=made.shares(weights[order]))


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Functions of the posterior, features (c, f) -> values (draws, c, outputs), by Matheron's rule (Wilson et al.
    2020): cheap at any number of points, differentiable and consistent.

    Of each row of ``process`` as many as ``strengths`` has columns, which weigh its ``waves``; ``updates`` bend them
    through the values; ``orders``: where the draws of an output are; ``seen`` (draws, n, outputs): what they are at the
    points that the process has seen.
    """

    process: Process
    waves: Callable[[Tensor], Tensor]
    strengths: list[Tensor]
    updates: list[Tensor]
    orders: list[Tensor]
    seen: Tensor

    def __call__(self, points: Tensor) -> Tensor:
        wave, near = self.waves(points), self.process.covariance(points, self.process.seen)
        rows = zip(self.process.hyper.mean, wave, self.strengths, near, self.updates, strict=True)
        return ordered(self.process, [mean + w @ s + k @ u for mean, w, s, k, u in rows], self.orders)


def draw(process: Process, count: int, generator: torch.Generator) -> Drawn:
    """``count`` functions. Each is of one row, so of an output there are as many of a row as its weight."""
    length, share, _, mean, scale = process.hyper
    frequency, phase = waves(process.blocks, length, share, WAVES, generator, smooth=process.smooth)
    height = (2.0 * scale / WAVES).sqrt()[:, None, None]

    def prior(points: Tensor) -> Tensor:
        return height * (points @ frequency + phase.unsqueeze(1)).cos()

    wave, variance = prior(process.seen), process.diagonal.unsqueeze(2)
    strengths, updates, seen = [], [], []
    for row, several in enumerate(_counts(process, count)):
        strength = torch.randn(WAVES, several, generator=generator, dtype=torch.float64)
        noise = variance[row].sqrt() * torch.randn(len(process.seen), several, generator=generator, dtype=torch.float64)
        truth = process.targets[row].unsqueeze(1) - noise
        update = torch.cholesky_solve(truth - mean[row] - wave[row] @ strength, process.root[row])
        strengths.append(strength)
        updates.append(update)
        seen.append(truth - variance[row] * update)  # the covariance times the update is what was missed, less this
    # the draws of an output are in an order of its own, or one kernel would come with one kernel
    orders = [torch.randperm(count, generator=generator) for _ in process.values]
    return Drawn(
        process=process, waves=prior, strengths=strengths, updates=updates, orders=orders,
        seen=ordered(process, seen, orders),
    )  # fmt: skip


def ordered(process: Process, found: Sequence[Tensor], orders: Sequence[Tensor]) -> Tensor:
    """Standardised values of every row (c, its draws) -> values (draws, c, outputs)."""
    outputs = []
    for output, order in enumerate(orders):
        parts = [each for each, owner in zip(found, process.owner.tolist(), strict=True) if owner == output]
        outputs.append(torch.cat(parts, dim=1)[:, order] * process.unit[output] + process.shift[output])
    return torch.stack(outputs, dim=2).transpose(0, 1)


def _counts(process: Process, count: int) -> list[int]:
    """How many of ``count`` draws each row has: by its weight, and ``count`` for each output."""
    left, counts = [count] * len(process.values), []
    rest = process.over(process.weights).clone()
    for row, output in enumerate(process.owner.tolist()):
        share = float(process.weights[row] / rest[output]) if rest[output] > 0 else 0.0
        several = min(left[output], round(left[output] * share))
        counts.append(several)
        left[output] -= several
        rest[output] -= process.weights[row]
    return counts
