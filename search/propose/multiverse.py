"""Exploration of the whole space instead of its best: the point that tells most of every loss, everywhere.

The choices that one makes are a multiverse of results; a process over it answers what each of them does, and a design
that lowers its variance answers with few trials (Bell, Kampman, Dodge and Lawrence, "Modeling the machine learning
multiverse", 2022). Proposed is the x of the largest integrated variance reduction over a Sobol reference set R,

    sum over losses of  mean over r in R of  cov(f(x), f(r))^2 / (var f(x) + noise)

(Sacks et al. 1989; Cohn 1996), each variance as a share of that of its loss. It looks at what was observed only through
the kernels' hyperparameters; the points before it in a batch, and those that run, count as seen.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.propose import generator, pending, points, sobol
from search.propose._belief import alone, believe
from search.propose._mode import JITTER
from search.propose._process import Process
from search.propose._seek import pool, seek
from search.space import Params, Space
from search.trial import Trial

SPACE = {
    "start": {"low": 0, "high": 1000, "integer": True, "default": 0},
    "marks": {"low": 16, "high": 4096, "integer": True, "default": 256},  # points of the reference set
}


def propose(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    earlier: Sequence[Sequence[Trial]] = (),
    start: int = 0,
    marks: int = 256,
) -> list[Params]:
    """The next q params; of the reference only m is used, and what lies far beyond it is as good as failed."""
    with alone():
        belief = believe(space, trials, q, seed=seed, reference=reference, earlier=earlier, start=start)
        if isinstance(belief, list):
            return belief
        rng, layout, process = generator(seed, trials), belief.layout, belief.process.of_first(len(reference))
        if waiting := pending(trials):
            process = process.after(layout([trial.params for trial in waiting]))
        taken = {space.key(trial.params) for trial in points(trials)}
        at = layout([space.decode(unit) for unit in sobol.cube(space.width, marks, seed=int(rng.integers(2**32)))])
        found = pool(layout, [trial.params for trial in belief.front], rng)
        picked: list[Params] = []
        while len(picked) < q:

            def worth(features: Tensor, process: Process = process) -> Tensor:
                return reduction(process, features, at).log() + belief.likely(features)

            with torch.no_grad():
                values = worth(layout(found))
            best = seek(layout, worth, found, values, taken, rng)
            taken.add(space.key(best))
            picked.append(best)
            process = process.after(layout([best]))
        return picked


def reduction(process: Process, features: Tensor, marks: Tensor) -> Tensor:
    """(c, f), (r, f) -> (c,): the share of the variance at the marks, over all losses, that a value there takes."""
    (shared, variance), hyper = process.joint(features, marks), process.hyper
    told = shared.square().mean(dim=2) / (variance + (hyper.noise + JITTER)[:, None]) / hyper.scale[:, None]
    return (process.weights[:, None] * told).sum(dim=0).clamp_min(1e-300)
