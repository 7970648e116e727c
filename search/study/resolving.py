"""The tables of a study file -> a Study, once the components have said what they are."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from search import components, grammar
from search.errors import StudyError, near_miss, one_of
from search.grammar.interest import interest
from search.grammar.start import start
from search.space import Space
from search.study.definition import Study
from search.study.measured import constraint, objective
from search.study.settings import chosen, like
from search.study.tables import InterestTable, MergeTable, StudyFile, TrainerTable
from trainers.rung import expand, pieces

# no objective: what reports and tables have under these names
TAKEN = ("step", "id", "kind", "marks", "survives", "parents", "coefficients", "probability", "repeats")


def resolve(table: StudyFile, file: str, folder: str) -> Study:
    """A study from its table. ``folder``: where a user's own modules are looked for, and where a command runs."""
    for place in (folder, os.getcwd()):
        if place not in sys.path:
            sys.path.append(place)
    module, declared, settings = _trainer(table.trainer, file)
    between = table.parameter_constraints
    space = grammar.read(table.space, declared.get("SPACE", {}), origin=module, file=file, constraints=between)
    if not space.dimensions:
        raise StudyError(f"{file} [space]", expected="something to search", got="only fixed values")
    if table.trainer.command is not None:
        _check_command(table.trainer.command, space, file)
    for section, names in (("objectives", table.objectives), ("constraints", table.constraints)):
        for name in names:
            if name in TAKEN or name in flat_names(space) or not name:
                raise StudyError(
                    f"{file} [{section}] {name}", expected=f"a name that is no dimension, nor one of {', '.join(TAKEN)}"
                )
    provided = _provided(declared, settings)
    objectives = tuple(objective(name, entry, provided, file) for name, entry in table.objectives.items())
    constraints = tuple(constraint(name, entry, provided, file) for name, entry in table.constraints.items())
    both = {objective.name for objective in objectives} & {bound.name for bound in constraints}
    if both:
        raise StudyError(f"{file} [constraints] {sorted(both)[0]}", expected="a name that is no objective's")
    budget = table.budget
    if budget.steps % budget.rungs:
        raise StudyError(f"{file} [budget] rungs", expected=f"a divisor of steps = {budget.steps}", got=budget.rungs)
    stop_settings: Mapping[str, Any] = {}
    rule, rules = table.stop.rule, [*components.names("stop"), "off"]
    if "." not in rule and rule not in rules:
        raise StudyError(f"{file} [stop] rule", expected=one_of(rules), got=rule, hint=near_miss(rule, rules))
    if rule != "off":
        stop_settings = chosen("stop", table.stop, f"{file} [stop]", "rule")
    if table.amortise and not table.merge:
        raise StudyError(f"{file} [amortise]", expected="a table [merge] too, which says how many models are merged")
    merge_settings: Mapping[str, Any] = {}
    if table.merge:
        merge_settings = chosen("merge", table.merge, f"{file} [merge]", "rule")
        if table.merge.groups > 1:
            _grouped(table.merge, f"{file} [merge] groups")
        _method(table.merge.method, f"{file} [merge] method")
        if not declared.get("MERGEABLE", False):
            raise StudyError(f"{file} [merge]", expected="a trainer whose models share a base", got=module)
    return Study(
        file=file,
        table=table,
        space=space,
        start=start(space, table.start.points, defaults=table.start.defaults, file=file),
        trainer=module,
        settings=settings,
        objectives=objectives,
        constraints=constraints,
        interest=interest(
            {aim.name: aim.loss(1.0) for aim in objectives}, table.interest.limits, table.interest.weights, file=file
        ),
        proposer_settings=_proposer(table, file),
        stop_settings=stop_settings,
        merge_settings=merge_settings,
        folder=folder,
        declared=declared,
    )


