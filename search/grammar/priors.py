"""The grammar of ``prior``: where in a dimension good values are expected.

    learning_rate = {low = 1e-4, high = 1, log = true, prior = {center = 3e-3, factor = 3}}
    momentum      = {low = 0, high = 1, prior = {center = 0.9, spread = 0.05}}
    optimizer     = {choice = ["sgd", "adamw", "lion"], prior = {adamw = 3}}
    weights       = {simplex = ["labels", "teacher"], prior = {center = {labels = 1}, concentration = 10}}

A number is normal about its center, with a standard deviation of ``spread``, or of log(``factor``) in its logarithm. An
option is as likely as its weight says, or 1 where it has none. Weights are a Dirichlet distribution with parameters
1 + concentration * center.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from search.errors import StudyError, near_miss, one_of
from search.space import Float, Integer, Near


def near(prior: Any, node: Float | Integer, where: str) -> Near:
    """About a number of the range of ``node``."""
    width, other, least = ("factor", "spread", 1.0) if node.log else ("spread", "factor", 0.0)
    hint = f"It is a {width} where log = true." if node.log else "It is a factor only where log = true."
    table = _table(prior, ("center", width), where, hints={other: hint})
    if not _number(table["center"]) or not node.low <= table["center"] <= node.high:
        raise StudyError(f"{where}.center", expected=f"a number in {node}", got=table["center"])
    if not _number(table[width]) or table[width] <= least:
        raise StudyError(f"{where}.{width}", expected=f"a number above {least:g}", got=table[width])
    deviation = math.log(table[width]) if node.log else float(table[width])
    return Near(float(table["center"]), deviation)


def shares(prior: Any, options: Sequence[Any], where: str) -> tuple[float, ...]:
    """The probability of each of ``options``."""
    names = [str(option).lower() if isinstance(option, bool) else str(option) for option in options]
    if not isinstance(prior, Mapping):
        raise StudyError(where, expected=f"a table with weights of {', '.join(names)}", got=prior)
    for key, weight in prior.items():
        if key not in names:
            raise StudyError(f"{where}.{key}", expected=one_of(names), got=key, hint=near_miss(key, names))
        if not _number(weight) or weight <= 0:
            raise StudyError(f"{where}.{key}", expected="a number above 0", got=weight)
    weights = [float(prior.get(name, 1.0)) for name in names]
    return tuple(weight / math.fsum(weights) for weight in weights)


def dirichlet(prior: Any, names: Sequence[str], where: str) -> tuple[float, ...]:
    """The parameters of the weights of ``names``."""
    table = _table(prior, ("center", "concentration"), where)
    center, concentration = table["center"], table["concentration"]
    if not isinstance(center, Mapping):
        raise StudyError(f"{where}.center", expected=f"a table with weights of {', '.join(names)}", got=center)
    for name in center:
        if name not in names:
            raise StudyError(f"{where}.center.{name}", expected=one_of(names), got=name, hint=near_miss(name, names))
    if not all(_number(w) and w >= 0 for w in center.values()) or abs(sum(center.values()) - 1.0) > 1e-6:
        raise StudyError(f"{where}.center", expected="weights that are not negative and sum to one", got=center)
    if not _number(concentration) or concentration <= 0:
        raise StudyError(f"{where}.concentration", expected="a number above 0", got=concentration)
    return tuple(1.0 + concentration * center.get(name, 0.0) for name in names)


def _table(prior: Any, keys: tuple[str, str], where: str, hints: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    """A table that has both ``keys`` and no other."""
    if not isinstance(prior, Mapping):
        raise StudyError(where, expected=f"a table with {' and '.join(keys)}", got=prior)
    for key in prior:
        if key not in keys:
            hint = (hints or {}).get(key) or near_miss(key, keys)
            raise StudyError(f"{where}.{key}", expected=one_of(keys), got=key, hint=hint)
    for key in keys:
        if key not in prior:
            raise StudyError(where, expected=f"{key} as well", got=dict(prior))
    return prior


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
