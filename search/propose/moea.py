"""Evolution one child at a time on the space's own operators: who adds least hypervolume leaves (SMS-EMOA).

Beume, Naujoks, Emmerich, "SMS-EMOA: Multiobjective selection based on dominated hypervolume", EJOR 181 (2007). Every
complete trial enters the population in the order of the study, and one leaves: of the worst constrained rank (least
violation before rank: Deb et al. 2002) the one without which the least volume below the study's reference is lost, so
what is beyond the reference leaves first. The paper's own reference moves with the population instead, which keeps its
ends however bad they are, and its parents are drawn alike; here each is the best of three. A child is a crossover of
two, a mutation of one, or both. The first are a Sobol sequence, until the population is full. Trials that failed are no
parents, and teach no more.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from search.pareto import dominance, hypervolume
from search.propose import generator, observed, sobol
from search.space import Params, Space
from search.space.cross import cross
from search.trial import Trial, losses, violations

SPACE = {
    "population": {"low": 2, "high": 200, "integer": True, "default": 20},
    "crossover": {"low": 0.0, "high": 1.0, "default": 0.9},  # probability; otherwise a child has one parent
    "mutation": {"low": 0.0, "high": 1.0, "default": 0.5},  # probability for a child of two; of one it is a mutant
}
DRAWN = 3  # of which the best is a parent


def propose(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    population: int = 20,
    crossover: float = 0.9,
    mutation: float = 0.5,
) -> list[Params]:
    """The next q params."""
    known = observed(trials)
    if len(known) < population:
        return sobol.propose(space, trials, q, seed=seed, reference=reference)
    best = [known[row].params for row in ranked(losses(known), violations(known), reference, population)]

    def parent(rng: Generator) -> Params:
        return best[int(rng.integers(len(best), size=DRAWN).min())]

    def child(rng: Generator) -> Params:
        if rng.random() >= crossover:
            return space.mutate(parent(rng), rng)
        made = cross(space, parent(rng), parent(rng), rng)
        return space.mutate(made, rng) if rng.random() < mutation else made

    return [child(generator(seed, trials, ahead)) for ahead in range(q)]


def ranked(
    losses: NDArray[np.float64], violations: NDArray[np.float64], reference: NDArray[np.float64], population: int
) -> list[int]:
    """(n, m), (n, c) -> the rows that are left after all have entered one by one, the best first.

    >>> ranked(np.array([[0.0, 3.0], [2.0, 2.0], [3.0, 0.0], [1.0, 1.0]]), np.zeros((4, 0)), np.array([4.0, 4.0]), 3)
    [3, 0, 2]
    """
    rows: list[int] = []
    for row in range(len(losses)):
        rows.append(row)
        if len(rows) > population:
            standing = dominance.constrained_ranks(losses[rows], violations[rows])
            last = np.flatnonzero(standing == standing.max())
            rows.pop(int(last[_least(losses[rows][last], reference)]))
    standing = dominance.constrained_ranks(losses[rows], violations[rows])
    worth = np.zeros(len(rows))
    for rank in np.unique(standing):
        worth[standing == rank] = hypervolume.contributions(losses[rows][standing == rank], reference)
    return [rows[place] for place in np.lexsort((-worth, standing))]


def _least(front: NDArray[np.float64], reference: NDArray[np.float64]) -> int:
    """Whose volume is the least; among equals, as beyond the reference, who is farthest beyond, then the newest."""
    if len(front) == 1:
        return 0
    beyond = np.maximum(front - reference, 0.0) / np.maximum(np.ptp(front, axis=0), 1e-300)
    worth = hypervolume.contributions(front, reference)
    return int(np.lexsort((-np.arange(len(front)), -beyond.sum(axis=1), worth))[0])
