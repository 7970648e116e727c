"""A design that covers the tree: all options in turn, at every depth, all corners of weights, and Sobol points between.

1. The options of a choice come in rounds, each round in a drawn order. An option comes in as many rounds of a cycle as
   it takes to cover what is below it, so one cycle of the whole tree covers it all, in the fewest points that can.
2. Every second time that weights are asked for they are a corner, all to one name, until each corner was there once.
3. All else is the scrambled Sobol sequence of ``search.propose.sobol``, in the columns that it has there.
4. Where some dimension has a prior, every second point is drawn from the priors instead.
5. A point that breaks a constraint is moved to a feasible neighbour.
"""

import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.propose import sobol
from search.space import Choice, Dimension, Node, Params, Simplex, Space


def design(space: Space, n: int, *, seed: int, skip: int = 0) -> list[Params]:
    """n points of the sequence of ``seed`` after the first ``skip``."""
    informed = any(dimension.prior is not None for dimension in space.dimensions)
    covering = _covering(space, (skip + n + 1) // 2 if informed else skip + n, seed)
    points = []
    for index in range(skip, skip + n):
        rng = np.random.default_rng([seed, index, 2])
        if informed and index % 2:
            points.append(space.sample_prior(rng))
        else:
            points.append(space.repaired(covering[index // 2 if informed else index], rng))
    return points


def _covering(space: Space, n: int, seed: int) -> list[Params]:
    """The first n points without priors and constraints."""
    asked: Counter[str] = Counter()
    weights = [dimension.name for dimension in space.dimensions if isinstance(dimension, Simplex)]

    def value(dimension: Dimension, row: NDArray[np.float64]) -> Any:
        time = asked[dimension.name]
        asked[dimension.name] += 1
        if isinstance(dimension, Choice):
            cycle = _cycle(dimension)
            return _turns(dimension, time // cycle, seed)[time % cycle]
        # the corners of several simplexes do not come at once
        if isinstance(dimension, Simplex) and (time + weights.index(dimension.name)) % 2:
            order = np.random.default_rng([seed, _number(dimension)]).permutation(len(dimension.names))
            if time // 2 < len(order):
                return tuple(float(place == order[time // 2]) for place in range(len(order)))
        return dimension.decode(row[space.columns[dimension.name]])

    return [space.walk(lambda d, row=row: value(d, row)) for row in sobol.cube(space.width, n, seed=seed)]  # type: ignore[misc]


def _turns(choice: Choice, cycle: int, seed: int) -> list[Any]:
    """The options of a choice in the order of one cycle."""
    rng = np.random.default_rng([seed, _number(choice), cycle])
    rounds = {option: _points(choice.spaces.get(option, ())) for option in choice.options}
    turns: list[Any] = []
    for number in range(max(rounds.values())):
        left = [option for option in choice.options if rounds[option] > number]
        turns += [left[place] for place in rng.permutation(len(left))]
    return turns


def _cycle(choice: Choice) -> int:
    """How often a choice must be made until all below it was there."""
    return sum(_points(choice.spaces.get(option, ())) for option in choice.options)


def _points(nodes: Sequence[Node]) -> int:
    """How many points cover ``nodes``: as many as the choice among them that takes the most."""
    return max((_cycle(node) for node in nodes if isinstance(node, Choice)), default=1)


def _number(dimension: Dimension) -> int:
    return zlib.crc32(dimension.name.encode())
