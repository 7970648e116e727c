"""Cross-entropy search: points are drawn from a law on the tree, and the law is fitted to the best of them.

Rubinstein (1999); for hyperparameters: "Cross-Entropy Optimization for Hyperparameter Optimization in Stochastic
Gradient-based Approaches to Train Deep Neural Networks". A generation is the next ``population`` complete trials in
the order of the study, so the law is read off the trials and nothing has to be kept. Its elites, the best ``share``,
come by non-domination rank and then the less crowded first; those that break limits come last, by how much.

The law: a categorical of each choice, and a normal cut off at [0, 1] of each column of the unit cube. The columns of a
simplex too: they are where uniform weights are uniform and independent, and where a Dirichlet distribution is
independent betas that share one concentration; a normal of each may know one weight well and another hardly. What is
under an option is fitted to the elites that took it. With smoothing s (1: only the new fit, 0: the law stays uniform)

    p <- s fit + (1 - s) p                            probabilities
    1 / v <- s fit + (1 - s) / v,  same for mean / v  normals: law <- fit^s law^(1 - s), which can start uniform

and a drawn law keeps the floor: every option has its part of that probability, and no deviation is smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from search.pareto import dominance
from search.propose import generator, observed
from search.space import Choice, Dimension, Params, Space, normal
from search.trial import Trial, losses, violations

SPACE = {
    "population": {"low": 2, "high": 1000, "integer": True, "default": 20},
    "share": {"low": 0.01, "high": 1.0, "default": 0.25},  # of a generation that is elite (rho)
    "smoothing": {"low": 0.0, "high": 1.0, "default": 0.7},
    "floor": {"low": 0.0001, "high": 0.5, "default": 0.05},  # of probability, and of deviation in the unit cube
}
UNIFORM = 12.0  # 1 / variance of the uniform law: elites that are spread like it teach nothing


def propose(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    population: int = 20,
    share: float = 0.25,
    smoothing: float = 0.7,
    floor: float = 0.05,
) -> list[Params]:
    """q draws from the law of the last full generation; the reference is not used."""
    law = fitted(space, trials, population=population, share=share, smoothing=smoothing)
    drawn = []
    for ahead in range(q):
        rng = generator(seed, trials, ahead)
        drawn.append(space.walk(lambda dimension, rng=rng: law[dimension.name].draw(dimension, floor, rng)))  # type: ignore[misc]
    return drawn


@dataclass(frozen=True)
class Options:
    """The probability of each (k,)."""

    p: NDArray[np.float64]

    def fit(self, dimension: Choice, values: Sequence[Any], smoothing: float) -> Options:
        counts = np.bincount([dimension.options.index(value) for value in values], minlength=len(self.p))
        return Options(smoothing * counts / len(values) + (1.0 - smoothing) * self.p)

    def kept(self, floor: float) -> NDArray[np.float64]:
        """All others together have ``floor`` where one has all; what is uniform stays so."""
        each = min(floor, 1.0 - 1.0 / len(self.p)) / (len(self.p) - 1)
        return (1.0 - each * len(self.p)) * self.p + each

    def draw(self, dimension: Choice, floor: float, rng: Generator) -> Any:
        return dimension.options[int(rng.choice(len(self.p), p=self.kept(floor)))]


@dataclass(frozen=True)
class Normals:
    """One for each column (width,): ``precision`` is 1 / v, 0 where it is uniform; ``moment`` is mean / v."""

    precision: NDArray[np.float64]
    moment: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        known = self.precision > 0.0
        return np.where(known, self.moment / np.where(known, self.precision, 1.0), 0.5)

    def fit(self, dimension: Dimension, values: Sequence[Any], smoothing: float) -> Normals:
        if len(values) < 2:
            return self  # one alone has no spread
        units = np.array([dimension.encode(value) for value in values])
        known = np.maximum(1.0 / np.maximum(units.var(axis=0, ddof=1), 1e-12) - UNIFORM, 0.0)
        return Normals(
            smoothing * known + (1.0 - smoothing) * self.precision,
            smoothing * known * units.mean(axis=0) + (1.0 - smoothing) * self.moment,
        )

    def draw(self, dimension: Dimension, floor: float, rng: Generator) -> Any:
        unit = [
            normal.draw(mean, max(precision**-0.5, floor), 0.0, 1.0, rng) if precision > 0.0 else rng.random()
            for mean, precision in zip(self.mean.tolist(), self.precision.tolist(), strict=True)
        ]
        return dimension.decode(np.array(unit))


Law = Mapping[str, Any]  # Options or Normals, by the name of the dimension


def fitted(space: Space, trials: Sequence[Trial], *, population: int, share: float, smoothing: float) -> Law:
    """The law after all full generations, by dimension; its floor is put in when it is drawn from."""
    law: dict[str, Any] = {dimension.name: _uniform(dimension) for dimension in space.dimensions}
    known = observed(trials)
    for start in range(0, len(known) - population + 1, population):
        generation = known[start : start + population]
        best = dominance.order(losses(generation), violations(generation))[: ceil(share * population)]
        elites = [space.active(generation[row].params) for row in best.tolist()]
        for dimension in space.dimensions:
            values = [elite[dimension.name] for elite in elites if dimension.name in elite]
            if values:
                law[dimension.name] = law[dimension.name].fit(dimension, values, smoothing)
    return law


def _uniform(dimension: Dimension) -> Options | Normals:
    if isinstance(dimension, Choice):
        return Options(np.full(len(dimension.options), 1.0 / len(dimension.options)))
    return Normals(np.zeros(dimension.width), np.zeros(dimension.width))
