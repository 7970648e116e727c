"""NSGA-III: as NSGA-II, but the last places go to whoever is near a direction that few are near, by Optuna.

For many objectives, where crowding says little (Deb and Jain 2014, part I; constraints as in part II). The directions
are an even lattice on the simplex (Das and Dennis 1998), as fine as the population can fill. Who survives a tie is
drawn anew for every proposal. What a generation is, and what its genes are, is told in ``_genes``.
"""

import warnings
from collections.abc import Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import NSGAIIISampler

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
    fine = divisions(population, len(reference))

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


def divisions(population: int, m: int) -> int:
    """The most parts of an edge of the simplex of m objectives with no more lattice points than ``population``.

    >>> divisions(20, 2), divisions(21, 3), divisions(20, 3), divisions(2, 5), divisions(20, 1)
    (19, 5, 4, 1, 1)
    """
    parts = 1
    while m > 1 and comb(parts + m, m - 1) <= population:
        parts += 1
    return parts
