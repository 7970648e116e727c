"""A study file -> a frozen Study; every mistake is found before anything runs.

The file is TOML with the tables below (or a dict of the same shape). The models here say what is allowed
and are the source of the JSON schema; what needs the components (space, measures, settings) is resolved
after them. What makes two studies the same study is said in ``search.identity``.
"""

import os
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from search import components, grammar
from search.errors import StudyError, near_miss, one_of
from search.grammar.interest import Interest, interest
from search.grammar.start import start
from search.space import Fixed, Float, Params, Space
from search.trial import Trial
from trainers.rung import expand, pieces

STUDIES = components.ROOT / "studies"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"  # also a folder and an MLflow experiment: no separators, no spaces
DEVICE = r"^(auto|cpu|mps|(cuda|xpu)(:\d+)?)$"
TAKEN = (
    "step",
    "id",
    "kind",
    "marks",
    "survives",
    "parents",
    "coefficients",
    "probability",
    "repeats",
)  # no objective: reports and tables


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Open(Table):
    """A table whose further keys are settings of the component that it names."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class TrainerTable(Open):
    """Who trains: a shipped trainer, ``package.module:function``, or a command line that reports JSON lines."""

    name: str | None = Field(None, description="a file in trainers/, or package.module:function")
    command: str | None = Field(None, description="a program; {learning_rate} and the like are filled in")


class ObjectiveTable(Open):
    """What a trial is judged by. Further keys are settings of the measure."""

    measure: str | None = Field(None, description="a file in objectives/measures; the objective's own name if left out")
    on: str | None = Field(None, description="which of the trainer's outputs, such as a view")
    direction: Literal["min", "max"] | None = None
    unit: str | None = None
    limit: float | None = Field(None, description="the worst value that counts: the hypervolume's reference")
    dear: bool = Field(False, description="before the end, measured only where the others leave the trial a chance")


class ConstraintTable(Open):
    """A bound on a value; a trial beyond it is infeasible."""

    measure: str | None = None
    on: str | None = None
    min: float | None = None
    max: float | None = None


class BudgetTable(Table):
    """``trials`` of ``steps`` training steps each, seen at ``rungs`` equal distances, ``population`` at a time.

    The last of them, a share of ``repeats``, train again what is there, each time with the next seed: what a repeat is
    expected to tell of who is on the front decides which.
    """

    trials: Annotated[int, Field(ge=1)] = 64
    steps: Annotated[int, Field(ge=1)] = 1
    rungs: Annotated[int, Field(ge=1)] = 1
    population: Annotated[int, Field(ge=1, le=4096)] = 16
    minutes: Annotated[float, Field(gt=0)] | None = None
    repeats: Annotated[float, Field(ge=0, lt=1, description="share of the trials, the last ones, that are repeats")] = (
        0.0
    )


class ProposerTable(Open):
    name: str = "ehvi"


class StopTable(Open):
    rule: Annotated[str, Field(description='a file in search/stop, or "off"')] = "front"
    audit: Annotated[float, Field(ge=0, le=1, description="share of refused trials run on as a check")] = 0.05


class MergeTable(Open):
    """Merge the models of front members that share a base."""

    evaluations: Annotated[int, Field(ge=1, description="merged models that are truly evaluated")]
    rule: Annotated[str, Field(description="a file in search/pareto/merge")] = "task_arithmetic"
    parents: Annotated[int, Field(ge=2, le=8)] = 3
    method: Annotated[
        str, Field(description="how coefficients are searched: a file in search/pareto/coefficients, or a proposer")
    ] = "outputs"


class AmortiseTable(Table):
    """Merge in between too: both budgets are spent in equal rounds, and training goes where merges do not reach."""

    rounds: Annotated[int, Field(ge=1, le=64)] = 4


class StartTable(Table):
    """What is tried first."""

    points: Annotated[
        list[dict[str, Any]], Field(description="in this order; what a point leaves out has its default")
    ] = []
    defaults: Annotated[bool, Field(description="before them every default, if any is declared")] = True


class InterestTable(Table):
    """The part of the front that is wanted; it may change when the study is resumed."""

    limits: Annotated[dict[str, float], Field(description="objective -> the worst value of interest, in its unit")] = {}
    weights: Annotated[dict[str, float], Field(description="objective -> how far the search spreads along it")] = {}


class PriorTable(Table):
    """What is known before the first trial."""

    studies: Annotated[list[str], Field(description="launched in the same home: their trials tell of this one's")] = []


class RunTable(Table):
    device: Annotated[str, Field(pattern=DEVICE, description="auto, cpu, cuda, cuda:1, ...")] = "auto"
    trial_minutes: Annotated[float, Field(gt=0, description="a trial that runs longer fails: timeout")] | None = None


class StudyFile(Table):
    """The whole file."""

    name: Annotated[str, Field(pattern=NAME)]
    description: str = ""
    seed: Annotated[int, Field(ge=0)] = 0
    repeats: bool = Field(False, description="the same point may be proposed again")
    trainer: TrainerTable
    space: dict[str, Any] = Field(..., min_length=1)
    parameter_constraints: list[str] = Field([], description="linear, between numbers: encoder + decoder <= 8")
    start: StartTable = StartTable()
    objectives: dict[str, ObjectiveTable] = Field(..., min_length=1)
    constraints: dict[str, ConstraintTable] = {}
    interest: InterestTable = InterestTable()
    prior: PriorTable = PriorTable()
    budget: BudgetTable = BudgetTable()
    proposer: ProposerTable = ProposerTable()
    stop: StopTable = StopTable()
    merge: MergeTable | None = None
    amortise: AmortiseTable | None = None
    run: RunTable = RunTable()


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A value that trials report. ``limit``: the worst that counts, in ``unit``; for a constraint its bound."""

    name: str
    direction: Literal["min", "max"]
    unit: str
    limit: float
    measure: str | None = None
    on: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    dear: bool = False

    def loss(self, value: float) -> float:
        """Signed so that less is better: the only place inside where a sign flips."""
        return value if self.direction == "min" else -value


