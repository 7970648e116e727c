"""The grammar of ``[interest]``: the part of the front that is wanted; what lies outside is not searched for.

[interest]
limits = {error = 0.05}        worse is of no interest, though it still counts in the hypervolume
weights = {error = 2}          the search spreads twice as far along this objective as along one of weight 1
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from search.errors import StudyError, near_miss, one_of
from search.propose import Interest

if TYPE_CHECKING:
    from search.study import Objective


def interest(
    objectives: Sequence["Objective"], limits: Mapping[str, float], weights: Mapping[str, float], *, file: str
) -> Interest | None:
    """What is wanted, as losses; None where nothing is said of it."""
    known = [aim.name for aim in objectives]
    for key, table in (("limits", limits), ("weights", weights)):
        for name, value in table.items():
            if name not in known:
                where = f"{file} [interest.{key}] {name}"
                raise StudyError(where, expected=one_of(known), got=name, hint=near_miss(name, known))
            if key == "weights" and value <= 0.0:
                raise StudyError(f"{file} [interest.weights] {name}", expected="a number above 0", got=value)
    if not limits and not weights:
        return None
    return Interest(
        limits=tuple(aim.loss(limits[aim.name]) if aim.name in limits else math.inf for aim in objectives),
        weights=tuple(weights.get(aim.name, 1.0) for aim in objectives),
    )
