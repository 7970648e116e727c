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
Keys = Collection[tuple[float, ...]]  # of points, by Space.key

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


def evolve(
    layout: Layout,
    worth: Worth,
    best: Sequence[Params],
    rng: Generator,
    *,
    generations: int = GENERATIONS,
    kept: int = PARENTS,
) -> list[Params]:
    """The best and their descendants, most worth first, ``kept`` of them."""
    found = list(best)
    with torch.no_grad():
        for generation in range(generations):
            scale = SCALES[-1 - generation % len(SCALES)]
            parents = found[:PARENTS]
            children = [layout.space.mutate(parents[i % len(parents)], rng, scale=scale) for i in range(CHILDREN)]
            found = sort([*found, *children], layout, worth)[:kept]
    return found


def ascend(layout: Layout, worth: Worth, starts: Sequence[Params], rng: Generator, *, steps: int) -> list[Params]:
    """Up from each of ``starts``, and mutations of the two highest, most worth first."""
    found = climb(layout.space, starts, worth, steps=steps)
    for _ in range(ROUNDS):
        found += [layout.space.mutate(found[i % 2], rng, scale=SCALES[i % 3] / 2) for i in range(MUTANTS)]
        with torch.no_grad():
            found = sort(found, layout, worth)
    return found


def seek(layout: Layout, worth: Worth, points: Sequence[Params], values: Tensor, taken: Keys, rng: Generator) -> Params:
    """The point of the largest ``worth`` that is found and not ``taken``, from ``points`` (c) and their ``values``."""
    best = evolve(layout, worth, [points[row] for row in descending(values)[:PARENTS]], rng)
    return fresh([*ascend(layout, worth, best[:CLIMBERS], rng, steps=STEPS), *best], layout, taken)


def fresh(several: Sequence[Params], layout: Layout, taken: Keys) -> Params:
    """The first that is not taken, or the first."""
    return next((params for params in several if layout.space.key(params) not in taken), several[0])


def sort(several: Sequence[Params], layout: Layout, worth: Worth) -> list[Params]:
    return [several[row] for row in descending(worth(layout(several)))]


def descending(values: Tensor) -> list[int]:
    rows: list[int] = torch.argsort(values, descending=True, stable=True).tolist()
    return rows
