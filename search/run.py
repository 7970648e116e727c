"""Params -> trained -> values: the only caller of trainers and measures.

A trainer shows a population at its rungs; here its outputs become named values, and what went wrong becomes
a failure of its class. What happens next (who goes on, who comes in) is the loop's decision.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from search import components
from search.clock import Clock
from search.errors import StudyError, TrialError, near_miss, one_of
from search.study import Objective, Study
from search.trial import Failure
from trainers.rung import Budget, Decision, Rung, Task

Values = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A rung as the loop sees it: row by row the values on the choosing split, or a failure, and where it trains.

    ``report_values``: row -> values on the split kept apart; ``weights``: row -> state dict;
    ``checkpoint``: -> (k, ...) tensors of all rows; ``dear``: rows -> what ``values`` lack, because it is dear to
    measure and these rows have not ended. Valid until the loop has decided.
    """

    numbers: Sequence[int]
    steps: Sequence[int]
    seconds: Sequence[float]
    values: list[Values]
    failures: list[Failure | None]
    places: Sequence[str]
    report_values: Callable[[int], Values]
    weights: Callable[[int], Mapping[str, Any]] | None
    checkpoint: Callable[[], Mapping[str, Any]] | None
    base: str | None
    dear: Callable[[Sequence[int]], list[Values]] | None = None

    def complete(self, rows: Sequence[int]) -> None:
        """Measure what is dear of these rows; one whose value is not finite has failed."""
        for row, values in zip(rows, self.dear(rows) if self.dear else (), strict=bool(self.dear)):
            self.values[row].update(values)
            for name, value in values.items():
                if not math.isfinite(value):
                    failure = Failure(cause="diverged", message=f"{name} = {value}", step=self.steps[row])
                    self.failures[row], self.values[row] = failure, {}


def joint(reports: Sequence[Report]) -> Report:
    """The reports of several populations as that of one, row after row."""
    if len(reports) == 1:
        return reports[0]
    rows = [(report, row) for report in reports for row in range(len(report.numbers))]

    def weights(at: int) -> Mapping[str, Any]:
        report, row = rows[at]
        assert report.weights
        return report.weights(row)

    def dear(chosen: Sequence[int]) -> list[Values]:
        found: dict[int, Values] = {}
        for report in reports:
            own = {row: at for at, (whose, row) in enumerate(rows) if whose is report and at in chosen}
            if own and report.dear:
                found |= dict(zip(own.values(), report.dear(list(own)), strict=True))
        return [found.get(at, {}) for at in chosen]

    @cache
    def checkpoint() -> Mapping[str, Any]:
        return _stacked([each.checkpoint() if each.checkpoint else {} for each in reports], reports)

    return Report(
        numbers=[n for each in reports for n in each.numbers], steps=[n for each in reports for n in each.steps],
        seconds=[s for each in reports for s in each.seconds], values=[v for each in reports for v in each.values],
        failures=[f for each in reports for f in each.failures], places=[p for each in reports for p in each.places],
        report_values=lambda at: rows[at][0].report_values(rows[at][1]),
        weights=weights if any(each.weights for each in reports) else None,
        checkpoint=checkpoint if any(each.checkpoint for each in reports) else None,
        base=next((each.base for each in reports if each.base), None),
        dear=dear if any(each.dear for each in reports) else None,
    )  # fmt: skip


def _stacked(parts: Sequence[Mapping[str, Any]], reports: Sequence[Report]) -> Mapping[str, Any]:
    """Tensors (k, ...) one below the other; zeros where a population had fewer slots, or no row that trains."""
    import torch

    names = next(part for part in parts if part)
    made = {}
    for name in names:
        whole = torch.Size(map(max, zip(*(part[name].shape[1:] for part in parts if part), strict=True)))
        blocks = []
        for part, report in zip(parts, reports, strict=True):
            block = names[name].new_zeros(len(report.numbers), *whole, device="cpu")
            if part:
                block[tuple(map(slice, part[name].shape))] = part[name].cpu()
            blocks.append(block)
        made[name] = torch.cat(blocks)
    return made


