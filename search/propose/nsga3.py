"""NSGA-III: as NSGA-II, but the last places go to whoever is near a direction that few are near, by Optuna.

For many objectives, where crowding says little (Deb and Jain 2014, part I; constraints as in part II). The directions
are an even lattice on the simplex (Das and Dennis 1998), as fine as the population can fill. Who survives a tie is
drawn anew for every proposal. What a generation is, and what its genes are, is told in ``_genes``.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import NSGAIIISampler

from search.pareto.indicators import divisions
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
    fine = divisions(len(reference), population)

    def sampler(stream: int) -> NSGAIIISampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # it has been called experimental since 2023
            return NSGAIIISampler(seed=stream, population_size=population, dividing_parameter=fine)

    return evolve(
        space,
        trials,
        q,
        seed=seed,
        m=len(reference),
        sampler=sampler,
        key=NSGAIIISampler._get_generation_key(),
        population=population,
    )
