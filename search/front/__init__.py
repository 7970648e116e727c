"""The front of a study: trials and merged models alike, on the split that chose and on the split kept apart.

``Front.to_json()`` is the contract (``front.json``) that csv, html and the MLflow pages are derived from.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search import certainty, identity, repeats
from search.front.point import Point as Point
from search.front.point import marks as marks
from search.front.point import shown as shown
from search.front.table import Front as Front
from search.pareto import choose, dominance
from search.pareto import hypervolume as volume
from search.repeats import Configuration
from search.study import Study
from search.trial import Trial


def candidates(trials: Sequence[Trial]) -> list[Trial]:
    """Trials that may be on the front: only those that ran to the end compare at equal budget."""
    return [trial for trial in trials if trial.complete]


def contenders(trials: Sequence[Trial], reference: Sequence[float]) -> list[Configuration]:
    """Of whom the front is: every configuration with a complete trial. One beyond an objective's limit does not count
    while some feasible one is within them all."""
    complete = repeats.configurations(candidates(trials))
    within = [
        each for each in complete if all(loss <= worst for loss, worst in zip(each.losses, reference, strict=True))
    ]
    return within if any(each.feasible for each in within) else complete


def members(trials: Sequence[Trial], reference: Sequence[float]) -> tuple[list[Trial], bool]:
    """The front itself, in the order of the first objective, and whether it is feasible.

    A configuration with repeats is on it with their mean, and is here the trial nearest to that.
    """
    rivals = contenders(trials, reference)
    rows, feasible = _leaders(rivals)
    return [rivals[row].typical for row in rows], feasible


def _leaders(rivals: Sequence[Configuration]) -> tuple[list[int], bool]:
    """Which of ``contenders`` are on the front, best first objective first, and whether it is feasible."""
    if not rivals:
        return [], True
    mask, feasible = dominance.feasible_front(_losses(rivals), np.array([each.violations for each in rivals]))
    return sorted(np.flatnonzero(mask), key=lambda row: (rivals[row].losses, rivals[row].trials[0].number)), feasible


def build(study: Study, trials: Sequence[Trial], *, certain: bool = True) -> Front:
    """The front of all trials so far. ``certain``: and how surely, a second's work at most where there are repeats."""
    rivals, reference, aims = contenders(trials, study.reference), np.array(study.reference), study.objectives
    rows, feasible = _leaders(rivals)
    front = [rivals[row] for row in rows]
    ids = {trial.number: trial.id for trial in trials}
    curve = repeats.growth(candidates(trials), study.reference)
    report = np.array([study.losses(each.report_values or each.values) for each in front]).reshape(-1, len(aims))
    surviving = dominance.is_nondominated(report) if front else np.zeros(0, dtype=bool)
    own = _losses(front)
    knee = choose.knee(own) if len(front) > 2 else None
    best = {i: own[:, i].argmin() for i in range(own.shape[1])} if front else {}
    known = certainty.certainty(study, rivals if certain else [])
    held, error = curve[-1][1] if curve else 0.0, 0.0
    if feasible and front and not volume.is_exact(*own.shape):
        held, error = volume.stated(own, reference)
    points = tuple(
        Point(
            id=each.typical.id, kind=each.typical.kind, params=each.typical.params,
            coefficients=each.typical.coefficients,
            parents=tuple(ids.get(number, f"t{number:04d}") for number in each.typical.parents),
            values=each.values, report_values=each.report_values, survives=bool(surviving[place]),
            best=tuple(aim.name for i, aim in enumerate(aims) if best[i] == place), knee=place == knee,
            repeats=tuple(trial.id for trial in each.trials) if len(each.trials) > 1 else (),
            **known.points.get(row, {}),
        )
        for place, (row, each) in enumerate(zip(rows, front, strict=True))
    )  # fmt: skip
    return Front(
        study=study.name,
        definition=identity.digest(identity.definition(study)),
        objectives=study.objectives,
        constraints=study.constraints,
        reference=study.reference,
        hypervolume=held,
        report_hypervolume=volume.hypervolume(report, reference) if feasible and front else 0.0,
        trials=len(candidates(trials)),
        feasible=feasible,
        points=points,
        curve=curve,
        hypervolume_interval=known.hypervolume,
        hypervolume_error=error,
    )


def _losses(each: Sequence[Configuration]) -> NDArray[np.float64]:
    return np.array([one.losses for one in each]).reshape(len(each), len(each[0].losses) if each else 0)
