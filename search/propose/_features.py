"""What a model sees of params: one-hot choices, weights as they are, numbers in their unit interval.

An inactive dimension is constant: a number in the middle of its range, weights even, a choice without any option.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.space import Choice, Dimension, Fixed, Node, Params, Simplex, Space


@dataclass(frozen=True)
class Layout:
    """Where the dimensions of a space are among the features (f,)."""

    space: Space

    @cached_property
    def places(self) -> dict[str, slice]:
        places, start = {}, 0
        for dimension in self.space.dimensions:
            places[dimension.name] = slice(start, start + _size(dimension))
            start += _size(dimension)
        return places

    @cached_property
    def blocks(self) -> list[slice]:
        return list(self.places.values())

    @cached_property
    def switches(self) -> dict[str, list[int]]:
        """The columns of the options under which a dimension exists; none for one that always does."""
        found: dict[str, list[int]] = {}

        def visit(nodes: Sequence[Node], under: list[int]) -> None:
            for node in nodes:
                if isinstance(node, Fixed):
                    continue
                found[node.name] = [*found.get(node.name, []), *under]
                if isinstance(node, Choice):
                    for index, option in enumerate(node.options):
                        inner = [self.places[node.name].start + index] if node.width else under
                        visit(node.spaces.get(option, ()), inner)

        visit(self.space.nodes, [])
        return found

    def __call__(self, several: Sequence[Params]) -> Tensor:
        """c params -> (c, f)."""
        return torch.from_numpy(np.array([self._features(params) for params in several]))

    def key(self, params: Params) -> tuple[float, ...]:
        """As `Space.key`."""
        return self.space.rounded(self._features(params))

    def _features(self, params: Params) -> NDArray[np.float64]:
        """Made once of each dictionary, which nobody changes while it is a proposer's."""
        if id(params) not in self._made:
            self._made[id(params)] = params, self.space.features(params)
        return self._made[id(params)][1]

    @cached_property
    def _made(self) -> dict[int, tuple[Params, NDArray[np.float64]]]:
        """By identity, which is no other's as long as the dictionary is kept here."""
        return {}


def _size(dimension: Dimension) -> int:
    if isinstance(dimension, Choice):
        return len(dimension.options)
    return len(dimension.names) if isinstance(dimension, Simplex) else 1
