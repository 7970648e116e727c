"""What a study asks next, and what it makes of the answer; in a study without a file, whoever asks trains.

A limit that nobody states is NaN in such a definition, and is told from the trials when it is needed.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from search import certainty, front, propose, repeats, study
from search.pareto import dominance, uncertainty
from search.pareto.belief import expecting
from search.pareto.reference import reference
from search.space import Params, Space
from search.study import Study
from search.trial import Failure, Trial, losses, violations

LEARNT = 4  # repeats from which the noise is learnt, before one is bought by what it is worth
SAMPLES = 512  # draws by which that is told

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


def explores(made: Study, trials: Sequence[Trial]) -> int:
    """How many of the budget's trials are still to be new points; the rest of it is for repeats."""
    budget = made.table.budget
    fresh = sum(trial.seed == made.table.seed for trial in trials)
    return max(0, budget.trials - round(budget.repeats * budget.trials) - fresh)


def repeated(made: Study, trials: Sequence[Trial], q: int) -> list[tuple[Params, int]]:
    """Params of up to ``q`` configurations to train again, each with its next seed: the study's seed and how often it
    was trained.

    The first repeats are of one configuration each, from the best on. Once they tell of the noise, each is the one that
    is expected to tell most of who is on the front (`pareto.uncertainty.gains`), those before it and those that run
    being answered as is expected. Fewer, or none, where no more is gained. What failed once is left alone.
    """
    rivals = [each for each in front.contenders(trials, made.reference) if each.feasible]
    trained = [trial for trial in trials if not trial.parents]
    times = Counter(repeats.key(trial) for trial in trained)
    waiting = Counter(repeats.key(trial) for trial in trained if trial.state == "running")
    failed = {repeats.key(trial) for trial in trained if trial.failure}
    names = [repeats.key(each.typical) if each.typical.kind == "trained" else "" for each in rivals]
    able = np.array([bool(name) and name not in failed for name in names], dtype=np.bool_)
    believed = certainty.belief(made, rivals)
    if believed is None or sum(len(each.trials) - 1 for each in rivals) < LEARNT:
        found = np.array([each.losses for each in rivals]).reshape(len(rivals), len(made.objectives))
        best = dominance.order(found, np.zeros((len(rivals), 0)))
        once = [row for row in best if able[row] and len(rivals[row].trials) == 1 and not waiting[names[row]]]
        rows = once[:q]
    else:
        for row, name in enumerate(names):
            for _ in range(waiting[name] if able[row] else 0):
                believed = expecting(believed, row)
        ended = len(trained) - waiting.total()  # so that a batch that is asked for in two parts is the same one
        told = {"samples": SAMPLES, "seed": made.table.seed + ended}
        rows = uncertainty.repeat_batch(believed, q, among=able, **told)
    asked = []
    for row in rows:
        asked.append((rivals[row].typical.params, made.table.seed + times[names[row]]))
        times[names[row]] += 1
    return asked


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
