"""The settings of a component that a study names: what it declares, checked and completed."""

from collections.abc import Mapping, Sequence
from typing import Any

from search import components, grammar
from search.errors import StudyError, near_miss, one_of
from search.space import Fixed, Float
from search.study.tables import Open


def chosen(family: str, entry: Open, where: str, key: str) -> Mapping[str, Any]:
    """The settings of the component that ``entry`` names under ``key``."""
    component = components.describe(family, getattr(entry, key), where=f"{where} {key}")
    return settings_of(component, entry.settings, where, list(type(entry).model_fields))


def settings_of(
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


def like(default: Any, value: Any, where: str) -> Any:
    """A setting of the kind that its default is; None takes anything."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, float) and number:
        return float(value)
    if isinstance(default, list | tuple) and isinstance(value, list | tuple):
        return [like(default[0], each, where) for each in value] if default else list(value)
    if default is not None and type(value) is not type(default):
        raise StudyError(where, expected=f"a value like {default!r}", got=value)
    return value
