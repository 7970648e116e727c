"""Where in a structured space something is greatest: evolution of everything, then the slope of what is continuous.

A pool of points over the space and around the front is told how much each is worth; the best have children, which
differ in whatever the space has (numbers, options, branches, weights); the best of all climb along the slope of their
floats and weights (`_climb`), and are mutated once more, since a choice has no slope.
"""

from collections.abc import Callable, Collection, Sequence

import torch
from numpy.random import Generator
from torch import Tensor

from search.propose import sobol
from search.propose._climb import climb
from search.propose._features import Layout
from search.space import Params

Worth = Callable[[Tensor], Tensor]  # features (c, f) -> (c,)

GLOBAL, LOCAL = 512, 256  # points over the space and around the front
SCALES = (0.02, 0.05, 0.1, 0.3)  # of mutations
PARENTS, CHILDREN, GENERATIONS = 16, 64, 2
CLIMBERS, STEPS = 6, 25
MUTANTS, ROUNDS = 32, 2  # after the climb


def pool(layout: Layout, front: Sequence[Params], rng: Generator) -> list[Params]:
    """Points of a Sobol sequence over the space, and mutations of the front."""
    space = layout.space
    found = [space.decode(unit) for unit in sobol.cube(space.width, GLOBAL, seed=int(rng.integers(2**32)))]
    for index in range(LOCAL):
        scale = SCALES[index // len(front) % len(SCALES)]
        found.append(space.mutate(front[index % len(front)], rng, scale=scale))
    return found


def seek(
    layout: Layout,
    worth: Worth,
    points: Sequence[Params],
    values: Tensor,
    taken: Collection[tuple[float, ...]],
    rng: Generator,
    *,
    steps: int = STEPS,
    generations: int = GENERATIONS,
) -> Params:
    """The point of the largest ``worth`` that is found and not ``taken``, from ``points`` (c) and their ``values``."""
    space, best = layout.space, [points[row] for row in descending(values)[:PARENTS]]
    with torch.no_grad():
        for generation in range(generations):
            scale = SCALES[-1 - generation % len(SCALES)]
            best = _best([*best, *(space.mutate(best[i % len(best)], rng, scale=scale) for i in range(CHILDREN))],
                         layout, worth)[:PARENTS]  # fmt: skip
    climbers = climb(space, best[:CLIMBERS], worth, steps=steps)
    for _ in range(ROUNDS):
        climbers += [space.mutate(climbers[i % 2], rng, scale=SCALES[i % 3] / 2) for i in range(MUTANTS)]
        with torch.no_grad():
            climbers = _best(climbers, layout, worth)
    return next((params for params in [*climbers, *best] if space.key(params) not in taken), climbers[0])


def _best(several: list[Params], layout: Layout, worth: Worth) -> list[Params]:
    return [several[row] for row in descending(worth(layout(several)))]


def descending(values: Tensor) -> list[int]:
    rows: list[int] = torch.argsort(values, descending=True, stable=True).tolist()
    return rows
