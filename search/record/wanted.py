"""(study, trials, front) -> the runs that MLflow must hold; a pure function, so a mirror can be rebuilt at any time.

A run is told as a whole and its metrics in the order in which they come to be, so that a later state only
adds to an earlier one. All timestamps are the trial's own: what is written twice is one row.

    objectives, constraints   under their own names, once, at the trial's last step
    report_<name>             the same on the split that was kept apart
    rung/<name>               the training curve, by training step: one section of the run's page
    seconds, steps            what it cost
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search import identity
from search.audit import audit
from search.figures.scatter import within_limits
from search.figures.style import DOMINATED, FAILED, MERGED, MERGED_BEHIND, RUNNING, STUDY, TRAINED
from search.front import Front, Point, marks, members
from search.pareto import choose
from search.record.text import key, redact
from search.repeats import first_repeat
from search.study import Study
from search.trial import Trial

CHARTED = 100  # runs that MLflow's charts load at once
LIVE = 32  # running trials that are shown at once: each costs a write every rung
VALUE_MAX = 500
NOTE_MAX = 5000
Vectors = NDArray[np.float64]
Metric = tuple[str, float, int, int]  # name, value, milliseconds since the epoch, step

# A stopped trial spent less than the others, so FINISHED is exactly what compares.
STATUS = {"running": "RUNNING", "finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A run as it must be. ``tags``: None for one that must not be there; times in ms since the epoch, 0 unknown."""

    name: str
    tags: Mapping[str, str | None]
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    status: str
    started: int = 0
    ended: int = 0


def written(metrics: Sequence[Metric], count: int) -> str:
    """The mark that a run holds the first ``count`` of ``metrics``: ``12 1f3a...``."""
    return f"{count} {hashlib.sha256(repr(tuple(metrics[:count])).encode()).hexdigest()[:16]}"


def shown(trials: Sequence[Trial]) -> list[Trial]:
    """Trials that have a run: all that ended, and the first ``LIVE`` of those under way that passed a rung."""
    live = [trial.number for trial in trials if trial.state == "running" and trial.curve][:LIVE]
    return [trial for trial in trials if trial.state != "running" or trial.number in live]


def trial_run(trial: Trial, ids: Mapping[int, str], reference: Sequence[float]) -> Wanted:
    """The run of a trial or of a merged model, without its place on the front.

    ``ids``: of its parents; ``reference`` (m,): the worst losses that count.
    """
    started, ended = round(trial.started * 1000), round((trial.ended or trial.started) * 1000)
    metrics: list[Metric] = [
        (key(f"rung/{name}"), value, started, step) for step, values in trial.curve for name, value in values.items()
    ]
    parents = " ".join(ids.get(number, f"t{number:04d}") for number in trial.parents)
    if trial.state != "running":
        cost = {"seconds": trial.seconds, "steps": float(trial.step)}
        report = {f"report_{name}": value for name, value in trial.report_values.items()}
        metrics += [(key(name), float(v), ended, trial.step) for name, v in {**cost, **report, **trial.values}.items()]
    params = {**trial.params, **({} if trial.seed is None else {"seed": trial.seed})}
    if parents:
        params |= {"parents": parents, "coefficients": " ".join(f"{c:.6g}" for c in trial.coefficients)}
    return Wanted(
        name=trial.id,
        tags={
            "trial": trial.id,
            "kind": trial.kind,
            "state": trial.state,
            "within_limits": ("yes" if within_limits(trial, reference) else "no") if trial.losses else None,
            "parents": parents or None,
            "base": trial.base,
            "place": text(trial.place) if trial.place else None,
            "refused_at_step": str(trial.refused) if trial.refused else None,
            "failure": trial.failure.cause if trial.failure else None,
            "failure_message": text(trial.failure.message.strip().rpartition("\n")[2]) if trial.failure else None,
            "mlflow.note.content": _traceback(trial.failure.message) if trial.failure else None,
        },
        params={key(name): text(value) for name, value in params.items()},
        metrics=tuple(metric for metric in metrics if math.isfinite(metric[1])),
        status=STATUS[trial.state],
        started=started,
        ended=0 if trial.state == "running" else ended,
    )


def place(trial: Trial, point: Point | None, charted: bool | None) -> dict[str, str | None]:
    """The tags that change as the front moves. ``charted``: see there; None where all members are."""
    if trial.state in ("failed", "stopped"):
        colour = FAILED
    elif trial.state == "running":
        colour = RUNNING
    elif trial.kind == "merged":
        colour = MERGED if point else MERGED_BEHIND
    else:
        colour = TRAINED if point else DOMINATED
    return {
        "front": "yes" if point else "no",
        "mark": marks(point) or None if point else None,
        "survives": ("yes" if point.survives else "no") if point else None,
        "probability": f"{point.probability:.3f}" if point and point.probability is not None else None,
        "repeats": " ".join(point.repeats) or None if point else None,
        "charted": None if charted is None else "yes" if charted else "no",
        "mlflow.runColor": colour,
    }


