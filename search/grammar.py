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
"""

import math
from collections.abc import Mapping
from typing import Any

from search import components
from search.errors import StudyError, near_miss, one_of
from search.space import Choice, Fixed, Float, Integer, Node, Simplex, Space

NUMBER = {"low", "high", "log", "integer", "default"}
Scalar = str | int | float | bool


def read(table: Mapping[str, Any], declared: Mapping[str, Any], *, origin: str, file: str) -> Space:
    """The space of a study: its own ``[space]`` table over what the trainer declares; the rest keeps its default."""
    if declared:
        for name in table:
            if name not in declared:
                raise StudyError(
                    f"{file} [space] {name}", expected=one_of(declared), got=name, hint=near_miss(name, declared)
                )
    nodes = [_node(name, spec, declared.get(name), name, "study", origin, file) for name, spec in table.items()]
    nodes += [
        _default(name, spec, name, origin, file) for name, spec in declared.items() if name not in table
    ]
    return Space(tuple(nodes))


def node(name: str, spec: Any, *, file: str) -> Node:
    """One entry on its own."""
    return _node(name, spec, None, name, "study", "study", file)


def _node(name: str, spec: Any, declared: Any, path: str, origin: str, declarer: str, file: str) -> Node:
    """One entry. ``declared``: what ``declarer`` says of it, if anything; ``path``: its full name."""
    where = f"{file} [space] {path}"
    if isinstance(spec, list):
        spec = {"choice": spec}
    if isinstance(spec, Scalar):
        if (family := _family(name, declared)) is None:
            return _fixed(spec, declared, path, origin, where)
        spec = {"choice": spec if spec == "all" else [spec], **({"family": family} if family != name else {})}
    if not isinstance(spec, dict):
        raise StudyError(where, expected="a table, a list of options or a fixed value", got=spec)
    if isinstance(declared, dict) and spec and set(spec) <= set(declared.get("simplex", ())):
        return _weights(spec, declared["simplex"], path, origin, where)
    if isinstance(declared, dict) and not {"choice", "simplex"} & spec.keys():
        spec, origin = {**declared, **spec}, declarer if not spec else f"{origin} over {declarer}"
    elif isinstance(declared, dict) and "family" in declared:
        spec = {"family": declared["family"], **spec}
    if "choice" in spec:
        return _choice(name, spec, path, origin, file)
    if "simplex" in spec:
        return _simplex(spec, declared, path, origin, where)
    return _number(spec, path, origin, where)


def _fixed(value: Any, declared: Any, path: str, origin: str, where: str) -> Fixed:
    if isinstance(declared, dict) and ({"low", "high"} & declared.keys()) and (
        isinstance(value, str | bool) or not math.isfinite(value)
    ):
        raise StudyError(where, expected="a number, or a table with low and high", got=value)
    if isinstance(declared, dict) and isinstance(declared.get("choice"), list) and value not in declared["choice"]:
        raise StudyError(where, expected=one_of(map(str, declared["choice"])), got=value, hint=near_miss(value, map(str, declared["choice"])))
    if isinstance(declared, dict) and "simplex" in declared:
        raise StudyError(where, expected=f"weights: {{simplex = {declared['simplex']}}}", got=value)
    return Fixed(name=path, value=value, origin=origin)


def _number(spec: dict[str, Any], path: str, origin: str, where: str) -> Float | Integer:
    for key in spec:
        if key not in NUMBER:
            hint = near_miss(key, NUMBER | {"choice", "simplex"})
            raise StudyError(f"{where}.{key}", expected=one_of(sorted(NUMBER | {"choice", "simplex"})), got=key, hint=hint)
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
    if node.default is not None and "over" not in origin and node.mistake(node.default):
        raise StudyError(f"{where}.default", expected=str(node.mistake(node.default)), got=node.default)
    return node


def _simplex(spec: dict[str, Any], declared: Any, path: str, origin: str, where: str) -> Simplex:
    names = spec["simplex"]
    unknown = spec.keys() - {"simplex", "default"}
    if unknown:
        raise StudyError(where, expected="simplex and default", got=sorted(unknown)[0])
    if not isinstance(names, list) or len(names) < 2 or not all(isinstance(name, str) and name for name in names):
        raise StudyError(f"{where}.simplex", expected="a list of at least two names", got=names)
    if len(set(names)) < len(names):
        raise StudyError(f"{where}.simplex", expected="names that differ", got=names)
    default = spec.get("default")
    if default is not None and (set(default) != set(names) or abs(sum(default.values()) - 1.0) > 1e-6):
        raise StudyError(f"{where}.default", expected=f"a weight for each of {', '.join(names)}, summing to one", got=default)
    return Simplex(name=path, names=tuple(names), default=default, origin=origin)


def _weights(value: dict[str, Any], names: list[str], path: str, origin: str, where: str) -> Fixed:
    """Weights that are not searched; a name left out weighs nothing."""
    if not all(isinstance(w, int | float) and w >= 0 for w in value.values()) or abs(sum(value.values()) - 1.0) > 1e-6:
        raise StudyError(where, expected="weights that are not negative and sum to one", got=value)
    return Fixed(name=path, value={name: float(value.get(name, 0.0)) for name in names}, origin=origin)


def _choice(name: str, spec: dict[str, Any], path: str, origin: str, file: str) -> Choice:
    where, options = f"{file} [space] {path}", spec["choice"]
    family = spec.get("family") or (name if name in components.FAMILIES else None)
    if family is not None and family not in components.FAMILIES:
        raise StudyError(f"{where}.family", expected=one_of(components.FAMILIES), got=family, hint=near_miss(family, components.FAMILIES))
    if options == "all" and family:
        options = components.names(family)
    inner = dict(options) if isinstance(options, dict) else {}
    options = list(options) if isinstance(options, dict | list) else options
    if not isinstance(options, list) or not options:
        raise StudyError(where, expected="a list of options" + (', or "all"' if family else ""), got=options)
    for option in options:
        if not isinstance(option, Scalar) or (family and not isinstance(option, str)):
            raise StudyError(where, expected="names of components" if family else "plain values as options", got=option)
    if len({(type(option), option) for option in options}) < len(options):
        raise StudyError(where, expected="options that differ", got=options)
    for key, value in spec.items():
        if key not in {"choice", "default", "family"}:
            if key not in options:
                raise StudyError(f"{where}.{key}", expected=one_of(map(str, options)), got=key, hint=near_miss(key, map(str, options)))
            inner[key] = value
    spaces: dict[Any, tuple[Node, ...]] = {}
    for option in options:
        component = components.describe(family, option, where=where) if family else None
        declared = component.space if component else {}
        table = inner.get(option, {})
        if not isinstance(table, dict):
            raise StudyError(f"{where}.{option}", expected="a table of this option's own dimensions", got=table)
        for key in table:
            if component and key not in declared:
                raise StudyError(f"{where}.{option}.{key}", expected=one_of(declared), got=key, hint=near_miss(key, declared))
        declarer = component.module if component else origin
        nodes = [
            _node(key, table.get(key, {}), declared.get(key), f"{path}.{option}.{key}", "study", declarer, file)
            for key in {**declared, **table}
        ]
        if nodes:
            spaces[option] = tuple(nodes)
    default = spec.get("default")
    if default is not None and default not in options:
        default = None if "over" in origin else default
    return Choice(
        name=path, options=tuple(options), spaces=spaces, named=bool(family or spaces), default=default, origin=origin
    )


def _default(name: str, spec: Any, path: str, origin: str, file: str) -> Node:
    """A declared hyperparameter that the study leaves alone: fixed at its default, a component with all of its own."""
    where = f"{file} [space] {path}"
    if not isinstance(spec, dict):
        return Fixed(name=path, value=spec, origin=f"default of {origin}")
    if "default" not in spec:
        raise StudyError(where, expected=f"an entry, since {origin} gives it no default")
    default, family = spec["default"], _family(name, spec)
    if family:
        component = components.describe(family, default, where=where)
        inner = tuple(_default(key, value, f"{path}.{default}.{key}", component.module, file) for key, value in component.space.items())
        return Choice(
            name=path, options=(default,), spaces={default: inner} if inner else {}, named=True, origin=f"default of {origin}"
        )
    return Fixed(name=path, value=default, origin=f"default of {origin}")


def _family(name: str, declared: Any) -> str | None:
    if isinstance(declared, dict) and "family" in declared:
        return str(declared["family"])
    return name if name in components.FAMILIES else None
