"""Events -> trials: what a study's events, in their order, say of each trial, and where it goes on from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from search.study import Study
from search.trial import Failure, Trial

T = TypeVar("T")
Event = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one trial says at a rung. ``state`` other than running ends it."""

    number: int
    step: int
    state: str
    seconds: float
    values: Mapping[str, float]
    report_values: Mapping[str, float]
    failure: Failure | None = None
    base: str | None = None
    refused: int = 0
    place: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "failure": vars(self.failure) if self.failure else None}


def trials(events: Iterable[Event], made: Study) -> list[Trial]:
    """Every trial, by number."""
    found: dict[int, Trial] = {}
    for event in events:
        if event["kind"] == "admit":
            for entry in event["trials"]:
                lists = {key: tuple(entry.get(key, ())) for key in ("parents", "coefficients", "promised")}
                found[entry["number"]] = Trial(**{**entry, **lists}, started=event["time"])
        elif event["kind"] == "rung":
            for row in event["rows"]:
                found[row["number"]] = told(found[row["number"]], row, event["time"], made)
        elif event["kind"] == "retry":
            for number in event["numbers"]:
                found[number] = replace(found[number], retries=found[number].retries + 1)
    return [found[number] for number in sorted(found)]


def checkpoints(events: Iterable[Event]) -> dict[int, str]:
    """Trial number -> the checkpoint that holds it, of every trial that went on after its last rung."""
    found: dict[int, str] = {}
    for event in events:
        for row in event["rows"] if event["kind"] == "rung" else ():
            if row["state"] == "running" and event["checkpoint"]:
                found[row["number"]] = event["checkpoint"]
            else:
                found.pop(row["number"], None)
    return found


def told(trial: Trial, row: Mapping[str, Any], at: float, made: Study) -> Trial:
    """A trial after a row of a rung."""
    values, failure = row["values"], row["failure"]
    ended = row["state"] != "running"
    whole = all(each.name in values for each in (*made.objectives, *made.constraints))
    judged = whole and row["state"] in ("finished", "stopped")
    step, losses = row["step"], made.losses(values) if whole else ()
    return replace(
        trial,
        state=row["state"],
        step=step,
        seconds=row["seconds"],
        values=values,
        report_values=row["report_values"],
        losses=losses if judged else (),
        violations=made.violations(values) if judged else (),
        curve=_with(trial.curve, step, values),
        loss_curve=_with(trial.loss_curve, step, losses),
        failure=Failure(**failure) if failure else None,
        base=row["base"] or trial.base,
        refused=row.get("refused", 0),
        retries=0,
        place=row.get("place", ""),
        ended=at if ended else 0.0,
    )


def _with(curve: tuple[tuple[int, T], ...], step: int, values: T) -> tuple[tuple[int, T], ...]:
    """A curve with what was seen at ``step``, if anything was, in place of what was seen from there on."""
    return (*(point for point in curve if point[0] < step), *([(step, values)] if values else []))
