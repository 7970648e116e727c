"""The whole step of a chunk compiled: gradients, clipping and every optimizer in one program.

The step is recorded once as operations on tensors and handed to torch.compile. That takes ten seconds and more
of a core for every arrangement of rows, so it is for long trainings of rows that stay together. What is
compiled rounds differently, so it is never chosen by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx


def compiled(step: Callable, state: list[Tensor], given: dict[str, Tensor]) -> Callable:
    """The same as `step(given)`, which changes nothing but `state`, in place, for `given` of the same shapes."""
    chunk, names = step.__self__, list(given)

    def pure(*tensors: Tensor) -> tuple[()]:
        held = chunk.parameters, chunk.slots, chunk.ages, chunk.total
        chunk.parameters, chunk.slots, chunk.ages, chunk.total = tensors[: len(state)]
        try:
            chunk.step(dict(zip(names, tensors[len(state) :], strict=True)))
        finally:
            chunk.parameters, chunk.slots, chunk.ages, chunk.total = held
        return ()

    examples = [tensor.clone() for tensor in [*state, *given.values()]]
    recorded = make_fx(pure)(*examples)
    program = torch.compile(recorded, dynamic=False, fullgraph=True)

    def run(given: dict[str, Tensor]) -> None:
        with torch.no_grad():
            program(*state, *(given[name] for name in names))

    return run