@dataclass(frozen=True, kw_only=True)
class Study:
    """A checked study. ``file``: how messages call it; ``start``: what is tried first; ``trainer``: its module;
    ``settings``: the trainer's; ``earlier``: the trials of each of ``[prior] studies``, as trials of this one."""

    file: str
    table: StudyFile
    space: Space
    start: tuple[Params, ...]
    trainer: str
    settings: Mapping[str, Any]
    objectives: tuple[Objective, ...]
    constraints: tuple[Objective, ...]
    interest: Interest | None
    proposer_settings: Mapping[str, Any]
    stop_settings: Mapping[str, Any]
    merge_settings: Mapping[str, Any]
    folder: str
    declared: Mapping[str, Any]
    earlier: tuple[tuple[Trial, ...], ...] = ()

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def capacity(self) -> int:
        """How many trials advance together: one, where the trainer cannot stack them."""
        return self.table.budget.population if self.stacked else 1

    @property
    def stacked(self) -> bool:
        """Whether trials continue from a row of a checkpoint; otherwise the training code keeps its own."""
        return bool(self.declared.get("STACKED", True))

    @property
    def rungs(self) -> list[int]:
        """The steps (rungs,) at which a trial is seen, the last of them its end."""
        steps, rungs = self.table.budget.steps, self.table.budget.rungs
        return list(range(steps // rungs, steps + 1, steps // rungs))

    @property
    def reference(self) -> tuple[float, ...]:
        """The hypervolume's reference point (m,), as losses: every objective at its limit."""
        return tuple(objective.loss(objective.limit) for objective in self.objectives)

    def losses(self, values: Mapping[str, float]) -> tuple[float, ...]:
        return tuple(objective.loss(values[objective.name]) for objective in self.objectives)

    def violations(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """By how much each constraint is missed, in its unit; at most 0 where it holds."""
        return tuple(bound.loss(values[bound.name]) - bound.loss(bound.limit) for bound in self.constraints)


def read(source: str | os.PathLike[str] | Mapping[str, Any], **overrides: Any) -> Study:
    """A shipped study's name, a file, or a dict.

    ``overrides``: dotted keys such as ``{"budget.trials": 8}``; None overrides nothing.
    """
    if isinstance(source, Mapping):
        return resolve(_validate({"name": "study", **source}, "study", overrides), "study", os.getcwd())
    path = find(source)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(str(source), expected="valid TOML", got=str(error)) from error
    return resolve(_validate({"name": path.stem, **table}, path.name, overrides), path.name, str(path.resolve().parent))


def shipped() -> list[str]:
    """The studies that come with the package."""
    return sorted(path.stem for path in STUDIES.glob("*.toml"))


def find(source: str | os.PathLike[str]) -> Path:
    """The file of a study: a path, or the name of a shipped one."""
    path = Path(source)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if not path.is_file():
            raise StudyError(str(source), expected="a study file", got="no such file")
        return path
    if (STUDIES / f"{source}.toml").is_file():
        return STUDIES / f"{source}.toml"
    known = shipped()
    raise StudyError(
        f"study {str(source)!r}",
        expected=f"a .toml file or {one_of(known)}",
        hint=near_miss(str(source), known) or "A file is named with its ending: my-study.toml.",
    )


def schema() -> dict[str, Any]:
    """The JSON schema of a study file, for editors."""
    made = StudyFile.model_json_schema()
    made["required"].remove("name")  # the file's own name serves
    made["properties"]["trainer"] = {"anyOf": [{"type": "string"}, made["properties"]["trainer"]]}
    made["properties"]["stop"] = {"anyOf": [{"enum": ["off", False]}, made["properties"]["stop"]]}
    return {"$schema": "http://json-schema.org/draft-07/schema#", **made, "title": "A study file"}


def _validate(table: Mapping[str, Any], file: str, overrides: Mapping[str, Any]) -> StudyFile:
    table = {key: dict(value) if isinstance(value, Mapping) else value for key, value in table.items()}
    if isinstance(table.get("trainer"), str):  # trainer = "package.module:function"
        table["trainer"] = {"name": table["trainer"]}
    for dotted, value in overrides.items():
        if value is None:
            continue
        *outer, key = dotted.split(".")
        target = table
        for part in outer:
            target = target.setdefault(part, {})
        if isinstance(target, dict):  # otherwise the file has a mistake, which is found below
            target[key] = value
    if table.get("stop") in (False, "off"):
        table["stop"] = {"rule": "off"}
    try:
        return StudyFile.model_validate(table)
    except ValidationError as error:
        found = error.errors()
        misspelt = [each for each in found if each["type"] == "extra_forbidden"]  # says more than what is missing
        raise _explain((misspelt or found)[0], file) from None


NAMED_BY = {"trainer": "name", "proposer": "name", "stop": "rule"}
RULES = {
    "missing": "an entry; there is none",
    "model_type": "a table",
    "dict_type": "a table",
    "list_type": "a list",
    "too_short": "a table with one entry at least",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
}


def _explain(error: ErrorDetails, file: str) -> StudyError:
    """pydantic's first error in the words of the study file."""
    *tables, key = [str(part) for part in error["loc"]]
    plain = key not in StudyFile.model_fields or StudyFile.model_fields[key].annotation in (str, int, bool, list[str])
    where = f"{file} [{'.'.join(tables)}] {key}" if tables else f"{file} {key}" if plain else f"{file} [{key}]"
    if error["type"] == "extra_forbidden":  # of the whole file, [start], [budget] or [run]: the others are open
        model: Any = StudyFile.model_fields[tables[0]].annotation if tables else StudyFile
        model = next((each for each in get_args(model) if each is not NoneType), model)  # a table that may be left out
        known = list(model.model_fields)
        return StudyError(where, expected=one_of(known), got=key, hint=near_miss(key, known))
    rule = RULES.get(error["type"]) or error["msg"].removeprefix("Input should be ")
    if error["type"] == "string_pattern_mismatch":
        rule = "auto, cpu, mps, cuda or cuda:N" if key == "device" else "letters, digits, '.', '_' and '-', at most 64"
    got = None if error["type"] == "missing" else error["input"]
    short = key in NAMED_BY and isinstance(got, str)
    hint = f'Write {key} = {{{NAMED_BY[key]} = "{got}"}}.' if short else ""
    return StudyError(where, expected=rule, got=got, hint=hint)


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
    objectives = tuple(_objective(name, entry, provided, file) for name, entry in table.objectives.items())
    constraints = tuple(_constraint(name, entry, provided, file) for name, entry in table.constraints.items())
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
        stop_settings = _chosen("stop", table.stop, f"{file} [stop]", "rule")
    if table.amortise and not table.merge:
        raise StudyError(f"{file} [amortise]", expected="a table [merge] too, which says how many models are merged")
    merge_settings: Mapping[str, Any] = {}
    if table.merge:
        merge_settings = _chosen("merge", table.merge, f"{file} [merge]", "rule")
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
        settings[key] = _like(defaults[key], value, f"{where} {key}")
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


def _like(default: Any, value: Any, where: str) -> Any:
    """A setting of the kind that its default is; None takes anything."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, float) and number:
        return float(value)
    if isinstance(default, list | tuple) and isinstance(value, list | tuple):
        return [_like(default[0], each, where) for each in value] if default else list(value)
    if default is not None and type(value) is not type(default):
        raise StudyError(where, expected=f"a value like {default!r}", got=value)
    return value


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
    return component, _settings(component, entry.settings, where, list(type(entry).model_fields))


def _objective(name: str, entry: ObjectiveTable, provided: set[str] | None, file: str) -> Objective:
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


def _constraint(name: str, entry: ConstraintTable, provided: set[str] | None, file: str) -> Objective:
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


def _proposer(table: StudyFile, file: str) -> Mapping[str, Any]:
    """The proposer's settings; it must take what the study offers it."""
    where = f"{file} [proposer]"
    settings, name = _chosen("proposer", table.proposer, where, "name"), table.proposer.name
    for keyword, wanted in (("interest", table.interest != InterestTable()), ("earlier", bool(table.prior.studies))):
        if wanted and not components.takes("proposer", name, keyword):
            takes = [each for each in components.names("proposer") if components.takes("proposer", each, keyword)]
            section = "interest" if keyword == "interest" else "prior"
            raise StudyError(f"{where} name", expected=f"{one_of(takes)}, which look at [{section}]", got=name)
    return settings


def _chosen(family: str, entry: Open, where: str, key: str) -> Mapping[str, Any]:
    """The settings of the component that ``entry`` names under ``key``."""
    component = components.describe(family, getattr(entry, key), where=f"{where} {key}")
    return _settings(component, entry.settings, where, list(type(entry).model_fields))


def _settings(
    component: components.Component, given: Mapping[str, Any], where: str, keys: Sequence[str]
) -> Mapping[str, Any]:
    """A component's own hyperparameters at their defaults, and what the study sets over them.

    ``keys``: what else may stand in the table.
    """
    known = [*keys, *component.space]
    for setting in given:
        if setting not in component.space:
            raise StudyError(f"{where} {setting}", expected=one_of(known), got=setting, hint=near_miss(setting, known))
    made = {}
    for setting, spec in component.space.items():
        node = grammar.node(setting, spec, file=component.module)
        if isinstance(node, Fixed):
            made[setting] = given.get(setting, node.value)
            continue
        if setting not in given and node.default is None:
            raise StudyError(f"{where} {setting}", expected=f"a value, since {component.module} has no default for it")
        value = given.get(setting, node.default)
        if mistake := node.mistake(value):
            raise StudyError(f"{where} {setting}", expected=mistake, got=value)
        made[setting] = float(value) if isinstance(node, Float) else value
    return made


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