def _trainer(entry: TrainerTable, file: str) -> tuple[str, Mapping[str, Any], dict[str, Any]]:
    """The trainer's module, what it declares, and its settings with their defaults."""
    where = f"{file} [trainer]"
    if (entry.name is None) == (entry.command is None):
        names = ", ".join(components.names("trainer"))
        raise StudyError(where, expected="either name or command", hint=f"Shipped trainers: {names}.")
    own = entry.command is not None or ":" in str(entry.name)  # the user's: it declares nothing
    component = None if own else components.describe("trainer", str(entry.name), where=f"{where} name")
    defaults: dict[str, Any] = component.constants.get("SETTINGS", {}) if component else {}
    settings = dict(defaults)
    for key, value in entry.settings.items():
        if key not in defaults:
            known = ["command" if entry.command is not None else "name", *defaults]
            raise StudyError(f"{where} {key}", expected=one_of(known), got=key, hint=near_miss(key, known))
        settings[key] = like(defaults[key], value, f"{where} {key}")
    if entry.command is not None:
        return "trainers.external", {"STACKED": False}, {"command": entry.command}
    if component is None:
        components.import_function(str(entry.name), where=f"{where} name")
        return "trainers.external", {"STACKED": False}, {"function": str(entry.name)}
    mergeable = {"base", "evaluate"} <= component.functions.keys()
    space = _following(component.space, defaults, settings)
    return component.module, {**component.constants, "SPACE": space, "MERGEABLE": mergeable}, settings


def _method(name: str, where: str) -> None:
    """A search of coefficients, or a proposer, to which they are a space like any other."""
    if name not in components.names("proposer"):
        known = [*components.names("coefficients"), *components.names("proposer")]
        if "." not in name and name not in known:
            raise StudyError(where, expected=one_of(known), got=name, hint=near_miss(name, known))
        components.describe("coefficients", name, where=where)


def _grouped(table: MergeTable, where: str) -> None:
    """Coefficients of groups of layers are a box, and those of a rule of weights."""
    declared = components.describe("merge", table.rule, where=where).constants
    for constant, why in (("SIMPLEX", "whose coefficients sum to one"), ("OF_OUTPUTS", "of outputs")):
        if declared.get(constant, False):
            hint = 'Merge with rule = "task_arithmetic".'
            raise StudyError(where, expected=f"1 with {table.rule}, a rule {why}", got=table.groups, hint=hint)


def _following(space: Mapping[str, Any], defaults: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A simplex over the names in a list of settings has the names that the study puts into that list."""
    followed = dict(space)
    for name, entry in space.items():
        for key, default in defaults.items():
            if isinstance(entry, dict) and "simplex" in entry and entry["simplex"] == default != settings[key]:
                names = settings[key]
                followed[name] = {"simplex": names, "default": {each: 1 / len(names) for each in names}}
    return followed


def _provided(declared: Mapping[str, Any], settings: Mapping[str, Any]) -> set[str] | None:
    """Names that the trainer's outputs hold, or None for a trainer that reports its values itself."""
    if "PROVIDES" not in declared:
        return None
    return {"seconds", *expand(declared["PROVIDES"], settings)}


def _proposer(table: StudyFile, file: str) -> Mapping[str, Any]:
    """The proposer's settings; it must take what the study offers it."""
    where = f"{file} [proposer]"
    settings, name = chosen("proposer", table.proposer, where, "name"), table.proposer.name
    for keyword, wanted in (("interest", table.interest != InterestTable()), ("earlier", bool(table.prior.studies))):
        if wanted and not components.takes("proposer", name, keyword):
            takes = [each for each in components.names("proposer") if components.takes("proposer", each, keyword)]
            section = "interest" if keyword == "interest" else "prior"
            raise StudyError(f"{where} name", expected=f"{one_of(takes)}, which look at [{section}]", got=name)
    return settings


def _check_command(command: str, space: Space, file: str) -> None:
    """Every name in braces must be one that a trial has."""
    where = f"{file} [trainer] command"
    try:
        words = [pieces(word) for word in shlex.split(command)]
    except ValueError as error:
        raise StudyError(where, expected="a command line", got=str(error)) from error
    if not words:
        raise StudyError(where, expected="a command line", got=command)
    known = sorted(flat_names(space) | {"seed", "steps", "checkpoint"})
    for name in (name for word in words for _, name in word if name is not None):
        if name not in known:
            allowed = one_of(f"{{{each}}}" for each in known)
            raise StudyError(where, expected=allowed, got=f"{{{name}}}", hint=near_miss(name, known))


def flat_names(space: Space) -> set[str]:
    """Every name that params can have."""
    names: set[str] = set()
    for node, _ in space.leaves():
        simplex: Sequence[str] = getattr(node, "names", ())
        names |= {f"{node.name}.{name}" for name in simplex} if simplex else {node.name}
    return names
