"""NSGA-II: crossover and mutation of the params of a non-dominated, spread-out population (Deb et al. 2002), by Optuna.

Generation g holds the complete trials from g * population on, in the order of the study, so the generations are
read off the trials and nothing has to be kept. Every dimension of the tree is a gene; the genes of branches that a
trial did not take are silent and drawn from its number, so a child that enters a branch finds it filled.

A trial that failed is no parent, and that is all that evolution learns from it: it models no region to keep away from.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.samplers import NSGAIISampler

from search.propose import _optuna
from search.space import Params, Space
from search.trial import Trial

SPACE = {
    "population": {"low": 2, "high": 1000, "integer": True, "default": 20},
}


def propose(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    population: int = 20,
) -> list[Params]:
    """The next q params; of the reference only m is used."""

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
        m=len(reference),
        sampler=lambda stream: NSGAIISampler(seed=stream, population_size=population),
        values=genes,
        params=child,
        system=lambda index: {NSGAIISampler._get_generation_key(): index // population},
    )
