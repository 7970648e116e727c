"""K short trials advance together: row = trial; (k, p) parameters, (k, p) slots, (k, 1) columns.

Rows are kept sorted by kind, so that each optimizer works on a contiguous slice. Each row has its own age
and its own data order, and nothing in a step mixes rows, so a row's result does not depend on its company,
not even in the last bit. Dropping, refilling and saving are copies of rows. Between two boundaries nothing
is read back from the device.
"""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from trainers.order import order
from trainers.params import component
from trainers.rung import Task


def kind(task: Task) -> tuple[str, ...]:
    """What rows of one slice share: the names of the optimizer, then of every other component."""
    named = {key: value["name"] for key, value in task.params.items() if "name" in _keys(value)}
    return (named.pop("optimizer"), *(named[key] for key in sorted(named)))


def _keys(value) -> tuple:
    return tuple(value) if isinstance(value, dict) else ()


@dataclass(frozen=True)
class Slice:
    """Neighbouring rows with one optimizer: its module, their places, their hyperparameters (rows, 1)."""

    optimizer: ModuleType
    rows: slice
    columns: dict[str, Tensor]


class Population:
    """`data` are the training examples, named tensors with n in front, one of them "inputs" (n, d).

    `loss(tasks, column=)` prepares logits (k, b, c), batch -> losses (k,); `column` makes (k, 1) of k values.
    Inputs (n, v, d) are v views of an example; their logits follow each other: (k, b * v, c). Every fresh row
    starts from `initial` (p,), which also gives all rows their type and device.
    """

    def __init__(self, model, loss, data: dict[str, Tensor], *, initial: Tensor, batch: int, engine: str):
        self.model, self.data, self.batch = model, data, batch
        self.loss = partial(loss, column=self.column)
        self.gradients = importlib.import_module(f"trainers.engines.{engine}").gradients
        self.initial = initial
        self.tasks: list[Task] = []  # row i's task, with its present step
        self.seconds: list[float] = []
        self.finite: list[bool] = []
        self.parameters = initial.new_zeros(0, len(initial))
        # (slots, k, p), slots by position: optimizers differ in their names
        self.slots = initial.new_zeros(0, 0, len(initial))

    def admit(self, tasks: list[Task]) -> None:
        """Add a row a task: fresh from `initial` with zero slots at age 0, or from its state at its step."""
        if not tasks:
            return
        needed = [len(component("optimizer", task.params["optimizer"])[0].SLOTS) for task in tasks]
        depth, held, k = max(len(self.slots), *needed), len(self.slots), len(self.tasks)
        slots = self.initial.new_zeros(depth, k + len(tasks), len(self.initial))
        slots[:held, :k] = self.slots
        rows = self.initial.repeat(len(tasks), 1)
        for i, task in enumerate(tasks):
            if task.state is not None:
                rows[i] = task.state["parameters"]
                # a state is as deep as its old company needed: beyond its own depth nothing was ever written
                slots[: needed[i], k + i] = task.state["slots"][: needed[i]].to(slots)
        self.parameters, self.slots = torch.cat([self.parameters, rows]), slots
        self.seconds += [float(task.state["seconds"]) if task.state else 0.0 for task in tasks]
        self.finite += [True] * len(tasks)
        self.tasks += [replace(task, state=None) for task in tasks]
        self._arrange(sorted(range(len(self.tasks)), key=lambda i: kind(self.tasks[i])))

    def drop(self, keep: list[bool]) -> None:
        """Remove the rows whose `keep` is False."""
        if not all(keep):
            self._arrange([i for i, kept in enumerate(keep) if kept])

    def _arrange(self, places: list[int]) -> None:
        """Take these rows in this order, and prepare what depends on the composition only."""
        index = torch.tensor(places, dtype=torch.int64, device=self.parameters.device)
        self.parameters, self.slots = self.parameters[index], self.slots[:, index]
        self.tasks, self.seconds, self.finite = (
            [values[i] for i in places] for values in (self.tasks, self.seconds, self.finite)
        )
        self.slices, start = [], 0
        for _, group in groupby(self.tasks, key=lambda task: kind(task)[0]):
            group = list(group)
            optimizer, _ = component("optimizer", group[0].params["optimizer"])
            owns = [component("optimizer", task.params["optimizer"])[1] for task in group]
            columns = {name: self.column([own[name] for own in owns]) for name in owns[0]}
            for name in ("learning_rate", "weight_decay"):
                columns[name] = self.column([task.params[name] for task in group])
            self.slices.append(Slice(optimizer, slice(start, start + len(group)), columns))
            start += len(group)
        self.compute = self.gradients(self.model, self.loss, self.tasks) if places else None

    def column(self, values: list[float]) -> Tensor:
        """Column (k, 1) of the population's type."""
        return torch.tensor(values, dtype=self.initial.dtype, device=self.initial.device)[:, None]

    def advance(self, steps: int) -> None:
        """Take `steps` steps with every row; afterwards `finite` and `seconds` are up to date."""
        began = time.perf_counter()
        index = torch.from_numpy(self._orders(steps)).to(self.initial.device)
        ages = self.column([task.step for task in self.tasks]).double()
        total = self.initial.new_zeros(len(self.tasks))
        for i in range(steps):
            losses, gradient = self.compute(self.parameters, self._batch(index[i]))
            total += losses
            ages += 1
            for part in self.slices:
                rows = part.rows
                slots = {name: self.slots[j, rows] for j, name in enumerate(part.optimizer.SLOTS)}
                own = {"age": ages[rows], "layers": self.model.layout, **part.columns}
                part.optimizer.update(self.parameters[rows], gradient[rows], slots, **own)
        # the sum of the losses is finite only if every one was: one flag for the whole way
        self.finite = (self.parameters.isfinite().all(1) & total.isfinite()).tolist()
        share = (time.perf_counter() - began) / len(self.tasks)
        self.seconds = [seconds + share for seconds in self.seconds]
        self.tasks = [replace(task, step=task.step + steps) for task in self.tasks]

    def _orders(self, steps: int) -> np.ndarray:
        """Indices (steps, b) when all rows read the same examples, else (steps, k, b)."""
        n = len(self.data["inputs"])
        streams = [(task.seed, task.step) for task in self.tasks]
        found = {each: order(*each, steps, n=n, batch=self.batch) for each in set(streams)}
        return found[streams[0]] if len(found) == 1 else np.stack([found[each] for each in streams], 1)

    def _batch(self, index: Tensor) -> dict[str, Tensor]:
        batch = {name: tensor[index] for name, tensor in self.data.items()}
        if self.data["inputs"].dim() == 3:
            batch["inputs"] = batch["inputs"].flatten(-3, -2)  # the views of an example follow each other
        return batch

    def export(self, row: int) -> dict[str, Tensor]:
        """State dict of one row, for `model.module()`."""
        return self.model.state(self.parameters[row])

    def checkpoint(self) -> dict[str, Tensor]:
        """Parameters (k, p), slots (k, slots, p), seconds (k,): with the step, all that a row needs."""
        slots, seconds = self.slots.transpose(0, 1).clone(), torch.tensor(self.seconds, dtype=torch.float64)
        return {"parameters": self.parameters.clone(), "slots": slots, "seconds": seconds}


@torch.no_grad()
def logits(model, rows: Tensor, inputs: Tensor) -> Tensor:
    """Logits (k, n, c) of rows (k, p) for inputs (n, d)."""
    return model.forward(model.leaves(rows), inputs)
