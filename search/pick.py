"""One member of a front: by what is wanted of it, and what it would cost to move from there.

Losses are scaled to the front's own range, 0 the best and 1 the worst of its members in each objective. Of the members
that keep the limits it is

    weights     the least  max_j w_j s_j        weighted Chebyshev; all 1: the least of the largest regrets
    near        the least  max_j (s_j - z_j)    nearest to a wish z, or farthest beyond it (Wierzbicki 1980)
    neither     the knee                        `pareto.choose.knee`

each with a twentieth of the sum, which breaks ties.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.errors import SearchError, near_miss, one_of
from search.front import Front, Point
from search.pareto import choose
from search.pareto.scalarise import augmented_chebyshev

TIES = 0.05  # of the sum, as in ParEGO


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """From the picked member to ``to``, which is better in ``gained``, and in ``also``: ``changes`` of every objective,
    in its unit."""

    gained: str
    to: str
    also: tuple[str, ...] = ()
    changes: dict[str, float]

    def __str__(self) -> str:
        def said(name: str) -> str:
            change = self.changes[name]
            return f"{abs(change):.3g} {'more' if change > 0 else 'less'} {name}"

        gains = [self.gained, *self.also]
        costs = [name for name, change in self.changes.items() if name not in gains and change]
        bought, paid = (" and ".join(map(said, names)) for names in (gains, costs))
        return f"{bought} for {paid or 'nothing'} ({self.to})"


def pick(
    found: Front,
    *,
    limits: Mapping[str, float] | None = None,
    weights: Mapping[str, float] | None = None,
    near: Mapping[str, float] | None = None,
) -> Point:
    """The member that is wanted; a SearchError where the front is empty or none keeps the ``limits``.

    ``limits``: objective -> the worst value; ``weights``: objective -> how much it matters, 1 where it is not named;
    ``near``: objective -> the value that one would like, the best of the front where it is not named.
    """
    for told in (limits, weights, near):
        for name in told or {}:
            if name not in found.names:
                raise SearchError("pick", expected=one_of(found.names), got=name, hint=near_miss(name, found.names))
    if weights is not None and near is not None:
        raise SearchError("pick", expected="weights or a wish, not both")
    if weights is not None and (min(weights.values(), default=1.0) < 0 or not any(_filled(found, weights, 1.0))):
        raise SearchError("pick", expected="weights of at least 0, not all 0", got=dict(weights))
    losses = found.losses
    kept = _within(found, losses, limits or {})
    if weights is None and near is None:
        return found.points[kept[choose.knee(losses[kept])]]
    (best, width), told = choose.scale(losses), near or {}
    wish = [aim.loss(told[aim.name]) if aim.name in told else best[i] for i, aim in enumerate(found.objectives)]
    factors = _filled(found, weights or {}, 1.0)
    scaled, aimed = (losses[kept] - best) / width, (np.array(wish) - best) / width
    return found.points[kept[int(np.argmin(augmented_chebyshev(scaled, factors, aimed, rho=TIES)))]]


def exchanges(found: Front, point: Point) -> list[Exchange]:
    """For each objective in which another member is better: to the one that costs least in the others, for what it
    gains."""
    losses = found.losses
    here = [each.id for each in found.points].index(point.id)
    moved = (losses - losses[here]) / choose.scale(losses)[1]
    made = []
    for place, name in enumerate(found.names):
        better = np.flatnonzero(moved[:, place] < 0.0)
        if not len(better):
            continue
        cost = np.maximum(np.delete(moved[better], place, axis=1), 0.0).sum(axis=1)
        row = better[int(np.argmin(cost / -moved[better, place]))]
        to = found.points[row]
        changes = {each: to.values[each] - point.values[each] for each in found.names}
        also = tuple(each for i, each in enumerate(found.names) if i != place and moved[row, i] < 0.0)
        made.append(Exchange(gained=name, to=to.id, also=also, changes=changes))
    return made


def _within(found: Front, losses: NDArray[np.float64], limits: Mapping[str, float]) -> list[int]:
    if not found.points:
        raise SearchError(f"the front of {found.study}", expected="a trial that has finished", got="none")
    worst = np.array([aim.loss(limits[aim.name]) if aim.name in limits else np.inf for aim in found.objectives])
    kept: list[int] = np.flatnonzero((losses <= worst).all(axis=1)).tolist()
    if not kept:
        over = np.maximum(losses - worst, 0.0) / choose.scale(losses)[1]
        nearest = found.points[int(np.argmin(over.max(axis=1)))]
        got = ", ".join(f"{name} {nearest.values[name]:.4g}" for name in limits)
        wanted = ", ".join(f"{name} {value:g}" for name, value in limits.items())
        raise SearchError(
            f"the front of {found.study}", expected=f"a member within {wanted}", got="none",
            hint=f"The nearest is {nearest.id}, with {got}.",
        )  # fmt: skip
    return kept


def _filled(found: Front, told: Mapping[str, float], default: float) -> list[float]:
    return [told.get(name, default) for name in found.names]
