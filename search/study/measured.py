"""Objectives and constraints: what is measured, on what, and up to which limit."""

from collections.abc import Mapping
from typing import Any

from search import components
from search.errors import StudyError, near_miss, one_of
from search.study.definition import Objective
from search.study.settings import settings_of
from search.study.tables import ConstraintTable, ObjectiveTable


def objective(name: str, entry: ObjectiveTable, provided: set[str] | None, file: str) -> Objective:
    where = f"{file} [objectives.{name}]"
    component, settings = _measured(name, entry, provided, where)
    constants = component.constants if component else {}
    direction = entry.direction or constants.get("DIRECTION", "min")
    limit = entry.limit
    if limit is None and "LIMITS" in constants:
        best, worst = constants["LIMITS"]
        limit = worst if direction == constants["DIRECTION"] else best
    if limit is None:
        raise StudyError(
            f"{where} limit",
            expected="the worst value that counts; there is none",
            hint="It is the reference point of the hypervolume: a point beyond it adds nothing.",
        )
    return Objective(
        name=name, direction=direction, unit=entry.unit or constants.get("UNIT", ""), limit=float(limit),
        measure=component.name if component else None, on=entry.on, settings=settings, dear=entry.dear,
    )  # fmt: skip


def constraint(name: str, entry: ConstraintTable, provided: set[str] | None, file: str) -> Objective:
    where = f"{file} [constraints.{name}]"
    component, settings = _measured(name, entry, provided, where)
    if (entry.min is None) == (entry.max is None):
        raise StudyError(where, expected="either min or max", hint="max = 0.1 holds where the value is at most 0.1.")
    return Objective(
        name=name, direction="min" if entry.max is not None else "max",
        unit=component.constants.get("UNIT", "") if component else "",
        limit=float(entry.max if entry.max is not None else entry.min or 0.0),
        measure=component.name if component else None, on=entry.on, settings=settings,
    )  # fmt: skip


def _measured(
    name: str, entry: ObjectiveTable | ConstraintTable, provided: set[str] | None, where: str
) -> tuple[components.Component | None, Mapping[str, Any]]:
    """The measure behind an objective or a constraint (None: the trainer reports it), and its settings."""
    if provided is None and (entry.measure or name) != "seconds":
        if entry.measure or entry.on or entry.settings:
            key = "measure" if entry.measure else "on" if entry.on else next(iter(entry.settings))
            known = [key for key in type(entry).model_fields if key not in ("measure", "on")]
            raise StudyError(
                f"{where} {key}",
                expected=f"{one_of(known)}, since this trainer reports its values itself",
                got=key,
                hint=near_miss(key, known),
            )
        return None, {}
    measure = entry.measure or name
    component = components.describe("measure", measure, where=f"{where} measure")
    prefix = f"{entry.on}." if entry.on else ""
    for need in component.constants.get("NEEDS", ()):
        if provided is not None and need != "seconds" and prefix + need not in provided:
            views = sorted({key.rsplit(".", 1)[0] for key in provided if key.endswith(f".{need}")})
            if views:
                raise StudyError(f"{where} on", expected=one_of(views), got=entry.on, hint=near_miss(entry.on, views))
            if need in provided:
                raise StudyError(f"{where} on", expected=f"nothing, since {need} has no views here", got=entry.on)
            offered = f"a measure of what the trainer provides: {', '.join(sorted(provided))}"
            raise StudyError(f"{where} measure", expected=offered, got=f"{measure}, which needs {need}")
    return component, settings_of(component, entry.settings, where, list(type(entry).model_fields))
