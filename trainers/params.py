"""Params against a literal SPACE, settings against SETTINGS: defaults, refusals, and components by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

HOMES = {
    "divergence": "objectives.divergences",
    "optimizer": "trainers.optimizers",
    "schedule": "trainers.schedules",
}


def complete(declared: Mapping[str, Any], given: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """`given` with the defaults of `declared`: entries of a SPACE have one, entries of SETTINGS are one.

    >>> complete({"learning_rate": {"low": 1e-4, "high": 1.0, "default": 0.1}}, {}, where="params")
    {'learning_rate': 0.1}
    >>> complete({"batch": 64, "hidden": [24]}, {"batch": 8}, where="settings")
    {'batch': 8, 'hidden': [24]}
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise ValueError(f"{where}: expected some of {sorted(declared)}, got {unknown}")
    for name, entry in declared.items():
        names = entry.get("simplex") if isinstance(entry, Mapping) else None
        if names and name in given and sorted(given[name]) != sorted(names):
            raise ValueError(f"{where} {name}: expected a share for each of {sorted(names)}, got {sorted(given[name])}")
    return {name: given[name] if name in given else _default(name, entry) for name, entry in declared.items()}


def _default(name: str, entry: Any) -> Any:
    if not isinstance(entry, Mapping):
        return entry
    return {"name": entry["default"]} if name in HOMES else entry["default"]


def component(family: str, choice: Mapping[str, Any]) -> tuple[ModuleType, dict[str, float]]:
    """The module of {"name": ..., **own} and its own hyperparameters; a name with a dot is a user's."""
    name, own = choice["name"], {key: value for key, value in choice.items() if key != "name"}
    module = importlib.import_module(name if "." in name else f"{HOMES[family]}.{name}")
    return module, complete(module.SPACE, own, where=f"{family} {name}")
