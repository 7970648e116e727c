"""The grammar of ``[interest]``: the part of the front that is wanted; what lies outside is not searched for.

[interest]
limits = {error = 0.05}        worse is of no interest, though it still counts in the hypervolume
weights = {error = 2}          the search spreads twice as far along this objective as along one of weight 1
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from search.errors import StudyError, near_miss, one_of


@dataclass(frozen=True, kw_only=True)
class Interest:
    """The part of the front that is wanted: ``limits`` (m,) that losses should keep, infinite for none, and how much of
    each loss is wanted, ``weights`` (m,), all 1 for no preference."""

    limits: tuple[float, ...]
    weights: tuple[float, ...]


def interest(
    signs: Mapping[str, float], limits: Mapping[str, float], weights: Mapping[str, float], *, file: str
) -> Interest | None:
    """What is wanted, as losses, or None where nothing is said; ``signs``: objective -> -1 where more is better."""
    for key, table in (("limits", limits), ("weights", weights)):
        for name, value in table.items():
            where = f"{file} [interest.{key}] {name}"
            if name not in signs:
                raise StudyError(where, expected=one_of(signs), got=name, hint=near_miss(name, signs))
            if key == "weights" and value <= 0.0:
                raise StudyError(where, expected="a number above 0", got=value)
    if not limits and not weights:
        return None
    return Interest(
        limits=tuple(sign * limits[name] if name in limits else math.inf for name, sign in signs.items()),
        weights=tuple(weights.get(name, 1.0) for name in signs),
    )
