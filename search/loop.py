"""Propose, run, decide, store: the only place that closes the circle, and the only one that writes the store.

A launch is a state machine over the store's events. At a rung, in this order: the weights and checkpoints
that the event will name are on disk; the rung is committed; free places are filled by a batch that is
committed whole before any of it runs. So a process killed at any instant goes on from the
last event, and since proposals, stopping and training are functions of what is in the store, a resumed study
makes the same trials as one that was not interrupted.
"""

import contextlib
import math
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from search import amortise, ask, front
from search.ahead import Ahead
from search.clock import Clock
from search.errors import MergeError, SearchError
from search.files import Files, State
from search.heard import Heard
from search.judge import Judge
from search.merged import Merged
from search.run import Report, Runner
from search.space import Params
from search.store import Row, Store, told
from search.study import Study
from search.trial import Failure, Trial
from search.workers import LOST, Crew, Workers
from trainers.rung import Decision, Task, cause

HOPELESS = 8  # so many trials that all failed end a study

Observe = Callable[[Sequence[Trial]], None]


class Interrupted(BaseException):
    """The launch was asked to end, and everything up to this rung is stored."""


class Hopeless(SearchError):
    """Every trial failed."""


class Loop:
    """One launch of a study that is in the store under ``name``.

    ``crew``: who trains, if not this process; ``killed``: the last launch did not end by itself;
    ``observe``: told the trials after every change; ``asked_to_end``: looked at once a rung.
    """

    def __init__(
        self,
        study: Study,
        store: Store,
        name: str,
        *,
        crew: Crew | None = None,
        killed: bool = False,
        clock: Clock | None = None,
        observe: Observe = lambda trials: None,
        asked_to_end: Callable[[], bool] = lambda: False,
    ) -> None:
        self.study, self.store, self.name, self.killed = study, store, name, killed
        self.clock, self.observe, self.asked_to_end = clock or Clock(), observe, asked_to_end
        self.files = Files(store.folder(name))
        places = {"cache": store.home / "cache", "folder": store.folder(name) / "trials"}
        with self.clock.part("imports"):
            self.runner = Runner(study, **places, clock=self.clock)
            # who trains: this process, or workers
            self.crew = Workers(study, crew, **places, clock=self.clock) if crew else self.runner
        one_by_one = crew and not self.study.stacked
        self.ahead = Ahead(partial(ask.proposals, self.study), self.crew.capacity) if one_by_one else None
        self.checkpoints = store.checkpoints(name)
        self.trials = {trial.number: trial for trial in store.trials(name, study)}
        self.began = time.monotonic()
        self._own_error: Exception | None = None
        # by earlier launches; a row of a checkpoint knows its own
        self.spent = {} if self.study.stacked else {trial.number: trial.seconds for trial in self.trials.values()}
        self.judge = Judge(study)
        self.merged = Merged(study, self.runner, self.files, self.trials)
        self.planned = self._planned(1.0)  # trials and merges, by the end of this round

    def run(self, *, train: bool = True) -> None:
        """Train what is left of the budget, unless ``train`` is false, then merge."""
        with self.crew if train else contextlib.nullcontext():
            for planned in self._rounds() if train else [self._planned(1.0)]:
                self.planned = planned
                if train:
                    self._train_all()
                if self.study.table.merge:
                    self._merge(needed=not train)

    def _rounds(self) -> Iterator[tuple[int, int]]:
        """What is to be trained, and to be merged, by the end of each round; the last one's is the whole budget. A
        resumed launch goes on in the round that it was in, the first one that has room for every trial."""
        rounds = self.study.table.amortise.rounds if self.study.table.amortise else 1
        trained = sum(not trial.parents for trial in self.trials.values())
        for planned in (self._planned(turn / rounds) for turn in range(1, rounds + 1)):
            if planned[0] >= trained or planned == self._planned(1.0):
                yield planned

    def _planned(self, share: float) -> tuple[int, int]:
        """Trials and merges of a share of the budget."""
        table = self.study.table
        return math.ceil(share * table.budget.trials), math.floor(
            share * (table.merge.evaluations if table.merge else 0)
        )

    def _train_all(self) -> None:
        for task in self._suspects():
            self._train([task], self._at_rung_alone)
        tasks = self._resume()
        tasks += self._admit()
        while tasks:
            tasks = self._train(tasks, self._at_rung)

    def _train(self, tasks: list[Task], at_rung: Callable[[Report], Decision]) -> list[Task]:
        """Train until no trial is left; new tasks if the trainer broke."""

        def guarded(report: Report) -> Decision:
            try:
                return at_rung(report)
            except Exception as error:
                self._own_error = error  # ours, not the trainer's
                raise

        try:
            self.crew.train(tasks, guarded)
            return []
        except Exception as error:
            if error is self._own_error or isinstance(error, SearchError):
                raise
            return self._crashed(error)

    def _crashed(self, error: Exception) -> list[Task]:
        """The trainer itself broke: its trials failed, and others take their places."""
        text = "".join(traceback.format_exception(error, limit=-6))
        known: Any = cause(error)
        rows = [_lost(trial, Failure(cause=known, message=text, step=trial.step)) for trial in self._running()]
        self._commit(rows, {})
        self._check_hope()
        return self._admit()

    @property
    def known(self) -> list[Trial]:
        return [self.trials[number] for number in sorted(self.trials)]

    def _running(self) -> list[Trial]:
        return [trial for trial in self.known if trial.state == "running" and not trial.parents]

    def _resume(self) -> list[Task]:
        """Trials that were at work when the last launch ended, each from its row of the last checkpoint."""
        states = self.files.load_checkpoints(self.checkpoints)
        return [self._task(trial, states.get(trial.number)) for trial in self._running()]

    def _suspects(self) -> Iterator[Task]:
        """Trials whose process was killed twice since their last rung: one of them may be what kills it, so each goes
        on alone to its next rung. One that was begun alone and killed it again has failed."""
        running = self._running()
        if self.killed and not any(trial.retries >= LOST - 1 for trial in running):
            self._count_retry(running)
        for trial in self._running():
            if trial.retries >= LOST and self.killed:
                message = f"its process was killed {trial.retries} times while it was trained, at last alone"
                self._commit([_lost(trial, Failure(cause="interrupted", message=message, step=trial.step))], {})
            elif trial.retries >= LOST - 1:
                self._count_retry([trial])
                yield from (task for task in self._resume() if task.number == trial.number)

    def _count_retry(self, trials: Sequence[Trial]) -> None:
        if trials:
            self.store.retry(self.name, [trial.number for trial in trials])
            self.trials.update({trial.number: replace(trial, retries=trial.retries + 1) for trial in trials})

    def _task(self, trial: Trial, state: Mapping[str, Any] | None = None) -> Task:
        step = trial.step if state is not None or not self.study.stacked else 0
        assert trial.seed is not None
        nested = self.study.space.nest(trial.params)
        return Task(
            number=trial.number, params=nested, seed=trial.seed, step=step, state=dict(state) if state else None
        )

    def _at_rung(self, report: Report) -> Decision:
        keep = self._settle(report)
        return Decision(keep=keep, admit=self._admit())

    def _at_rung_alone(self, report: Report) -> Decision:
        self._settle(report)
        return Decision(keep=[False] * len(report.numbers))

    def _settle(self, report: Report) -> list[bool]:
        """Decide who goes on, and store what was reported."""
        keep, refused = self.judge.verdicts(report, self.trials)
        rows = [self._row(report, row, keep[row], refused[row]) for row in range(len(report.numbers))]
        with self.clock.part("store"):
            going = [row for row, each in enumerate(rows) if each.state == "running"]
            name = None
            if report.checkpoint is not None and going:
                numbers = [report.numbers[row] for row in going]
                name = self.files.save_checkpoint(report.checkpoint(), going, numbers)
            weights = report.weights
            states = {n: partial(weights, row) for row, n in enumerate(report.numbers)} if weights else {}
            self._commit(rows, states, name)
        self._check_hope()
        if self.asked_to_end():
            raise Interrupted
        return keep

    def _row(self, report: Report, row: int, keep: bool, refused: int) -> Row:
        failure, done = report.failures[row], report.steps[row] >= self.study.table.budget.steps
        state = "failed" if failure else "finished" if done else "running" if keep else "stopped"
        judged = state in ("finished", "stopped")
        whole = all(each.name in report.values[row] for each in (*self.study.objectives, *self.study.constraints))
        number = report.numbers[row]
        seconds = max(report.seconds[row] + self.spent.get(number, 0.0), self.trials[number].seconds)
        return Row(
            number=number, step=report.steps[row], state=state, seconds=round(seconds, 4),
            values=report.values[row], report_values=report.report_values(row) if judged and whole else {},
            failure=failure, base=report.base, refused=refused, place=report.places[row],
        )  # fmt: skip

    def _admit(self) -> list[Task]:
        """Fill free places with new trials, once enough are free to make a batch worth its proposals."""
        budget = self.study.table.budget
        trained = [trial for trial in self.known if not trial.parents]
        left = self.planned[0] - len(trained)
        running = len([trial for trial in trained if trial.state == "running"])
        free = self.crew.capacity - running
        late = budget.minutes is not None and time.monotonic() - self.began > budget.minutes * 60.0
        worth = min(left, max(1, self.crew.capacity // 4))
        if left <= 0 or free <= 0 or late or (free < worth and running):
            return []
        with self.clock.part("proposals"):
            found = self._asked(min(free, left), left)
        return [self._task(trial) for trial in self._store_batch([dict(params=p, seed=s) for p, s in found])]

    def _asked(self, q: int, left: int) -> list[tuple[Params, int]]:
        """The params and the seeds of the next trials: new points, then repeats, the last share of the budget. Where
        there is nothing to repeat, what runs is waited for, and then that share is spent on new points too."""
        new, known = ask.explores(self.study, self.known), self.known
        again = ask.repeated(self.study, known, q - new) if new < q else []
        if not (new or again or any(trial.state == "running" for trial in known)):
            new = left
        fresh = min(q - len(again), new)
        found: list[Params] = []
        if fresh:
            found = self.ahead.take(known, fresh, new) if self.ahead else ask.proposals(self.study, known, fresh)
        return [*((params, self.study.table.seed) for params in found), *again]

    def _store_batch(self, entries: Sequence[Mapping[str, Any]]) -> list[Trial]:
        if not entries:
            return []
        first = max(self.trials, default=-1) + 1
        batch = [Trial(number=first + i, started=time.time(), **entry) for i, entry in enumerate(entries)]
        with self.clock.part("store"):
            self.store.admit(self.name, batch)
        self.trials.update({trial.number: trial for trial in batch})
        self.observe(self.known)
        return batch

    def _merge(self, *, needed: bool) -> None:
        """Spend the merge budget; what was admitted but not evaluated before an interruption comes first."""
        assert self.study.table.merge
        # of a study that was extended by repeats a trial may come to the front whose weights were not kept
        chosen = amortise.parents(self.study, [each for each in self.known if each.parents or self.files.holds(each)])
        if len(chosen) < 2:
            if needed:
                expected, hint = f"the weights of two members in {self.files.weights}", "Train it anew with --fresh."
                raise MergeError(f"study {self.name!r}", expected=expected, got=len(chosen), hint=hint)
            return
        heard = Heard(self.study, self.runner, self.merged)
        while True:
            waiting = [trial for trial in self.known if trial.parents and trial.state == "running"]
            # more trials may have come since they were admitted, and with them other parents
            batch = [trial for trial in waiting if trial.parents == waiting[0].parents]
            left = self.planned[1] - sum(trial.kind == "merged" for trial in self.known)
            if not batch and left > 0:
                with self.clock.part("merging"):
                    found = amortise.ask(self.study, self.known, chosen, min(left, amortise.BATCH), heard)
                shared: dict[str, Any] = {
                    "params": {},
                    "seed": None,
                    "parents": tuple(trial.number for trial in chosen),
                }
                batch = self._store_batch([shared | {"base": chosen[0].base} | each for each in found])
            if not batch:
                break
            self._evaluate(batch, heard)
            if self.asked_to_end():
                raise Interrupted
        with self.clock.part("merging"):
            self.store.keep_merge_error(self.name, amortise.error(self.study, self.known, chosen, heard))

    def _evaluate(self, batch: Sequence[Trial], heard: Heard) -> None:
        began = time.perf_counter()
        with self.clock.part("merging"):
            states = [] if self.merged.composes else self.merged.models(batch)
        said, apart = (self.merged.outputs(batch, split, states) for split in ("choose", "report"))
        values, report = self.runner.values(said, len(batch)), self.runner.values(apart, len(batch))
        seconds = round((time.perf_counter() - began) / len(batch), 4)
        lost = Failure(cause="diverged", message="a merged model's measure is not finite")
        rows = []
        for trial, own, other in zip(batch, values, report, strict=True):
            finite = all(np.isfinite(list(own.values())))
            state, failure = ("finished", None) if finite else ("failed", lost)
            row = Row(number=trial.number, step=0, state=state, seconds=seconds, values=own if finite else {},
                      report_values=other if finite else {}, failure=failure, base=trial.base)  # fmt: skip
            rows.append(row)
        heard.keep(batch, said)
        with self.clock.part("store"):
            kept = zip(batch, states, strict=not self.merged.composes)
            self._commit(rows, {trial.number: partial(dict, state) for trial, state in kept})

    def _commit(
        self, rows: Sequence[Row], states: Mapping[int, Callable[[], State]], checkpoint: str | None = None
    ) -> None:
        """Everything that happened since the last commit. ``states``: trial number -> its weights, on demand."""
        at = time.time()
        now = [told(self.trials[row.number], row.to_json(), at, self.study) for row in rows]
        kept = self._kept({**self.trials, **{trial.number: trial for trial in now}}.values())
        for trial in now:
            if trial.complete and trial.number in states and trial.id in kept:
                self.files.save_weights(trial, states[trial.number]())
        self.store.rung(self.name, rows, checkpoint=checkpoint, clock=self.clock.take())
        self.trials.update({trial.number: trial for trial in now})
        self.store.renew(self.name)
        for trial in now:
            if trial.state == "running" and checkpoint:
                self.checkpoints[trial.number] = checkpoint
            else:
                self.checkpoints.pop(trial.number, None)
        self.files.tidy(set(self.checkpoints.values()), kept)
        self.observe(self.known)

    def _kept(self, trials: Collection[Trial]) -> set[str]:
        """Whose weights are kept: the front's, the trained front's, which merges start from, and the parents of
        merges that were admitted but are not evaluated yet, or that are on the front and have no weights of their
        own."""
        trained = [trial for trial in trials if trial.kind == "trained"]
        if self.study.table.budget.repeats:  # a repeat may bring any of them to the front
            return {trial.id for trial in trials if trial.complete}
        fronts = [front.members(some, self.study.reference)[0] for some in (list(trials), trained)]
        holding = [trial for trial in trials if trial.state == "running"] + (fronts[0] if self.merged.composes else [])
        held = {number for trial in holding for number in trial.parents}
        return {trial.id for some in fronts for trial in some} | {t.id for t in trained if t.number in held}

    def _check_hope(self) -> None:
        ended = [trial for trial in self.known if trial.state != "running"]
        failed = [trial for trial in ended if trial.failure]
        enough = min(HOPELESS, self.study.table.budget.trials)
        alive = any(trial.curve for trial in self.known)
        if len(failed) < enough or len(failed) < len(ended) or alive:
            return
        counts = Counter(trial.failure.cause for trial in failed if trial.failure)
        last = failed[-1].failure
        assert last
        raise Hopeless(
            f"study {self.name!r}", expected="trials that end with values",
            got=", ".join(f"{count} {cause}" for cause, count in counts.items()),
            hint=f"All {len(failed)} trials failed, so the study ends here. The last one said:\n{last.message.strip()}",
        )  # fmt: skip


def _lost(trial: Trial, failure: Failure) -> Row:
    """A trial that ended without a word."""
    return Row(
        number=trial.number, step=trial.step, state="failed", seconds=trial.seconds,
        values={}, report_values={}, failure=failure, refused=trial.refused, place=trial.place,
    )  # fmt: skip
