"""Neighbouring rows of a population that take their steps together, up to the boundary, before the next rows do.

Everything that depends on who the rows are is prepared once; a step is a function of tensors alone, so that it
can be captured or compiled as a whole, and reads nothing back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from trainers.order import keys, order
from trainers.params import component
from trainers.rung import Task

EPSILON = 1e-6  # of torch.nn.utils.clip_grad_norm_


@dataclass(frozen=True)
class Slice:
    """Neighbouring rows with one optimizer: its module, their places, their hyperparameters (rows, 1)."""

    optimizer: ModuleType
    rows: slice
    columns: dict[str, Tensor]


class Chunk:
    """Rows `parameters` (k, p) and `slots` (slots, k, p), changed in place; `tasks` in the same order, sorted by kind.

    `steps` is the length of a whole training, for schedules. `wrap` makes a step of the same effect, such as a
    captured one; see `trainers.engines.graph.captured`. What differs between chunks of the same kinds of rows is in
    `columns`, in the order in which `prepare` asked for them.
    """

    def __init__(
        self, model, gradients, loss, tasks: list[Task], *,
        parameters: Tensor, slots: Tensor, data: dict[str, Tensor], batch: int, steps: int | None,
        wrap: Callable | None = None,
    ):  # fmt: skip
        self.layout, self.data, self.batch, self.steps, self.wrap = model.layout, data, batch, steps, wrap
        self.parameters, self.slots = parameters, slots
        self.ages = parameters.new_zeros(len(tasks), 1, dtype=torch.float64)
        self.total = parameters.new_zeros(len(tasks))
        self.tasks, self.wrapped, self.columns = tasks, {}, []
        self.draws = "dropout" in tasks[0].params or model.drops
        self.gradients = lambda column: gradients(model, partial(loss, column=column), tasks)
        self.prepare(self.column)

    def prepare(self, column: Callable[[list[float]], Tensor]) -> None:
        """Everything that depends on who the rows are; their numbers come from `column` alone."""
        self.slices = list(slices(self.tasks, column))
        params = [task.params for task in self.tasks]
        limits = [each.get("clip_norm") for each in params]
        clipped = any(limit is not None for limit in limits)
        self.limits = column([np.inf if limit is None else limit for limit in limits]) if clipped else None
        self.shares = column([each["dropout"] for each in params])[:, 0] if "dropout" in params[0] else None
        self.compute = self.gradients(column)

    def column(self, values: list[float]) -> Tensor:
        """Column (k, 1) of the rows' type."""
        made = torch.tensor(values, dtype=self.parameters.dtype, device=self.parameters.device)[:, None]
        self.columns.append(made)
        return made

    def advance(self, tasks: list[Task], steps: int) -> Tensor:
        """Take `steps` steps; flags (k,): the parameters and every loss on the way were finite."""
        self.ages.copy_(torch.tensor([[float(task.step)] for task in tasks], dtype=torch.float64))
        self.total.zero_()
        table = {name: tensor.to(self.parameters.device) for name, tensor in self._table(tasks, steps).items()}
        step = self.step
        if self.wrap:
            shapes = tuple((name, tensor.shape[1:]) for name, tensor in table.items())
            if shapes not in self.wrapped:
                state = [self.parameters, self.slots, self.ages, self.total]
                self.wrapped[shapes] = self.wrap(self.step, state, {name: each[0] for name, each in table.items()})
            step = self.wrapped[shapes]
        for i in range(steps):
            step({name: tensor[i] for name, tensor in table.items()})
        # the sum of the losses is finite only if every one was: one flag for the whole way
        return self.parameters.isfinite().all(1) & self.total.isfinite()

    def step(self, given: dict[str, Tensor]) -> None:
        """One step of every row, by one line of the table."""
        losses, gradient = self.compute(self.parameters, self.examples(given))
        self.total += losses
        self.ages += 1
        if self.limits is not None:
            gradient *= (self.limits / (gradient.norm(dim=1, keepdim=True) + EPSILON)).clamp(max=1.0)
        for part in self.slices:
            rows = part.rows
            slots = {name: self.slots[j, rows] for j, name in enumerate(part.optimizer.SLOTS)}
            columns = {"age": self.ages[rows], "learning_rate": given["rates"][rows], **part.columns}
            part.optimizer.update(self.parameters[rows], gradient[rows], slots, layers=self.layout, **columns)

    def examples(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """The batch of a step, (1 or k, b, ...)."""
        index = given["index"] if given["index"].dim() == 2 else given["index"][None]
        batch = {name: tensor[index] for name, tensor in self.data.items()}
        if self.draws:
            batch["keys"] = given["keys"]
            batch |= {} if self.shares is None else {"shares": self.shares}
        return batch

    def _table(self, tasks: list[Task], steps: int) -> dict[str, Tensor]:
        """What changes from step to step: index (steps, b) if all rows read the same, else (steps, k, b); and more."""
        streams = [(task.seed, task.step) for task in tasks]
        n = len(self.data["inputs"])
        found = {each: order(*each, steps, n=n, batch=self.batch) for each in set(streams)}
        index = found[streams[0]] if len(found) == 1 else np.stack([found[each] for each in streams], 1)
        table = {"index": torch.from_numpy(index), "rates": self._rates(tasks, steps)}
        if self.draws:
            table["keys"] = torch.from_numpy(np.stack([keys(*each, steps) for each in streams], 1))
        return table

    def _rates(self, tasks: list[Task], steps: int) -> Tensor:
        """Learning rates (steps, k, 1): each row's own times the factor of its schedule."""
        full = torch.tensor([task.params["learning_rate"] for task in tasks], dtype=torch.float64)
        rates, start = full.repeat(steps, 1), 0
        for name, group in groupby(tasks, key=lambda task: task.params.get("schedule", {}).get("name")):
            group = list(group)
            rows = slice(start, start := start + len(group))
            if name is None:
                continue
            if self.steps is None:
                raise ValueError(f"schedule {name}: expected a population that knows its steps, got steps = None")
            modules, owns = zip(*[component("schedule", task.params["schedule"]) for task in group], strict=True)
            done = torch.tensor([task.step for task in group]) + torch.arange(steps)[:, None]
            columns = {key: torch.tensor([own[key] for own in owns], dtype=torch.float64) for key in owns[0]}
            columns = {key: values.repeat(steps)[:, None] for key, values in columns.items()}
            progress = (done.double() / self.steps).flatten()[:, None]
            rates[:, rows] *= modules[0].factor(progress, **columns).view(steps, -1)
        return rates.to(self.parameters.dtype)[..., None]


def slices(tasks: list[Task], column):
    """The rows of each optimizer, with what stays the same for all steps."""
    start = 0
    for _, group in groupby(tasks, key=lambda task: task.params["optimizer"]["name"]):
        group = list(group)
        modules, owns = zip(*[component("optimizer", task.params["optimizer"]) for task in group], strict=True)
        columns = {name: column([own[name] for own in owns]) for name in owns[0]}
        columns["weight_decay"] = column([task.params["weight_decay"] for task in group])
        yield Slice(modules[0], slice(start, start + len(group)), columns)
        start += len(group)
