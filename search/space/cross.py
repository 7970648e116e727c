"""Crossover on the tree: a child of two points that takes every active dimension from a parent that has it.

Uniform crossover (Syswerda 1989) from the root down: who gives a choice its option has what is under it, so a branch is
whole, and where both parents are in it their dimensions mix again. A number that both have is taken from one of them,
or blended: drawn from the range between them, in the unit cube, longer by half at both ends, so that children are
spread no less than their parents (BLX-0.5: Eshelman and Schaffer 1993). Weights are one gene, blended on their simplex,
since half of one mixture with half of another is neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import Generator

from search.space.dimensions import Choice, Dimension, Simplex

if TYPE_CHECKING:
    from search.space import Params, Space

BEYOND = 0.5  # of the distance of the parents, at both ends


def cross(space: Space, first: Params, second: Params, rng: Generator, *, blend: float = 0.8) -> Params:
    """A feasible child; a number or a block of weights that differs is blended with probability ``blend``."""
    parents = space.active(first), space.active(second)

    def inherited(dimension: Dimension) -> Any:
        values = [parent[dimension.name] for parent in parents if dimension.name in parent]
        if not isinstance(dimension, Choice) and len(values) == 2 and values[0] != values[1] and rng.random() < blend:
            return _blended(dimension, values[0], values[1], rng.uniform(-BEYOND, 1.0 + BEYOND))
        return values[int(rng.integers(len(values)))]

    return space.repaired(space.walk(inherited), rng)


def _blended(dimension: Dimension, here: Any, there: Any, share: float) -> Any:
    if isinstance(dimension, Simplex):
        mixed = np.maximum((1.0 - share) * np.array(here) + share * np.array(there), 0.0)
        weights = (mixed / mixed.sum()).tolist()
        return (*weights[:-1], max(1.0 - sum(weights[:-1]), 0.0))
    return dimension.decode(np.clip((1.0 - share) * dimension.encode(here) + share * dimension.encode(there), 0.0, 1.0))
