"""What a study asks next, and what it makes of the answer; in a study without a file, whoever asks trains.

A limit that nobody states is NaN in such a definition, and is told from the trials when it is needed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from search import front, propose, study
from search.pareto.reference import reference
from search.space import Params, Space
from search.study import Study
from search.trial import Failure, Trial, losses, violations

Table = Mapping[str, Any]
Aims = str | Sequence[str] | Mapping[str, Table]


def define(space: Space | Table, objectives: Aims, *, proposer: Table, more: Table) -> Study:
    """A study whose trials are trained by whoever asks for them; the arguments are tables of a study file.

    ``objectives`` may also be names alone; ``more``: what else a study file holds. What is wrong is a StudyError.
    """
    aims, limitless = _tables(objectives), []
    if isinstance(aims, Mapping):  # otherwise it is refused below
        limitless = [name for name, aim in aims.items() if isinstance(aim, Mapping) and aim.get("limit") is None]
        aims = {**aims, **{name: {**aims[name], "limit": 0.0} for name in limitless}}
    made = study.read(
        {
            "name": "optimizer",
            "trainer": {"command": "tell"},  # never run
            "space": {"id": [False, True]} if isinstance(space, Space) else space,  # in its place
            "objectives": aims,
            "proposer": proposer,
            **more,
        }
    )
    aimed = tuple(replace(aim, limit=math.nan) if aim.name in limitless else aim for aim in made.objectives)
    return replace(made, objectives=aimed, space=space if isinstance(space, Space) else made.space)


def _tables(objectives: Aims) -> Any:
    """Names alone as the names of empty tables."""
    listed = [objectives] if isinstance(objectives, str) else objectives
    names = isinstance(listed, list | tuple) and all(isinstance(name, str) for name in listed)
    return {name: {} for name in listed} if names else listed


def judged(made: Study, trials: Sequence[Trial]) -> Study:
    """``made`` with the limits that nobody stated told from the trials."""
    if not any(math.isnan(limit) for limit in made.reference):
        return made
    known = [trial for trial in front.candidates(trials) if trial.losses]
    worst = reference(losses(known).reshape(-1, len(made.objectives)), violations(known), made.reference)
    limits = zip(made.objectives, worst.tolist(), strict=True)
    return replace(made, objectives=tuple(replace(aim, limit=aim.loss(limit)) for aim, limit in limits))


def proposals(made: Study, trials: Sequence[Trial], q: int) -> list[Params]:
    """The next q params of the study's proposer; fewer where the space has no more points."""
    return propose.propose(
        made.table.proposer.name,
        made.space,
        trials,
        q,
        seed=made.table.seed,
        reference=judged(made, trials).reference,
        settings=made.proposer_settings,
        repeats=made.table.repeats,
        start=made.start,
        interest=made.interest,
        earlier=made.earlier,
    )


def proposer(made: Study, trials: Sequence[Trial]) -> tuple[str, str]:
    """Who proposes next, and why it is that one, where `auto` took it; otherwise nothing."""
    name = made.table.proposer.name
    if name != "auto":
        return name, ""
    from search.propose import auto

    told = {"interest": made.interest, "earlier": made.earlier, "share": made.proposer_settings["share"]}
    return auto.take(made.space, trials, made.capacity, len(made.objectives), **told)


def ended(made: Study, trial: Trial, values: Mapping[str, float], failure: Failure | None = None) -> Trial:
    """The trial with what came of it; values that are not all finite are a failure."""
    if lost := [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]:
        failure = Failure(cause="diverged", message=", ".join(lost), step=trial.step)
    if failure:
        return replace(trial, state="failed", failure=failure)
    found, missed = made.losses(values), made.violations(values)
    return replace(trial, state="finished", values=dict(values), losses=found, violations=missed)
