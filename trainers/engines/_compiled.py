"""The whole step of a chunk compiled: gradients, clipping and every optimizer in one program.

The step is recorded once as operations on tensors and handed to torch.compile. That takes ten seconds and more
of a core for every arrangement of kinds of rows; the numbers of the rows are inputs, so chunks of the same kinds
share a program. What is compiled rounds differently, so it is never chosen by itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

# what is as small as a column is computed once: by default the powers of the ages go into the loop over (k, p).
# Measured, 64 rows of a small perceptron: 190 -> 121 us a row and step
OPTIONS = {"realize_reads_threshold": 2, "realize_opcount_threshold": 2}


def compiled(
    step: Callable, state: list[Tensor], given: dict[str, Tensor], *, programs: dict, kinds: tuple
) -> Callable:
    """The same as `step(given)`, which changes nothing but `state`, in place, for `given` of the same shapes.

    `programs` are those of one population so far; `kinds` tells its chunks apart, with the shapes.
    """
    chunk, names = step.__self__, list(given)
    fixed = [*state, *chunk.columns]
    key = (kinds, *[(tuple(tensor.shape), tensor.stride()) for tensor in fixed], *_shapes(given))
    if key not in programs:
        programs[key] = _program(chunk, state, given)
    program = programs[key]

    def run(given: dict[str, Tensor]) -> None:
        with torch.no_grad():
            program(*fixed, *(given[name] for name in names))

    return run


def _shapes(given: dict[str, Tensor]) -> list[tuple]:
    return [(name, tuple(tensor.shape)) for name, tensor in given.items()]


def _program(chunk, state: list[Tensor], given: dict[str, Tensor]) -> Callable:
    """(state, columns, given) -> nothing, of tensors alone."""
    held, names = len(state) + len(chunk.columns), list(given)

    def pure(*tensors: Tensor) -> tuple[()]:
        twin, columns = copy.copy(chunk), iter(tensors[len(state) : held])
        twin.parameters, twin.slots, twin.ages, twin.total = tensors[: len(state)]
        twin.prepare(lambda values: next(columns))
        twin.step(dict(zip(names, tensors[held:], strict=True)))
        return ()

    examples = [tensor.clone() for tensor in (*state, *chunk.columns, *given.values())]
    return torch.compile(make_fx(pure)(*examples), dynamic=False, fullgraph=True, options=OPTIONS)
