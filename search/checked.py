"""What a study would do, said before it does it: `search check`."""

from typing import Any

from search import identity
from search.live import minutes
from search.space import Simplex
from search.study import Objective, Study


def seconds(study: Study) -> float | None:
    """An estimate of the training time on one core, or None where only the first rung can tell."""
    pace = study.declared.get("MILLISECONDS_PER_STEP")
    budget = study.table.budget
    return budget.trials * budget.steps * float(pace) / 1000.0 if pace is not None else None


def to_json(study: Study) -> dict[str, Any]:
    defined = identity.definition(study)
    estimate = seconds(study)
    return {
        **defined,
        "origins": {node.name: node.origin for node, _ in study.space.leaves()},
        "reference": list(study.reference),
        "digest": identity.digest(defined),
        "estimated_training_seconds": estimate,
    }


def text(study: Study) -> str:
    """The space with the origin of each dimension, the objectives, the budget and an estimate of its time."""
    budget, merge = study.table.budget, study.table.merge
    title = f"{study.name}: {study.table.description}".rstrip(": ")
    lines = [title, "", f"space, {study.space.width} columns of the unit cube"]
    leaves = list(study.space.leaves())
    wide = max(len(node.name) for node, _ in leaves)
    kinds = {node.name: _kind(node) for node, _ in leaves}
    wider = min(max(len(kind) for kind in kinds.values()), 60)
    for node, condition in leaves:
        when = f"  if {condition}" if condition else ""
        lines.append(f"  {node.name.ljust(wide)}  {kinds[node.name].ljust(wider)}  from {node.origin}{when}")
    if study.space.constraints:
        lines += ["", "parameter constraints", *(f"  {constraint}" for constraint in study.space.constraints)]
    lines += ["", "objectives"]
    for objective in study.objectives:
        unit = f" {objective.unit}" if objective.unit else ""
        measured = f"measure {objective.measure}" if objective.measure else "reported by the trainer"
        seen = f" on {objective.on}" if objective.on else ""
        reach = f"counts {'up' if objective.direction == 'min' else 'down'} to {objective.limit:g}{unit}"
        lines.append(f"  {objective.name}: {objective.direction}, {reach}, {measured}{seen}{_wanted(study, objective)}")
    for bound in study.constraints:
        sign = "at most" if bound.direction == "min" else "at least"
        lines.append(f"  {bound.name}: {sign} {bound.limit:g} {bound.unit}".rstrip())
    lines += ["", "budget"]
    steps = f"{budget.steps} step{'s' if budget.steps > 1 else ''}"
    rungs = f", seen {budget.rungs} times" if budget.rungs > 1 else ""
    lines.append(f"  {budget.trials} trials of {steps}{rungs}, {study.capacity} at a time, trained by {study.trainer}")
    if again := round(budget.repeats * budget.trials):
        lines.append(
            f"  the last {again} of them repeat configurations with other seeds, where that tells most of the front"
        )
    if given := len(study.start):
        lines.append(f"  begins with {given} given point{'s' if given > 1 else ''}")
    ends = study.table.stop.rule != "off" and budget.rungs > 1
    stopped = f"stopped early by {study.table.stop.rule}" if ends else "never stopped early"
    knowing = f", told of {', '.join(study.table.prior.studies)}" if study.table.prior.studies else ""
    lines.append(f"  proposed by {study.table.proposer.name}{knowing}, {stopped}")
    if merge:
        lines.append(f"  then {merge.evaluations} merged models of {merge.parents} parents by {merge.rule}")
    estimate = seconds(study)
    if estimate is None:
        lines.append("  time: only the first rung can tell")
    else:
        lines.append(f"  time: at most {minutes(max(estimate, 1.0))} of training on one core")
    if budget.minutes:
        lines.append(f"  no new trial after {budget.minutes:g} min")
    lines += ["", f"definition {identity.digest(identity.definition(study))[:12]}"]
    return "\n".join(lines)


def _wanted(study: Study, objective: Objective) -> str:
    """What ``[interest]`` says of it."""
    said, name = study.table.interest, objective.name
    side = "up" if objective.direction == "min" else "down"
    limit = f", of interest {side} to {said.limits[name]:g}" if name in said.limits else ""
    return f"{limit}, of weight {said.weights[name]:g}" if name in said.weights else limit


def _kind(node: Any) -> str:
    shown = str(node)
    kind = f"simplex {shown}" if isinstance(node, Simplex) else shown if len(shown) <= 60 else f"{shown[:57]}..."
    return f"{kind}, with a prior" if getattr(node, "prior", None) else kind
