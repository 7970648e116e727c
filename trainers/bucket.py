"""Rows padded to a power of two, so that rows coming and leaving do not change the shape of a step.

What is compiled belongs to one arrangement of kinds and one number of rows of each. Here the rows of a kind are
followed by dead copies of the last one, up to the next power of two; what becomes of the copies is thrown away. Rows
do not mix, so the others do not notice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import groupby

import torch
from torch import Tensor

from trainers.chunk import Chunk
from trainers.rung import Task


def padded(kinds: list[Hashable]) -> tuple[list[int], list[int]]:
    """Of neighbours of the same kind: which row stands at each place, and the places of the rows themselves.

    >>> padded(["a", "a", "a", "b"])
    ([0, 1, 2, 2, 3], [0, 1, 2, 4])
    """
    rows, alive, start = [], [], 0
    for _, group in groupby(kinds):
        k = len(list(group))
        alive += range(len(rows), len(rows) + k)
        rows += [*range(start, start + k), *[start + k - 1] * ((1 << (k - 1).bit_length()) - k)]
        start += k
    return rows, alive


class Bucket:
    """As a `Chunk` to its population: advances `parameters` (k, p) and `slots` (slots, k, p) in place.

    `make(tasks, parameters, slots)` is the chunk of the padded rows.
    """

    def __init__(self, make: Callable[..., Chunk], tasks: list[Task], kinds: list, parameters: Tensor, slots: Tensor):
        self.rows, alive = padded(kinds)
        self.places = torch.tensor(self.rows, device=parameters.device)
        self.alive = torch.tensor(alive, device=parameters.device)
        self.parameters, self.slots = parameters, slots
        self.chunk = make(self._spread(tasks), parameters[self.places], slots[:, self.places])

    def _spread(self, tasks: list[Task]) -> list[Task]:
        return [tasks[row] for row in self.rows]

    def advance(self, tasks: list[Task], steps: int) -> Tensor:
        """Take `steps` steps; flags (k,), as `Chunk.advance`."""
        chunk = self.chunk
        chunk.parameters.copy_(self.parameters[self.places])
        chunk.slots.copy_(self.slots[:, self.places])
        finite = chunk.advance(self._spread(tasks), steps)
        self.parameters.copy_(chunk.parameters[self.alive])
        self.slots.copy_(chunk.slots[:, self.alive])
        return finite[self.alive]
