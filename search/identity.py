"""What makes a study the same study: its canonical definition, the hash of it, and what may change.

The definition holds what trials depend on, resolved: two files that say the same have one hash, and a
component whose declared range changes makes another study. A title or the number of minutes do not count.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from search.space import Choice, Fixed, Integer, Near, Node, Simplex, Space
from search.study import InterestTable, PriorTable, StartTable, Study

Definition = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One field that differs. ``safe``: trials made before the change remain trials of the study."""

    field: str
    old: Any
    new: Any
    safe: bool

    def __str__(self) -> str:
        shown = [("(none)" if value is None else json.dumps(value)) for value in (self.old, self.new)]
        return f"{self.field}: {shown[0]} -> {shown[1]}"


def definition(study: Study) -> Definition:
    """The canonical form: nested tables of plain JSON values."""
    table = study.table
    return {
        "format": 1,
        "name": study.name,
        "seed": table.seed,
        "repeats": table.repeats,
        "trainer": {"module": study.trainer, **_plain(study.settings)},
        "space": {node.name: {**_node(node), "when": when} for node, when in study.space.leaves()},
        **({"parameter_constraints": _tightest(study.space)} if study.space.constraints else {}),
        **({"start": _start(study)} if table.start != StartTable() else {}),
        **({"interest": table.interest.model_dump()} if table.interest != InterestTable() else {}),
        **({"prior": table.prior.model_dump()} if table.prior != PriorTable() else {}),
        "objectives": {o.name: {**asdict(o), "settings": dict(o.settings)} for o in study.objectives},
        "constraints": {o.name: {**asdict(o), "settings": dict(o.settings)} for o in study.constraints},
        "budget": table.budget.model_dump(exclude={"minutes"} if table.budget.repeats else {"minutes", "repeats"}),
        "proposer": {"name": table.proposer.name, **_plain(study.proposer_settings)},
        "stop": {"rule": table.stop.rule, "audit": table.stop.audit, **_plain(study.stop_settings)},
        **({"amortise": table.amortise.model_dump()} if table.amortise else {}),
        "merge": _merging(study),
    }


def digest(defined: Definition) -> str:
    """sha256 of the canonical JSON, 64 hex digits."""
    return hashlib.sha256(_canonical(defined).encode()).hexdigest()


def changes(old: Definition, new: Definition) -> list[Change]:
    """Every field in which two definitions differ, in the order of the newer one; none where they have one digest."""
    before, after = _flat(old), _flat(new)
    fields = [*after, *(field for field in before if field not in after)]
    return [
        Change(field, before.get(field), after.get(field), _safe(field, before, after))
        for field in fields
        if _canonical(before.get(field)) != _canonical(after.get(field))
    ]


def _safe(field: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """More budget, a wider range, more choices (with the dimensions they bring), looser constraints between parameters:
    the past stays valid."""
    old, new = before.get(field), after.get(field)
    if field == "budget.repeats":
        return True  # a repeat is a trial like any other
    if field in ("budget.trials", "merge.evaluations"):
        return old is not None and new is not None and new > old
    if field in ("merge.method", "amortise.rounds") or (
        field.startswith("merge.") and not before.get("merge.evaluations")
    ):
        return True  # another way to look for merges, another time, or merging is added to a study that had none
    if field.startswith(("start.", "interest/", "prior.")):
        return True  # what is tried, wherever it was looked for, is a trial like any other
    if field.startswith("parameter_constraints."):
        return new is None or (old is not None and (new > old if field.endswith("<=") else new < old))
    if not field.startswith("space/"):
        return False
    node = field.rsplit("/", 1)[0]
    last = field.rsplit("/", 1)[1]
    if f"{node}/kind" not in before:  # a new dimension is safe where it comes with a new option
        parent, _, option = after.get(f"{node}/when", "").partition(" = ")
        return option not in [str(known) for known in before.get(f"space/{parent}/options", [])] and bool(parent)
    if last == "prior":
        return True  # what was expected of values is no part of them
    if last == "low":
        return old is not None and new is not None and new < old
    if last == "high":
        return old is not None and new is not None and new > old
    if last == "options" and old and new:
        return len(old) > 1 and set(map(_canonical, old)) < set(map(_canonical, new))
    return False


def _node(node: Node) -> dict[str, Any]:
    if isinstance(node, Fixed):
        return {"kind": "fixed", "value": node.value}
    prior: Any = asdict(node.prior) if isinstance(node.prior, Near) else node.prior and list(node.prior)
    known = {"prior": prior} if prior else {}
    if isinstance(node, Choice):
        return {"kind": "choice", "options": list(node.options), **known}
    if isinstance(node, Simplex):
        return {"kind": "simplex", "names": list(node.names), **known}
    kind = "integer" if isinstance(node, Integer) else "float"
    return {"kind": kind, "low": node.low, "high": node.high, "log": node.log, **known}


def _merging(study: Study) -> dict[str, Any]:
    if not (table := study.table.merge):
        return {"evaluations": 0}
    return {**table.model_dump(exclude=set() if table.groups > 1 else {"groups"}), **_plain(study.merge_settings)}


def _start(study: Study) -> dict[str, Any]:
    """The points that the study names; the defaults are the trainer's."""
    named = [params for params in study.start if params != study.space.usual]
    return {"defaults": study.table.start.defaults, "points": named}


def _tightest(space: Space) -> dict[str, float]:
    """The bound of each sum that is constrained."""
    found: dict[str, float] = {}
    for constraint in space.constraints:
        total, bound = constraint.canonical
        tighter = min if total.endswith("<=") else max
        found[total] = tighter(bound, found.get(total, bound))
    return found


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in table.items()}


def _flat(defined: Definition) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, table in defined.items():
        if not isinstance(table, dict):
            flat[section] = table
            continue
        for key, value in table.items():
            if isinstance(value, dict):
                flat |= {f"{section}/{key}/{inner}": each for inner, each in value.items()}
            else:
                flat[f"{section}.{key}"] = value
    return flat
