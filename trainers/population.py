"""K short trials advance together: row = trial; (k, p) parameters, (k, p) slots, (k, 1) columns.

Rows are kept sorted by kind, so that each optimizer works on a contiguous slice. Each row has its own age
and its own data order, and nothing in a step mixes rows, so a row's result does not depend on its company,
not even in the last bit. Dropping, refilling and saving are copies of rows. Between two boundaries nothing
is read back from the device.

Rows advance in chunks: some of them take all steps up to the boundary before the next ones do, so that what
they touch stays in the cache, and fits the memory. A chunk that runs out of memory goes back to the boundary
and goes on in halves; a row that does not fit alone is a failure of its own.
"""

from __future__ import annotations

import gc
import importlib
import logging
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from trainers import memory
from trainers.bucket import Bucket, padded
from trainers.chunk import Chunk
from trainers.engines import auto, graph
from trainers.engines._compiled import compiled
from trainers.params import component
from trainers.rung import Task, cause

logger = logging.getLogger(__name__)


def kind(task: Task) -> tuple[str, ...]:
    """What rows of one slice share: the names of the optimizer, then of every other component."""
    named = {key: value["name"] for key, value in task.params.items() if "name" in _keys(value)}
    return (named.pop("optimizer"), *(named[key] for key in sorted(named)))


def _keys(value) -> tuple:
    return tuple(value) if isinstance(value, dict) else ()


