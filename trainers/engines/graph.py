"""The stacked engine with the whole step captured as a CUDA graph: the host issues one launch a step.

A graph holds addresses, not references. So everything that it reads or writes is kept alive here, what changes
from step to step is copied into tensors at fixed places, and the ages of the rows live on the device. A graph
belongs to one arrangement of rows: when rows leave or come, the next step is captured anew.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from trainers.engines import stacked

WARM_UP = 3  # steps before a capture: kernels get chosen and their workspaces made


def gradients(model, loss, tasks):
    if not torch.cuda.is_available():
        raise RuntimeError("engine 'graph': expected a CUDA device, got none. Use 'stacked' or 'auto'.")
    return stacked.gradients(model, loss, tasks)


def captured(step: Callable, state: list[Tensor], given: dict[str, Tensor]) -> Callable:
    """The same as `step(given)`, which changes nothing but `state`, in place, for `given` of the same shapes."""
    if not all(tensor.is_cuda for tensor in state):
        raise RuntimeError("engine 'graph': expected the population on a CUDA device, got one on the CPU.")
    fixed = {name: tensor.clone() for name, tensor in given.items()}
    kept = [tensor.clone() for tensor in state]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            step(fixed)
        for tensor, before in zip(state, kept, strict=True):
            tensor.copy_(before)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):  # records, and does not run
        step(fixed)

    def replay(given: dict[str, Tensor], *, held=(step, state)) -> None:  # held as long as the graph lives
        for name, tensor in given.items():
            fixed[name].copy_(tensor)
        graph.replay()

    return replay
