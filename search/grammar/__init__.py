"""The grammar of ``[space]``, shared by study files and by the ``SPACE`` of every component.

    learning_rate = {low = 1e-4, high = 1e-1, log = true}     a real number
    depth         = {low = 1, high = 4, integer = true}       a whole number
    activation    = ["relu", "gelu"]                          a choice
    model         = {choice = {mlp = {width = ...}, cnn = {}}}    a choice whose options carry sub-spaces
    weights       = {simplex = ["labels", "teacher"]}         weights that sum to one
    divergence    = "all"  |  ["alpha", "my.module"]          components of the family, each with its own SPACE
    optimizer     = {choice = "all", sgd = {momentum = 0.9}}  the same, with part of it overridden
    temperature   = 2.0                                       fixed
    temperature   = {}                                        as the trainer declares it

A name such as ``divergence`` means components where the trainer declares it. To a trainer that declares
nothing (a user's function, a program) ``optimizer = ["adam", "lbfgs"]`` are two plain words, and components
are asked for by ``"all"`` or with ``family = "optimizer"``. What else may be said of a dimension is in ``priors``, and
of several numbers at once in ``constraints``.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from search import components
from search.errors import StudyError, near_miss, one_of
from search.grammar import priors
from search.grammar.constraints import constrained
from search.space import Choice, Fixed, Float, Integer, Node, Simplex, Space

NUMBER = ("low", "high", "log", "integer", "default", "prior")
WEIGHTS = ("simplex", "default", "prior")
ENTRY = (*NUMBER, "choice", "simplex")
Scalar = str | int | float | bool
NAME = re.compile(r"\w[\w-]*")
OWN: Any = object()  # in the place of what is declared, where a trainer declares nothing


def read(
    table: Mapping[str, Any], declared: Mapping[str, Any], *, origin: str, file: str, constraints: Sequence[str] = ()
) -> Space:
    """The space of a study: its own ``[space]`` table over what the trainer declares; the rest keeps its default."""
    for name in table:
        if declared and name not in declared:
            raise StudyError(
                f"{file} [space] {name}", expected=one_of(declared), got=name, hint=near_miss(name, declared)
            )
    nodes = [_node(name, spec, declared.get(name, OWN), name, "study", origin, file) for name, spec in table.items()]
    nodes += [_default(name, spec, name, origin, file) for name, spec in declared.items() if name not in table]
    return constrained(Space(tuple(nodes)), constraints, file=file)


def node(name: str, spec: Any, *, file: str) -> Node:
    """One entry on its own."""
    return _node(name, spec, None, name, "study", "study", file)


def _node(name: str, spec: Any, declared: Any, path: str, origin: str, declarer: str, file: str) -> Node:
    """One entry. ``declared``: what ``declarer`` says of it, if anything; ``path``: its full name."""
    where = f"{file} [space] {path}"
    if not NAME.fullmatch(name):
        raise StudyError(where, expected="a name of letters, digits, '_' and '-'", got=name)
    family, told = _family(name, spec, declared), declared if isinstance(declared, dict) else {}
    if isinstance(spec, list):
        spec = {"choice": spec}
    if isinstance(spec, Scalar):
        if family is None:
            return Fixed(name=path, value=_value(spec, told, where), origin=origin)
        spec = {"choice": spec if spec == "all" else [spec]}
    if not isinstance(spec, dict):
        raise StudyError(where, expected="a table, a list of options or a fixed value", got=spec)
    if "simplex" in told and spec and not {"choice", *WEIGHTS} & spec.keys():
        return _weights(spec, told["simplex"], path, origin, where)
    if told and not {"choice", "simplex"} & spec.keys():
        origin = f"{origin} over {declarer}" if spec else declarer
        same = spec.keys() <= {"prior"}  # nothing that the declared default could be out of
        spec = {**{key: value for key, value in told.items() if key != "default" or same}, **spec}
    if "choice" in spec:
        return _choice(spec, family, declared, path, origin, file)
    if "simplex" in spec:
        return _simplex(spec, told, path, origin, where)
    return _number(spec, path, origin, where)


def _value(value: Any, told: Mapping[str, Any], where: str) -> Any:
    """A fixed value or an option, as what is declared reads it: a real number is a float, however it is written."""
    if "simplex" in told:
        rule = f"weights of {', '.join(told['simplex'])}: {{}}, or a table with numbers that sum to one"
        raise StudyError(where, expected=rule, got=value)
    if isinstance(value, float) and not math.isfinite(value):
        raise StudyError(where, expected="a finite number", got=value)
    if {"low", "high"} & told.keys():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or (told.get("integer") and not float(value).is_integer()):
            kind = "a whole number" if told.get("integer") else "a number"
            raise StudyError(where, expected=f"{kind}, or a table with low and high", got=value)
        return int(value) if told.get("integer") else float(value)
    if isinstance(options := told.get("choice"), list) and value not in options:
        raise StudyError(where, expected=one_of(map(str, options)), got=value, hint=near_miss(value, map(str, options)))
    return value


def _number(spec: dict[str, Any], path: str, origin: str, where: str) -> Float | Integer:
    for key in spec:
        if key not in NUMBER:
            raise StudyError(f"{where}.{key}", expected=one_of(ENTRY), got=key, hint=near_miss(key, ENTRY))
    for key in ("low", "high"):
        if key not in spec:
            raise StudyError(where, expected=f"{key}, since a range needs low and high", got=spec)
        if isinstance(spec[key], bool) or not isinstance(spec[key], int | float) or not math.isfinite(spec[key]):
            raise StudyError(f"{where}.{key}", expected="a finite number", got=spec[key])
    for key in ("log", "integer"):
        if not isinstance(spec.get(key, False), bool):
            raise StudyError(f"{where}.{key}", expected="true or false", got=spec[key])
    low, high, log = spec["low"], spec["high"], spec.get("log", False)
    if not low < high:
        raise StudyError(where, expected="low < high", got=f"low = {low}, high = {high}")
    if log and low <= 0:
        raise StudyError(f"{where}.low", expected="a number above 0, since log = true", got=low)
    node: Float | Integer
    if spec.get("integer", False):
        if not (float(low).is_integer() and float(high).is_integer()):
            raise StudyError(where, expected="whole numbers for low and high, since integer = true", got=(low, high))
        node = Integer(name=path, low=int(low), high=int(high), log=log, default=spec.get("default"), origin=origin)
    else:
        node = Float(name=path, low=float(low), high=float(high), log=log, default=spec.get("default"), origin=origin)
    if node.default is not None and (mistake := node.mistake(node.default)):
        raise StudyError(f"{where}.default", expected=mistake, got=node.default)
    return replace(node, prior=priors.near(spec["prior"], node, f"{where}.prior")) if "prior" in spec else node


def _simplex(spec: dict[str, Any], told: Mapping[str, Any], path: str, origin: str, where: str) -> Simplex:
    names, default = spec["simplex"], spec.get("default")
    for key in spec:
        if key not in WEIGHTS:
            raise StudyError(f"{where}.{key}", expected=one_of(WEIGHTS), got=key, hint=near_miss(key, WEIGHTS))
    if not isinstance(names, list) or len(names) < 2 or not all(isinstance(name, str) for name in names):
        raise StudyError(f"{where}.simplex", expected="a list of at least two names", got=names)
    for name in names:
        if not NAME.fullmatch(name):
            raise StudyError(f"{where}.simplex", expected="names of letters, digits, '_' and '-'", got=name)
    if len(set(names)) < len(names):
        raise StudyError(f"{where}.simplex", expected="names that differ", got=names)
    if told and "simplex" not in told:
        raise StudyError(f"{where}.simplex", expected="no simplex, but a number or a choice", got=names)
    if told and set(names) != set(told["simplex"]):
        raise StudyError(f"{where}.simplex", expected=f"the names {', '.join(told['simplex'])}", got=names)
    if default is not None and not (isinstance(default, dict) and set(default) == set(names) and _shares(default)):
        raise StudyError(
            f"{where}.default", expected=f"a weight for each of {', '.join(names)}, summing to one", got=default
        )
    prior = priors.dirichlet(spec["prior"], names, f"{where}.prior") if "prior" in spec else None
    return Simplex(name=path, names=tuple(names), default=default, prior=prior, origin=origin)


def _weights(value: dict[str, Any], names: list[str], path: str, origin: str, where: str) -> Fixed:
    """Weights that are not searched; a name left out weighs nothing."""
    for name in value:
        if name not in names:
            raise StudyError(f"{where}.{name}", expected=one_of(names), got=name, hint=near_miss(name, names))
    if not _shares(value):
        raise StudyError(where, expected="weights that are not negative and sum to one", got=value)
    return Fixed(name=path, value={name: float(value.get(name, 0.0)) for name in names}, origin=origin)


def _shares(weights: Mapping[str, Any]) -> bool:
    numbers = all(isinstance(w, int | float) and not isinstance(w, bool) and w >= 0 for w in weights.values())
    return numbers and abs(sum(weights.values()) - 1.0) <= 1e-6


def _choice(spec: dict[str, Any], family: str | None, declared: Any, path: str, origin: str, file: str) -> Choice:
    where, options, told = f"{file} [space] {path}", spec["choice"], declared if isinstance(declared, dict) else {}
    if family is not None and family not in components.FAMILIES:
        hint = near_miss(family, components.FAMILIES)
        raise StudyError(f"{where}.family", expected=one_of(components.FAMILIES), got=family, hint=hint)
    if options == "all" and family:
        options = components.names(family)
    inner = dict(options) if isinstance(options, dict) else {}
    options = list(options) if isinstance(options, dict | list) else options
    if not isinstance(options, list) or not options:
        raise StudyError(where, expected="a list of options" + (', or "all"' if family else ""), got=options)
    for option in options:
        if not isinstance(option, Scalar) or (family and not isinstance(option, str)):
            raise StudyError(where, expected="names of components" if family else "plain values as options", got=option)
    if family is None:
        options = [_value(option, told, where) for option in options]
    if len(set(options)) < len(options):  # 1, 1.0 and true are one value: a choice could not tell them apart
        raise StudyError(where, expected="options that differ", got=options)
    for key, value in spec.items():
        if key not in {"choice", "default", "family", "prior"}:
            if key not in options:
                known = [*map(str, options), "default", "prior"]
                raise StudyError(f"{where}.{key}", expected=one_of(known), got=key, hint=near_miss(key, known))
            inner[key] = value
    spaces: dict[Any, tuple[Node, ...]] = {}
    for option in options:
        component = components.describe(family, option, where=where) if family else None
        theirs = component.space if component else {}
        table = inner.get(option, {})
        if not isinstance(table, dict):
            raise StudyError(f"{where}.{option}", expected="a table of this option's own dimensions", got=table)
        for key in table:
            if component and key not in theirs:
                hint = near_miss(key, theirs)
                raise StudyError(f"{where}.{option}.{key}", expected=one_of(theirs), got=key, hint=hint)
        declarer, unknown = component.module if component else origin, OWN if declared is OWN else None
        nodes = [
            _node(key, table.get(key, {}), theirs.get(key, unknown), f"{path}.{option}.{key}", "study", declarer, file)
            for key in {**theirs, **table}
        ]
        if nodes:
            spaces[option] = tuple(nodes)
    default = spec.get("default")
    if default is not None and default not in options:
        known = list(map(str, options))
        raise StudyError(f"{where}.default", expected=one_of(known), got=default, hint=near_miss(default, known))
    return Choice(
        name=path, options=tuple(options), spaces=spaces, named=bool(family or spaces), default=default,
        prior=priors.shares(spec["prior"], options, f"{where}.prior") if "prior" in spec else None, origin=origin,
    )  # fmt: skip


def _default(name: str, spec: Any, path: str, origin: str, file: str) -> Node:
    """A declared hyperparameter that the study leaves alone: fixed at its default, a component with all of its own."""
    where, told = f"{file} [space] {path}", f"default of {origin}"
    if not isinstance(spec, dict):
        return Fixed(name=path, value=spec, origin=told)
    if "default" not in spec:
        raise StudyError(where, expected=f"an entry, since {origin} gives it no default")
    default, family = spec["default"], _family(name, spec, spec)
    if family is None:
        return Fixed(name=path, value=default, origin=told)
    component = components.describe(family, default, where=where)
    inner = tuple(
        _default(key, value, f"{path}.{default}.{key}", component.module, file)
        for key, value in component.space.items()
    )
    spaces = {default: inner} if inner else {}
    return Choice(name=path, options=(default,), spaces=spaces, named=True, origin=told)


def _family(name: str, spec: Any, declared: Any) -> str | None:
    """The family that an entry chooses from: as it says, as is declared, or its own name."""
    for table in (spec, declared):
        if isinstance(table, dict) and "family" in table:
            return str(table["family"])
    everything = "all" in (spec, spec.get("choice") if isinstance(spec, dict) else None)
    return name if name in components.FAMILIES and (declared is not OWN or everything) else None