class Runner:
    """Trains and measures for one study. ``home``: where caches and trial folders are."""

    def __init__(self, study: Study, *, cache: Path, folder: Path, clock: Clock) -> None:
        self.study, self.cache, self.clock = study, cache, clock
        self.limit_seconds = study.table.run.trial_minutes and study.table.run.trial_minutes * 60.0
        self.trainer = _trainer(study)
        self.settings = dict(study.settings)
        if study.trainer == "trainers.external":
            self.settings |= {"folder": str(folder), "cwd": study.folder, "limit_seconds": self.limit_seconds}
        self.measured = [*study.objectives, *study.constraints]
        self.dear = [objective for objective in self.measured if objective.dear]
        self.cheap = [objective for objective in self.measured if not objective.dear]
        self._measures = {str(o.measure): _measure(o) for o in self.measured if o.measure}
        tensors = self._measures or "PROVIDES" in study.declared  # to ask for a GPU costs the import of torch
        self.device = device(study.table.run.device) if tensors else "cpu"

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    @property
    def capacity(self) -> int:
        """How many trials train at a time."""
        return self.study.capacity

    def train(self, tasks: Sequence[Task], at_rung: Callable[[Report], Decision]) -> None:
        """Train until no trial is left; ``at_rung`` is told of every rung. What it raises passes through."""
        budget = self.study.table.budget
        with self.clock.part("training"):
            self.trainer.train(
                list(tasks),
                budget=Budget(
                    steps=budget.steps, rung_steps=budget.steps // budget.rungs, population=self.study.capacity
                ),
                settings=self.settings,
                device=self.device,
                cache=self.cache,
                at_rung=lambda rung: at_rung(self._report(rung)),
            )

    def outputs(self, states: Sequence[Mapping[str, Any]], split: str) -> Mapping[str, Any]:
        """What k models say that nobody trained here, such as merged ones: state dicts -> named tensors (k, ...)."""
        with self.clock.part("measuring"):
            found: Mapping[str, Any] = self.trainer.evaluate(
                list(states), split=split, settings=self.settings, device=self.device, cache=self.cache
            )
        return found

    def values(self, outputs: Mapping[str, Any], k: int) -> list[Values]:
        """Every measure of k models, from what they say."""
        with self.clock.part("measuring"):
            return self._values(outputs, k)

    def module(self) -> Any:
        """The model as a plain torch module without its weights, or None where the trainer has none to give."""
        make = getattr(self.trainer, "module", None)
        return make(self.settings) if make else None

    def data(self) -> str | None:
        """The sha256 of what is trained and measured on, or None where the trainer does not tell it."""
        told = getattr(self.trainer, "data", None)
        return told(self.settings) if told else None

    def recalibrated(self, states: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Merged state dicts with what their weights do not say by themselves taken anew, if the trainer knows how."""
        renew = getattr(self.trainer, "recalibrate", None)
        how = {"settings": self.settings, "device": self.device, "cache": self.cache}
        return list(renew(list(states), **how) if renew else states)

    def base(self) -> Mapping[str, Any]:
        """The state dict that every trial started from."""
        found: Mapping[str, Any] = self.trainer.base(self.settings, self.device, self.cache)
        return found

    def _report(self, rung: Rung) -> Report:
        k = len(rung.numbers)
        ended = [row for row in range(k) if rung.steps[row] >= self.study.table.budget.steps]

        def dear(rows: Sequence[int]) -> list[Values]:
            assert rung.outputs
            with self.clock.part("measuring"):
                return self._values(rung.outputs("choose", list(rows)), len(rows), which=self.dear)

        with self.clock.part("measuring"):
            if rung.outputs:
                measured = self._values(rung.outputs("choose"), k, rung, which=self.cheap)
            else:
                measured = self._reported(rung)
        if rung.outputs and self.dear and ended:
            for row, values in zip(ended, dear(ended), strict=True):
                measured[row] |= values
        cached: list[list[Values]] = []

        def report_values(row: int) -> Values:
            if not rung.outputs:
                return {}
            if not cached:
                with self.clock.part("measuring"):
                    cached.append(self._values(rung.outputs("report"), k, rung))
            return cached[0][row]

        failures = [self._failure(rung, row, measured[row]) for row in range(k)]
        return Report(
            numbers=rung.numbers, steps=rung.steps, seconds=rung.seconds, failures=failures,
            places=[self.device] * k,
            values=[{} if failure else values for failure, values in zip(failures, measured, strict=True)],
            report_values=report_values, weights=rung.weights, checkpoint=rung.checkpoint, base=rung.base,
            dear=dear if rung.outputs and self.dear else None,
        )  # fmt: skip

    def _values(
        self, outputs: Mapping[str, Any], k: int, rung: Rung | None = None, which: Sequence[Objective] | None = None
    ) -> list[Values]:
        """Every measure, or ``which``, of every row (k,)."""
        columns: dict[str, list[float]] = {}
        for objective in self.measured if which is None else which:
            if objective.measure == "seconds" and rung:
                columns[objective.name] = list(rung.seconds)
                continue
            prefix = f"{objective.on}." if objective.on else ""
            seen = {name.removeprefix(prefix): value for name, value in outputs.items() if name.startswith(prefix)}
            column = self._measures[str(objective.measure)].measure(seen, **objective.settings)
            if tuple(column.shape) != (k,):
                raise TrialError(f"measure {objective.measure}", expected=f"shape ({k},)", got=tuple(column.shape))
            columns[objective.name] = column.tolist()
        return [{name: float(column[row]) for name, column in columns.items()} for row in range(k)]

    def _reported(self, rung: Rung) -> list[Values]:
        """What a trainer reports by itself, with the seconds if they are asked for."""
        columns = dict(rung.values)
        columns |= {o.name: list(rung.seconds) for o in self.measured if o.measure == "seconds"}
        return [{name: float(column[row]) for name, column in columns.items()} for row in range(len(rung.numbers))]

    def _failure(self, rung: Rung, row: int, values: Values) -> Failure | None:
        known = rung.failures[row] if rung.failures else None
        step = rung.steps[row]
        if known:
            return Failure(cause=known[0], message=known[1], step=step)  # type: ignore[arg-type]
        if not rung.finite[row]:
            return Failure(cause="diverged", message="a parameter or the loss is not finite", step=step)
        for objective in self.measured:
            if objective.dear and objective.name not in values and step < self.study.table.budget.steps:
                continue
            if objective.name not in values:
                message = (
                    f"it reported {one_of(values)}, but not {objective.name!r}. {near_miss(objective.name, values)}"
                )
                return Failure(cause="crashed", message=message.strip(), step=step)
            if not math.isfinite(values[objective.name]):
                return Failure(cause="diverged", message=f"{objective.name} = {values[objective.name]}", step=step)
        if self.limit_seconds and rung.seconds[row] > self.limit_seconds:
            return Failure(
                cause="timeout", message=f"{rung.seconds[row]:.0f} s of {self.limit_seconds:.0f} s", step=step
            )
        return None


def _trainer(study: Study) -> ModuleType:
    try:
        return import_module(study.trainer)
    except ImportError as error:
        where = f"{study.file} [trainer] name"
        raise StudyError(where, expected=f"{study.trainer} to import", got=str(error)) from error


def _measure(objective: Objective) -> ModuleType:
    return components.load("measure", str(objective.measure), where=f"[objectives.{objective.name}] measure")


def device(wanted: str) -> str:
    """``auto`` -> the GPU if there is one."""
    if wanted != "auto":
        return wanted
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