class Population:
    """`data` are the training examples, named tensors with n in front, one of them "inputs", the model's.

    `model` is a `Stack`. `loss(tasks, column=)` prepares outputs (k, b, ...), batch -> losses (k,), where a batch
    has 1 or k rows in front; `column` makes (k, 1) of k values. Every fresh row starts from `initial` (p,), which
    also gives all rows their type and device. `engine` is a file of `trainers.engines`; its choice is kept in
    `cache` if it is "auto", for a population of up to `capacity` rows. `chunk`: how many rows advance together; None
    measures what is good. `steps`: of a whole training, for schedules. `compile`: the whole step into one program,
    which takes ten seconds and more for every number of rows of a kind, up to the next power of two, and rounds
    differently.
    """

    def __init__(
        self, model, loss, data: dict[str, Tensor], *, initial: Tensor, batch: int, engine: str,
        chunk: int | None = None, steps: int | None = None, capacity: int | None = None, cache: Path | None = None,
        compile: bool = False,
    ):  # fmt: skip
        self.model, self.data, self.batch = model.to(initial), data, batch
        self.loss = partial(loss, column=self.column)
        self.engine, self.cache, self.compile = engine, cache, compile
        self.initial, self.chunk, self.steps, self.capacity = initial, chunk, steps, capacity
        self.tasks: list[Task] = []  # row i's task, with its present step
        self.seconds: list[float] = []
        self.finite: list[bool] = []
        self.failures: list[tuple[str, str] | None] = []
        self.parameters = initial.new_zeros(0, len(initial))
        # (slots, k, p), slots by position: optimizers differ in their names
        self.slots = initial.new_zeros(0, 0, len(initial))
        self.chunks: dict[tuple[int, int], Chunk | Bucket] = {}
        self.programs: dict = {}  # what is compiled so far
        self.unmeasured = False
        if not initial.is_cuda:
            memory.keep()

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
        self.failures += [None] * len(tasks)
        self.tasks += [replace(task, state=None) for task in tasks]
        self._arrange(sorted(range(len(self.tasks)), key=lambda i: kind(self.tasks[i])))

    def drop(self, keep: list[bool]) -> None:
        """Remove the rows whose `keep` is False."""
        if not all(keep):
            self._arrange([i for i, kept in enumerate(keep) if kept])

    def _arrange(self, places: list[int]) -> None:
        """Take these rows in this order."""
        index = torch.tensor(places, dtype=torch.int64, device=self.parameters.device)
        self.parameters, self.slots = self.parameters[index], self.slots[:, index]
        self.tasks, self.seconds, self.finite, self.failures = (
            [values[i] for i in places] for values in (self.tasks, self.seconds, self.finite, self.failures)
        )
        self.chunks = {}

    def column(self, values: list[float]) -> Tensor:
        """Column (k, 1) of the population's type."""
        return torch.tensor(values, dtype=self.initial.dtype, device=self.initial.device)[:, None]

    def advance(self, steps: int) -> None:
        """Take `steps` steps with every row; afterwards `finite`, `failures` and `seconds` are up to date."""
        began, start, flags = time.perf_counter(), 0, []
        before = memory.used(self.initial.device)
        while start < len(self.tasks):
            rows = slice(start, min(start + self._size(), len(self.tasks)))
            found, error = self._attempt(rows, steps)
            if error is None:
                flags.append(found)
                start = rows.stop
                continue
            gc.collect()
            if self.initial.is_cuda:
                torch.cuda.empty_cache()
            self.chunks, size = {}, rows.stop - rows.start
            if size > 1:
                self.chunk = size // 2
                logger.warning("%d rows ran out of memory; they go on %d at a time", size, self.chunk)
            else:
                self.failures[start] = ("out_of_memory", error)
                flags.append(self.parameters.new_ones(1, dtype=torch.bool))
                start += 1
        self._measure(before)
        self.finite = torch.cat(flags).tolist()
        share = (time.perf_counter() - began) / len(self.tasks)
        self.seconds = [seconds + share for seconds in self.seconds]
        went = [0 if failure else steps for failure in self.failures]
        self.tasks = [replace(task, step=task.step + each) for task, each in zip(self.tasks, went, strict=True)]

    def _attempt(self, rows: slice, steps: int) -> tuple[Tensor | None, str | None]:
        """Flags of these rows after `steps` steps; or what was said when memory ran out, the rows as they were."""
        parameters, slots = self.parameters[rows], self.slots[:, rows]
        kept = None
        try:
            kept = parameters.clone(), slots.clone()
            return self._chunk(rows).advance(self.tasks[rows], steps), None
        except Exception as error:
            if cause(error) != "out_of_memory":
                raise
            said = f"{type(error).__name__}: {error}"
        if kept is not None:
            parameters.copy_(kept[0])
            slots.copy_(kept[1])
        return None, said

    def _chunk(self, rows: slice) -> Chunk | Bucket:
        """The chunk of these rows, prepared once an arrangement."""
        place = (rows.start, rows.stop)
        if place not in self.chunks:
            if self.engine == "auto":
                self.engine = auto.choose(self, rows)
            if self.compile and self.engine in ("stacked", "vmap"):
                self.chunks[place] = self.bucket(self._gradients(), rows)
            else:
                wrap = graph.captured if self.engine == "graph" else None
                self.chunks[place] = self.prepared(self._gradients(), rows, wrap=wrap)
        return self.chunks[place]

    def bucket(self, gradients, rows: slice) -> Bucket:
        """The rows ready to advance by a compiled step."""
        kinds = [kind(task) for task in self.tasks[rows]]
        spread = tuple(kinds[i] for i in padded(kinds)[0])
        wrap = partial(compiled, programs=self.programs, kinds=spread)
        make = partial(self._made, gradients, wrap=wrap)
        return Bucket(make, self.tasks[rows], kinds, self.parameters[rows], self.slots[:, rows])

    def _gradients(self):
        return importlib.import_module(f"trainers.engines.{self.engine}").gradients

    def prepared(self, gradients, rows: slice, *, wrap=None, copies: bool = False) -> Chunk:
        """The rows ready to advance with an engine; as `copies` they leave the population as it is."""
        parameters, slots = self.parameters[rows], self.slots[:, rows]
        if copies:
            parameters, slots = parameters.clone(), slots.clone()
        return self._made(gradients, self.tasks[rows], parameters, slots, wrap=wrap)

    def _made(self, gradients, tasks: list[Task], parameters: Tensor, slots: Tensor, *, wrap) -> Chunk:
        return Chunk(
            self.model, gradients, self.loss, tasks, parameters=parameters, slots=slots,
            data=self.data, batch=self.batch, steps=self.steps, wrap=wrap,
        )  # fmt: skip

    def _size(self) -> int:
        """How many rows advance together: as given, or as many as the cache and the memory are good for."""
        if self.chunk is None:
            one = self.prepared(self._gradients(), slice(0, 1), copies=True)
            bytes_per_row = memory.saved(lambda: one.advance(self.tasks[:1], 1))
            # parameters, gradient and its parts, slots, and what an update writes on the way
            bytes_per_row += (4 + len(self.slots)) * self.initial.nbytes
            self.chunk = memory.rows(bytes_per_row, memory.available(self.initial.device), self.initial.device)
            self.unmeasured = True
        return self.chunk

    def _measure(self, before: int) -> None:
        """After the first steps it is known what rows really need: fewer go together if that is too much."""
        if self.unmeasured:
            self.unmeasured, device = False, self.initial.device
            bytes_per_row = max(1, (memory.used(device) - before) // min(self.chunk, len(self.tasks)))
            self.chunk = min(self.chunk, max(1, memory.available(device) // bytes_per_row))

    def export(self, row: int) -> dict[str, Tensor]:
        """State dict of one row, for `model.module()`."""
        return self.model.state(self.parameters[row])

    def checkpoint(self) -> dict[str, Tensor]:
        """Parameters (k, p), slots (k, slots, p), seconds (k,): with the step, all that a row needs."""
        slots, seconds = self.slots.transpose(0, 1).clone(), torch.tensor(self.seconds, dtype=torch.float64)
        return {"parameters": self.parameters.clone(), "slots": slots, "seconds": seconds}


@torch.no_grad()
def logits(model, rows: Tensor, inputs: Tensor) -> Tensor:
    """Outputs (k, n, ...) of rows (k, p) for inputs (n, ...), in pieces that fit the cache."""
    model = model.to(rows)
    numbers = memory.CACHE_BYTES // rows.element_size() // model.width(inputs)
    # how examples are cut does not depend on k, so neither do a row's bits
    examples = len(inputs) if model.mixes else max(1, min(len(inputs), numbers))
    size = max(1, numbers // examples)
    return torch.cat(
        [
            torch.cat([model.forward(model.leaves(part), piece[None]) for piece in inputs.split(examples)], 1)
            for part in rows.split(size)
        ]
    )
