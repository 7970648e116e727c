"""Where populations run when not in this process: one coordinator proposes and writes, workers train.

A worker is a process that joblib places: a loky process of its own for every slot, with its device chosen
before torch is imported and one thread, or a task on a dask cluster. It connects back, gets tasks, trains them
as a population, and asks at every rung what to do. To the loop all populations together are one: where
trials are stacked, a rung is complete when every worker has reached it, so a study makes the same trials
with any number of workers; trials of a user's own code are seen one by one as they come.

A worker that is lost (killed, its machine gone) is replaced, and its trials go on from their last rung as if
nothing had happened. Trials that were lost twice go on alone, to find the one that kills its worker: after
the third time it fails, as interrupted. Nothing is ever raised out of a worker.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from search.clock import ELSEWHERE, Clock
from search.errors import WorkerError
from search.placement import Dask, Door, Loky, own_address
from search.run import Report, joint
from search.study import Study
from search.trial import Failure
from search.worker import receive, send
from trainers.rung import Decision, Task

LOST = 3  # so often a trial may be lost with its process
GRACE = 20.0  # seconds beyond the limit of its trials in which a worker should have said something
START = 180.0  # seconds that a worker may need to start


@dataclass(frozen=True, kw_only=True)
class Crew:
    """How many workers, and where. ``devices``: dealt over the workers; ``dask``: the address of a scheduler."""

    workers: int
    devices: tuple[str, ...] = ()
    dask: str | None = None


@dataclass
class _Worker:
    slot: int
    device: str
    connection: Connection | None = None
    pid: int = 0
    place: str = ""
    tasks: dict[int, Task] = field(default_factory=dict)  # what it trains, each as it was at its last rung
    report: Report | None = None
    since: float = 0.0  # when it began to train, or to start
    busy: tuple[float, float] = (0.0, 0.0)  # seconds trained, seconds waited for something to do


@dataclass(frozen=True)
class _Part:
    """What is known of some rows at a rung. ``worker``: who waits for an answer, if anyone does."""

    report: Report
    tasks: Mapping[int, Task]
    worker: _Worker | None = None


class _Vanished(Exception):
    """A worker was lost between its report and the answer."""

    def __init__(self, worker: _Worker) -> None:
        super().__init__(worker.slot)
        self.worker = worker


class Workers:
    """Trains like ``Runner``, elsewhere. Use as a context manager."""

    def __init__(self, study: Study, crew: Crew, *, cache: Path, folder: Path, clock: Clock) -> None:
        self.study, self.crew, self.clock = study, crew, clock
        self.options = {"cache": str(cache.resolve()), "folder": str(folder.resolve())}
        self.stacked = study.stacked
        self.capacity = study.capacity if self.stacked else crew.workers
        self.limit = (study.table.run.trial_minutes or 0.0) * 60.0
        devices = crew.devices or (study.table.run.device,)
        self.workers = [_Worker(slot, devices[slot % len(devices)]) for slot in range(crew.workers)]
        self._losses: dict[int, int] = {}  # trial number -> how often it was lost since its last rung
        self._waiting: list[Task] = []
        self._alone: list[Task] = []
        self._parts: list[_Part] = []

    def __enter__(self) -> "Workers":
        self._door = Door(own_address(self.crew.dask) if self.crew.dask else "127.0.0.1", len(self.workers))
        if self.crew.dask:
            self._placement: Loky | Dask = Dask(self._arguments, len(self.workers), self.crew.dask)
        else:
            self._placement = Loky(self._arguments, [worker.device for worker in self.workers])
        for worker in self.workers:
            self._start(worker)
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            with contextlib.suppress(OSError):
                if worker.connection:
                    send(worker.connection, None)
                    worker.connection.close()
        self._door.close()
        self._placement.end()
        for i, name in enumerate(ELSEWHERE):
            self.clock.add(name, sum(worker.busy[i] for worker in self.workers))

    def train(self, tasks: Sequence[Task], at_rung: Callable[[Report], Decision]) -> None:
        """Train until no trial is left; ``at_rung`` is told of every rung. What it raises passes through."""
        with self.clock.part("training"):
            self._deal(tasks)
            while self._waiting or self._alone or any(worker.tasks for worker in self.workers):
                parts = self._gather()
                together = joint([part.report for part in parts])
                try:
                    decision = at_rung(together)  # it stores nothing before it has asked for all it needs
                except _Vanished as gone:
                    self._parts = [part for part in parts if not part.worker]
                    self._lost(gone.worker)
                    continue
                states = together.checkpoint() if together.checkpoint and any(decision.keep) else {}
                self._reply(parts, together, decision, states)

    def _gather(self) -> list[_Part]:
        """A rung of all rows where trials are stacked, otherwise of the first worker that reports."""
        while True:
            self._look()
            self._deal([])
            reported = [worker for worker in self.workers if worker.report]
            awaited = [worker for worker in self.workers if worker.tasks and not worker.report]
            complete = not (awaited or self._alone or self._waiting) or not self.stacked
            if complete and (reported or self._parts):
                parts, self._parts = self._parts, []
                return parts + [_Part(w.report, w.tasks, w) for w in reported if w.report]

    def _look(self) -> None:
        """Take what has come: connections, reports, and the news that a worker is gone or late."""
        while not self._door.arrivals.empty():
            self._arrived(*self._door.arrivals.get())
        listening = {w.connection: w for w in self.workers if w.connection and not w.report}
        if not listening:
            time.sleep(0.01)
        for connection in wait(list(listening), 0.05) if listening else ():
            worker = listening[connection]  # type: ignore[index]
            try:
                self._told(worker, receive(connection))  # type: ignore[arg-type]
            except (EOFError, OSError, _Vanished):
                self._lost(worker)
        for worker in self.workers:
            self._check_time(worker)

    def _arrived(self, hello: Mapping[str, Any], connection: Connection) -> None:
        worker = self.workers[hello["slot"]]
        if worker.connection:  # a cluster has begun its task again: the old one is gone
            self._lost(worker, restart=False)
        worker.connection, worker.pid = connection, hello["pid"]
        worker.place = f"{hello['host']}, process {hello['pid']}, {hello['device']}"
        if worker.tasks:
            self._begin(worker)

    def _told(self, worker: _Worker, message: Mapping[str, Any]) -> None:
        worker.busy = message["busy"]
        if message["failure"]:  # the trainer itself broke, and its trials with it
            self._parts.append(_failed(worker.tasks, Failure(**message["failure"]), worker.place))
            worker.tasks = {}
            return
        ask, offers = partial(_ask, worker), message["offers"]
        worker.report = Report(
            **message["report"], places=[worker.place] * len(message["report"]["numbers"]),
            report_values=partial(ask, "report_values"),
            weights=partial(ask, "weights") if "weights" in offers else None,
            checkpoint=cache(partial(ask, "checkpoint")) if "checkpoint" in offers else None,
            dear=partial(ask, "dear") if "dear" in offers else None,
        )  # fmt: skip
        if self.stacked and any(self._losses.get(number, 0) > 1 for number in worker.tasks):
            self._parts.append(_Part(_whole(worker.report), worker.tasks))  # it went alone: the worker is needed
            _answer(worker, Decision(keep=[False]))
            worker.tasks = {}

    def _lost(self, worker: _Worker, *, restart: bool = True, late: bool = False) -> None:
        """Begin its trials again from their last rung, on another worker; one that was lost too often has failed."""
        tasks, worker.tasks, worker.report, worker.connection = worker.tasks, {}, None, None
        if restart:
            self._start(worker)
        if late and len(tasks) == 1:
            failure = Failure(cause="timeout", message=f"no sign of life after {self.limit:g} s")
            self._parts.append(_failed(tasks, failure, worker.place))
            return
        for task in tasks.values():
            count = self._losses[task.number] = max(self._losses.get(task.number, 0) + 1, 2 if late else 0)
            if count >= LOST:
                message = f"its worker was lost {count} times while it was trained, at last alone"
                failure = Failure(cause="interrupted", message=message)
                self._parts.append(_failed({task.number: task}, failure, worker.place))
            elif count > 1 and self.stacked:
                self._alone.append(task)
            elif self.stacked:
                worker.tasks[task.number] = task  # it begins when the new process has connected
            else:
                self._waiting.insert(0, task)

    def _check_time(self, worker: _Worker) -> None:
        gone = time.monotonic() - worker.since
        if not worker.connection and worker.tasks and self._door.arrivals.empty():
            why = self._placement.ended(worker.slot)
            if why or gone > START:
                raise WorkerError(
                    f"worker {worker.slot}",
                    expected="a process that starts",
                    got=why or f"no sign of life in {START:g} s",
                )
        if self.limit and worker.connection and worker.tasks and not worker.report:
            if gone > self.limit * len(worker.tasks) + GRACE:
                self._placement.kill(worker.pid)
                worker.connection.close()
                self._lost(worker, late=True)

    def _reply(self, parts: Sequence[_Part], together: Report, decision: Decision, states: Mapping[str, Any]) -> None:
        """Tell every worker what the loop decided; rows without one, and new tasks, go to those with the fewest."""
        row, homeless, answers = 0, list(decision.admit), []
        for part in parts:
            kept = {}
            for number, step in zip(part.report.numbers, part.report.steps, strict=True):
                self._losses.pop(number, None)
                if decision.keep[row]:
                    state = {key: value[row] for key, value in states.items()} or None
                    kept[number] = replace(part.tasks[number], step=step, state=state)
                row += 1
            if part.worker:
                part.worker.tasks = kept
                answers.append((part.worker, [number in kept for number in part.report.numbers]))
            else:
                homeless += kept.values()
        self._waiting += homeless
        shares = self._shares()
        for worker, keep in answers:
            _answer(worker, Decision(keep=keep, admit=shares.pop(worker.slot, [])))
        for slot in shares:
            self._begin(self.workers[slot])

    def _deal(self, tasks: Sequence[Task]) -> None:
        """Give tasks to workers that have none."""
        self._waiting += tasks
        for worker in self.workers:
            if self._alone and not worker.tasks and worker.connection:
                task = self._alone.pop(0)
                worker.tasks = {task.number: task}
                self._begin(worker)
        if self._waiting and not any(worker.tasks for worker in self.workers if self.stacked):
            for slot in self._shares():
                self._begin(self.workers[slot])

    def _shares(self) -> dict[int, list[Task]]:
        """Slot -> what it gets of the tasks that wait; one worker has one trial at a time where they do not stack."""
        shares: dict[int, list[Task]] = {}
        while self._waiting:
            worker = min(self.workers, key=lambda each: (len(each.tasks), each.slot))
            if worker.tasks and not self.stacked:
                break
            task = self._waiting.pop(0)
            worker.tasks[task.number] = task
            shares.setdefault(worker.slot, []).append(task)
        return shares

    def _begin(self, worker: _Worker) -> None:
        worker.since = time.monotonic()
        if worker.connection:  # otherwise it begins when it has connected
            with contextlib.suppress(OSError):  # it is gone, which is seen at the next look
                send(worker.connection, list(worker.tasks.values()))

    def _start(self, worker: _Worker) -> None:
        worker.since = time.monotonic()
        self._placement.begin(worker.slot)

    def _arguments(self, slot: int) -> tuple[Any, ...]:
        device = self.workers[slot].device
        if device.startswith("cuda:") and not self.crew.dask:
            device = "cuda"  # its environment shows it this one only
        study = (self.study.table.model_dump(exclude_unset=True), self.study.file, self.study.folder)
        return self._door.address, self._door.key, slot, device, study, self.options, not self.crew.dask


def _ask(worker: _Worker, name: str, *row: Any) -> Any:
    """What a worker that waits for an answer has, besides what it said."""
    assert worker.connection
    try:
        send(worker.connection, (name, row))
        return receive(worker.connection)
    except (OSError, EOFError) as error:
        raise _Vanished(worker) from error


def _answer(worker: _Worker, decision: Decision) -> None:
    worker.report, worker.since = None, time.monotonic()
    with contextlib.suppress(OSError):  # it is gone, which is seen at the next look
        assert worker.connection
        send(worker.connection, decision)


def _whole(report: Report) -> Report:
    """The report with everything fetched, so that its worker can go on with something else."""
    rows = range(len(report.numbers))
    values = [report.report_values(row) for row in rows]
    weights = [report.weights(row) for row in rows] if report.weights else []
    states = report.checkpoint() if report.checkpoint else {}
    return replace(
        report, report_values=values.__getitem__, weights=weights.__getitem__ if weights else None,
        checkpoint=(lambda: states) if states else None,
    )  # fmt: skip


def _failed(tasks: Mapping[int, Task], failure: Failure, place: str) -> _Part:
    """All of these trials failed, for one reason."""
    steps = [task.step for task in tasks.values()]
    report = Report(
        numbers=list(tasks), steps=steps, seconds=[0.0 for _ in steps], values=[{} for _ in steps],
        failures=[replace(failure, step=step) for step in steps], places=[place for _ in steps],
        report_values=lambda row: {}, weights=None, checkpoint=None, base=None,
    )  # fmt: skip
    return _Part(report, tasks)