def charted(front: Front) -> frozenset[str] | None:
    """Members for the charts where the front is longer than they load: the knee, the ends, a spread. None: all."""
    if len(front) <= CHARTED:
        return None
    losses = [[each.loss(point.values[each.name]) for each in front.objectives] for point in front.points]
    knees = [point.id for point in front.points if point.knee]
    return frozenset([*knees, *(front.points[row].id for row in choose.spread(losses, CHARTED - len(knees)))])


def study_run(study: Study, trials: Sequence[Trial], front: Front, status: str, notes: Mapping[str, Any]) -> Wanted:
    """The parent of all runs. Params hold what cannot change in a study; what may be extended is a tag."""
    table = study.table
    params = {
        "seed": table.seed,
        "trainer": study.settings.get("command", study.trainer),
        **{f"objective.{o.name}": f"{o.direction}, limit {o.limit:g} {o.unit}".strip() for o in study.objectives},
        **{f"constraint.{o.name}": f"{o.direction} {o.limit:g} {o.unit}".strip() for o in study.constraints},
        "budget.steps": table.budget.steps,
        "budget.rungs": table.budget.rungs,
        "budget.population": table.budget.population,
        "proposer": table.proposer.name,
        "stop": table.stop.rule,
    }
    audited = audit(study, trials)
    merge = f"{table.merge.rule}, {table.merge.evaluations} evaluations" if table.merge else "off"
    return Wanted(
        name="study",
        tags={
            "kind": "study",
            "status": status,
            "feasible": "yes" if front.feasible else "no",
            "front_size": str(len(front)),
            "report_hypervolume": f"{front.report_hypervolume:.6g}",
            "space": text(", ".join(dimension.name for dimension in study.space.dimensions)),
            "budget.trials": str(table.budget.trials),
            "budget.repeats": str(table.budget.repeats) if table.budget.repeats else None,
            "hypervolume_interval": text(front.hypervolume_interval) if front.hypervolume_interval else None,
            "merge": merge,
            "stopping": str(audited) if audited else None,
            "mlflow.runColor": STUDY,
            **{key(f"note.{name}"): text(value) for name, value in notes.items()},
        },
        params={key(name): text(value) for name, value in params.items()},
        metrics=tuple(_progress(trials, front)),
        status={"running": "RUNNING", "finished": "FINISHED", "failed": "FAILED"}.get(status, "KILLED"),
        started=round(min((trial.started for trial in trials if trial.started), default=0.0) * 1000),
        ended=0 if status == "running" else round(max((trial.ended for trial in trials), default=0.0) * 1000),
    )


def definition(study: Study) -> tuple[identity.Definition, str]:
    """The canonical definition and its hash."""
    defined = identity.definition(study)
    return defined, identity.digest(defined)


def text(value: Any) -> str:
    """A param or a tag: exact for numbers, without credentials, cut where it is a whole text."""
    value = value.item() if hasattr(value, "item") else value  # numpy's own repr names its type
    whole = redact(value if isinstance(value, str) else repr(value))
    return whole if len(whole) <= VALUE_MAX else whole[: VALUE_MAX - 1] + "…"


def _traceback(message: str) -> str | None:
    """A message of several lines as a block of code, its end where it is too long for a tag."""
    lines = redact(message).strip()[-NOTE_MAX:].splitlines()
    return "\n".join(["What went wrong:", "", *(f"    {line}" for line in lines)]) if len(lines) > 1 else None


def _progress(trials: Sequence[Trial], front: Front) -> Iterator[Metric]:
    """Hypervolume and length of the front by trial, up to the first trial still under way: no point moves later."""
    by_number = {trial.number: trial for trial in trials}
    open_from = min((trial.number for trial in trials if trial.state == "running"), default=math.inf)
    again = first_repeat(trials)  # from there on configurations move
    inside = beyond = np.zeros((0, len(front.objectives)))  # the front of trials within all limits, and of all feasible
    for number, height in front.curve:
        if number >= open_from or number not in by_number:
            return
        trial = by_number[number]
        losses, when = np.array(trial.losses), round(trial.ended * 1000)
        if number >= again:
            size = len(members([each for each in trials if each.number <= number], front.reference)[0])
            yield ("hypervolume", float(height), when, number)
            yield ("front_size", float(size), when, number)
            continue
        if within_limits(trial, front.reference):
            inside = _joined(inside, losses)
        beyond = _joined(beyond, losses)
        yield ("hypervolume", float(height), when, number)
        yield ("front_size", float(len(inside) or len(beyond)), when, number)


def _joined(front: Vectors, losses: Vectors) -> Vectors:
    """(k, m), (m,) -> the front of both; equal points stay side by side."""
    if (((front <= losses).all(axis=1)) & ((front < losses).any(axis=1))).any():
        return front
    beaten = (losses <= front).all(axis=1) & (losses < front).any(axis=1)
    return np.vstack([front[~beaten], losses])
