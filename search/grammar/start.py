"""The grammar of ``[start]``: points that are tried before any that is proposed.

    [start]
    defaults = true                                                    the first: every default, if there is any
    points = [
        {learning_rate = 3e-3, divergence = {name = "alpha", order = 0.5}},
        {"divergence" = "alpha", "divergence.alpha.order" = 1.0, weights = {labels = 0.5, teacher = 0.5}},
    ]

A point is written as a trainer reads it, or flat, by the names of params. What it leaves out has its default, or is in
the middle of its range; of weights, what is left out weighs nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from search.errors import StudyError, near_miss, one_of
from search.space import Choice, Dimension, Float, Node, Params, Simplex, Space
from search.space.feasible import conditions

LEFT_OUT = "What a point leaves out has its default, or is in the middle of its range."


def start(space: Space, points: Sequence[Mapping[str, Any]], *, defaults: bool, file: str) -> tuple[Params, ...]:
    """The first points of a study, none of them twice."""
    declared = defaults and any(dimension.default is not None for dimension in space.dimensions)
    found = [space.usual] if declared else []
    found += [point(space, table, f"{file} [start] point {place}") for place, table in enumerate(points, 1)]
    unique: dict[tuple[float, ...], Params] = {}
    for params in found:
        unique.setdefault(space.key(params), params)
    return tuple(unique.values())


def point(space: Space, table: Mapping[str, Any], where: str) -> Params:
    """The params that ``table`` means."""
    above = conditions(space)
    given = dict(_flat(space.nodes, table, above, where))

    def value(dimension: Dimension) -> Any:
        if isinstance(dimension, Simplex):
            parts = [given.get(f"{dimension.name}.{name}") for name in dimension.names]
            said: Any = None if parts.count(None) == len(parts) else tuple(part or 0.0 for part in parts)
        else:
            said = given.get(dimension.name)
        if said is None:
            return dimension.usual
        if mistake := dimension.mistake(said):
            raise StudyError(f"{where} {dimension.name}", expected=mistake, got=said)
        return float(said) if isinstance(dimension, Float) else said

    params = space.walk(value)
    for name, said in given.items():
        for choice, option in above[name].items():
            if str(params.get(choice)) != option:
                expected = f"{choice} = {option}, without which it does not exist"
                raise StudyError(f"{where} {name}", expected=expected, got=params.get(choice), hint=LEFT_OUT)
        if name in params and name not in space.numbers and params[name] != said:
            raise StudyError(f"{where} {name}", expected=f"{params[name]}, since it is not searched", got=said)
    for constraint in space.broken(params):
        got = {name: params[name] for name, _ in constraint.coefficients}
        raise StudyError(where, expected=constraint.text, got=got, hint=LEFT_OUT)
    return params


def _flat(
    nodes: Sequence[Node], table: Mapping[str, Any], known: Mapping[str, Any], where: str
) -> Iterator[tuple[str, Any]]:
    """Names of params and values, of a table that may be nested."""
    short = {node.name.rsplit(".", 1)[-1]: node for node in nodes}
    for key, value in table.items():
        node = short.get(key)
        if node is None and key not in known:
            names = [*short, *known]
            raise StudyError(f"{where} {key}", expected=one_of(short), got=key, hint=near_miss(key, names))
        if isinstance(node, Simplex):
            if not isinstance(value, Mapping):
                expected = f"a table with weights of {', '.join(node.names)}"
                raise StudyError(f"{where} {node.name}", expected=expected, got=value)
            for name, weight in value.items():
                if name not in node.names:
                    hint = near_miss(name, node.names)
                    raise StudyError(f"{where} {node.name}.{name}", expected=one_of(node.names), got=name, hint=hint)
                yield f"{node.name}.{name}", weight
        elif isinstance(node, Choice) and isinstance(value, Mapping):
            option = value.get("name", node.usual)
            if mistake := node.mistake(option):
                raise StudyError(f"{where} {node.name}.name", expected=mistake, got=option)
            yield node.name, option
            inner = {name: each for name, each in value.items() if name != "name"}
            yield from _flat(node.spaces.get(option, ()), inner, known, f"{where} {node.name}")
        else:
            yield (node.name if node else key), value
