"""Expected hypervolume improvement per second: ``ehvi`` divided by the predicted seconds of a trial, to a power.

    log gain(x) + log P(success at x) - a E[log seconds(x)]

The seconds of the trials that ended are learned by a process of their own, in the logarithm (expected improvement per
second: Snoek, Larochelle and Adams 2012; between quality and time by an exponent: Lee et al., "Cost-aware Bayesian
optimization", 2020). ``cost_exponent`` 0 is ``ehvi``; 1 is hypervolume per second, for a budget that is stated in time.
Among points that gain alike the quickest is proposed.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.grammar.interest import Interest
from search.propose import ehvi, observed
from search.propose._belief import alone, believe
from search.propose._fit import fit
from search.space import Params, Space
from search.trial import Trial

SPACE = {
    "start": {"low": 0, "high": 1000, "integer": True, "default": 0},
    "draws": {"low": 8, "high": 512, "integer": True, "default": 64},
    "cost_exponent": {"low": 0.0, "high": 1.0, "default": 1.0},
}

FEWEST = 4  # trials whose seconds are known, before anything is predicted of seconds


def propose(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    interest: Interest | None = None,
    earlier: Sequence[Sequence[Trial]] = (),
    start: int = 0,
    draws: int = 64,
    cost_exponent: float = 1.0,
) -> list[Params]:
    """The next q params; ``reference`` (m,): the worst losses that count."""
    with alone():
        belief = believe(
            space, trials, q, seed=seed, reference=reference, interest=interest, earlier=earlier, start=start
        )
        if isinstance(belief, list):
            return belief
        timed = [trial for trial in observed(trials) if trial.seconds > 0.0]
        likely, log_seconds = belief.likely, None
        if cost_exponent and len(timed) >= FEWEST:
            at = belief.layout([trial.params for trial in timed])
            log_seconds = fit(
                belief.layout.blocks, at, torch.tensor([[trial.seconds] for trial in timed]).double().log()
            )

        def worth_its_time(features: Tensor) -> Tensor:
            hope = likely(features)
            return hope if log_seconds is None else hope - cost_exponent * log_seconds.mean_at(features)[:, 0]

        return ehvi.pick(belief, trials, q, seed=seed, draws=draws, likely=worth_its_time)
