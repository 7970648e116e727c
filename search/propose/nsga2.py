"""NSGA-II: crossover and mutation of the params of a non-dominated, spread-out population (Deb et al. 2002), by Optuna.

What a generation is, and what its genes are, is told in ``_genes``.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.samplers import NSGAIISampler

from search.propose._genes import evolve
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
    return evolve(
        space,
        trials,
        q,
        seed=seed,
        m=len(reference),
        sampler=lambda stream: NSGAIISampler(seed=stream, population_size=population),
        key=NSGAIISampler._get_generation_key(),
        population=population,
    )
