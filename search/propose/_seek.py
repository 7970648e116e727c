"""Where in a structured space something is greatest: evolution of everything, then the slope of what is continuous.

A pool of points over the space and around the front is told how much each is worth; the best have children, which
differ in whatever the space has (numbers, options, branches, weights); the best of all climb along the slope of their
floats and weights (`_climb`), and are mutated once more, since a choice has no slope.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

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


class Ranked(NamedTuple):
    """Points (c), their features (c, f) and what each is worth (c,), the most first."""

    points: list[Params]
    at: Tensor
    values: Tensor

    def by(self, worth: Worth) -> "Ranked":
        """The same points by another worth."""
        with torch.no_grad():
            return self._replace(values=worth(self.at)).best()

    def joined(self, more: "Ranked", kept: int | None = None) -> "Ranked":
        """With the points of ``more``; at most ``kept`` of them."""
        points = [*self.points, *more.points]
        return Ranked(points, torch.cat([self.at, more.at]), torch.cat([self.values, more.values])).best(kept)

    def best(self, kept: int | None = None) -> "Ranked":
        rows = descending(self.values)[:kept]
        return Ranked([self.points[row] for row in rows], self.at[rows], self.values[rows])


def ranked(several: Sequence[Params], layout: Layout, worth: Worth) -> Ranked:
    at = layout(several)
    return Ranked(list(several), at, torch.zeros(len(at))).by(worth)


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
    best: Ranked,
    rng: Generator,
    *,
    generations: int = GENERATIONS,
    kept: int = PARENTS,
) -> Ranked:
    """The best and their descendants, ``kept`` of them."""
    for generation in range(generations):
        scale = SCALES[-1 - generation % len(SCALES)]
        parents = best.points[:PARENTS]
        children = [layout.space.mutate(parents[i % len(parents)], rng, scale=scale) for i in range(CHILDREN)]
        best = best.joined(ranked(children, layout, worth), kept)
    return best


def ascend(layout: Layout, worth: Worth, starts: Sequence[Params], rng: Generator, *, steps: int) -> Ranked:
    """Up from each of ``starts``, and mutations of the two highest, most worth first."""
    found = ranked(climb(layout.space, starts, worth, steps=steps), layout, worth)
    for _ in range(ROUNDS):
        first = found.points[:2]
        mutants = [layout.space.mutate(first[i % len(first)], rng, scale=SCALES[i % 3] / 2) for i in range(MUTANTS)]
        found = found.joined(ranked(mutants, layout, worth))
    return found


def seek(layout: Layout, worth: Worth, points: Sequence[Params], values: Tensor, taken: Keys, rng: Generator) -> Params:
    """The point of the largest ``worth`` that is found and not ``taken``, from ``points`` (c) and their ``values``."""
    rows = descending(values)[:PARENTS]
    several = [points[row] for row in rows]
    best = evolve(layout, worth, Ranked(several, layout(several), values[rows]), rng).points
    return fresh([*ascend(layout, worth, best[:CLIMBERS], rng, steps=STEPS).points, *best], layout, taken)


def fresh(several: Sequence[Params], layout: Layout, taken: Keys) -> Params:
    """The first that is not taken, or the first."""
    return next((params for params in several if layout.key(params) not in taken), several[0])


def descending(values: Tensor) -> list[int]:
    rows: list[int] = torch.argsort(values, descending=True, stable=True).tolist()
    return rows
