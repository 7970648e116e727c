"""Evolution by Optuna: its generations read off the trials, and the params of the space as genes.

Generation g holds the complete trials from g * population on, in the order of the study, so nothing has to be kept.
Every dimension of the tree is a gene; the genes of branches that a trial did not take are silent and drawn from its
number, so a child that enters a branch finds it filled.

A trial that failed is no parent, and that is all that evolution learns from it: it models no region to keep away from.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from optuna.samplers import BaseSampler

from search.propose import _optuna
from search.space import Params, Space
from search.trial import Trial


def evolve(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    m: int,
    sampler: Callable[[int], BaseSampler],
    key: str,
    population: int,
) -> list[Params]:
    """q params for m objectives; ``sampler`` makes one of a seed, ``key`` is what it keeps a trial's generation by."""

    def genes(trial: Trial) -> dict[str, Any]:
        silent = np.random.default_rng([seed, trial.number])
        drawn = {dimension.name: dimension.decode(silent.random(dimension.width)) for dimension in space.dimensions}
        return drawn | space.active(trial.params)

    def child(choose: _optuna.Choose) -> Params:
        drawn = {dimension.name: choose(dimension) for dimension in space.dimensions}
        return space.walk(lambda dimension: drawn[dimension.name])

    return _optuna.ask(
        space,
        trials,
        q,
        seed=seed,
        m=m,
        sampler=sampler,
        values=genes,
        params=child,
        system=lambda index: {key: index // population},
    )
