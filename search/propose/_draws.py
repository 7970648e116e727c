"""Functions drawn from processes: each is one way the truth may run through what was seen.

A process says too much of itself where its hyperparameters are a guess. So ``doubted`` gives a part of the weight to
hyperparameters drawn around the mode, by the curvature there: a search that took its model at its word would go on
refining a part of the front and never look where the model wrongly sees nothing.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from search.propose._kernel import waves
from search.propose._mode import Density, around
from search.propose._process import Process, spread

Draws = Callable[[Tensor], Tensor]  # features (c, f) -> values (draws, c, outputs)

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
    told = spread(len(process.seen), process.seen.shape[1] * outputs)
    density = Density(
        process.blocks, process.seen[told], process.targets[more][:, told],
        None if process.extra is None else process.extra[process.owner[more]][:, told], process.priors,
        smooth=int((more < process.smooth).sum()),
    )  # fmt: skip
    every = torch.cat([kept, more])
    order = torch.argsort((every >= process.smooth).double(), stable=True)  # Gaussian rows come first
    raw = torch.cat([process.raw[kept], around(density, process.raw[more], stream)])[order]
    weights = torch.cat([(1.0 - DOUBT) * process.weights[kept], torch.full((outputs,), DOUBT, dtype=torch.float64)])
    made = replace(process, raw=raw, owner=process.owner[every][order], smooth=int((every < process.smooth).sum()))
    return replace(made, given=made.shares(weights[order]))


def draw(process: Process, count: int, generator: torch.Generator) -> Draws:
    """``count`` functions of the posterior, by Matheron's rule (Wilson et al. 2020): cheap at any number of points,
    differentiable and consistent. Each is of one row, so of an output there are as many of a row as its weight."""
    length, share, _, mean, scale = process.hyper
    frequency, phase = waves(process.blocks, length, share, WAVES, generator, smooth=process.smooth)
    height = (2.0 * scale / WAVES).sqrt()[:, None, None]

    def prior(points: Tensor) -> Tensor:
        return height * (points @ frequency + phase.unsqueeze(1)).cos()

    counts = _counts(process, count)
    seen, deviation = prior(process.seen), process.diagonal.sqrt()
    strengths, updates = [], []
    for row, several in enumerate(counts):
        strength = torch.randn(WAVES, several, generator=generator, dtype=torch.float64)
        noise = torch.randn(len(process.seen), several, generator=generator, dtype=torch.float64)
        missed = (
            (process.targets[row] - mean[row]).unsqueeze(1) - seen[row] @ strength - deviation[row].unsqueeze(1) * noise
        )
        strengths.append(strength)
        updates.append(torch.cholesky_solve(missed, process.root[row]))
    # the draws of an output are in an order of its own, or one kernel would come with one kernel
    orders = [torch.randperm(count, generator=generator) for _ in process.values]

    def drawn(points: Tensor) -> Tensor:
        wave, near = prior(points), process.covariance(points, process.seen)
        found = [wave[row] @ strengths[row] + near[row] @ updates[row] + mean[row] for row in range(len(counts))]
        outputs = []
        for output, order in enumerate(orders):
            parts = [each for each, owner in zip(found, process.owner.tolist(), strict=True) if owner == output]
            outputs.append(torch.cat(parts, dim=1)[:, order] * process.unit[output] + process.shift[output])
        return torch.stack(outputs, dim=2).transpose(0, 1)

    return drawn


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
