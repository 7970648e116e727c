"""Two studies with the same objectives: whose front dominates more, where, and which members hold against the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.errors import SearchError
from search.front import Front
from search.pareto import compare
from search.pareto.hypervolume import hypervolume

SHOWN = 0.02  # of all that is dominated by one alone: a smaller region is not worth a line


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where ``objective`` lies from ``low`` to ``high``, in its unit, ``ahead`` dominates ``by`` more."""

    objective: str
    low: float
    high: float
    ahead: str
    by: float

    def __str__(self) -> str:
        return f"{self.objective} {self.low:.4g} to {self.high:.4g}: {self.ahead} by {self.by:.3g}"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """``hypervolumes`` below one reference, the worse limit of each objective; ``exclusive``: what one dominates alone;
    ``surviving``: ids of members that no member of the other dominates; ``interval``: of the difference of the means
    over several ``launches`` of each, at 90 %, as launches vary with their seeds. Of single launches nothing tells how
    far another seed would be off, and it is None."""

    names: tuple[str, str]
    hypervolumes: tuple[float, float]
    exclusive: tuple[float, float]
    members: tuple[int, int]
    surviving: tuple[tuple[str, ...], tuple[str, ...]]
    regions: tuple[Region, ...]
    launches: tuple[int, int]
    interval: tuple[float, float] | None

    def __str__(self) -> str:
        lines = []
        for i, name in enumerate(self.names):
            alone, kept = f"{self.exclusive[i]:.4g} of it alone", len(self.surviving[i])
            lines.append(
                f"{name}: hypervolume {self.hypervolumes[i]:.4g}, {alone}; {kept} of {self.members[i]} survive"
            )
        told = f"{self.names[0]} - {self.names[1]}: {self.hypervolumes[0] - self.hypervolumes[1]:+.4g}"
        if self.interval:
            one, other = self.launches
            ends = f"[{self.interval[0]:+.4g}, {self.interval[1]:+.4g}]"
            told = f"{self.names[0]} - {self.names[1]}, means of {one} and {other} launches: within {ends} (90 %)"
        else:
            told += ", of one launch each: more launches (--fresh --seed N) would tell how sure this is"
        return "\n".join([*lines, told, *(f"  {region}" for region in self.regions)])


def diff(first: Sequence[Front], second: Sequence[Front], names: tuple[str, str]) -> Difference:
    """Launches of two studies, the last of each the one that is compared point by point."""
    sides = [first, second]
    one, other = first[-1], second[-1]
    described = [[(aim.name, aim.direction) for aim in side.objectives] for side in (one, other)]
    if described[0] != described[1]:
        shown = ["; ".join(f"{name} {direction}" for name, direction in each) for each in described]
        raise SearchError(f"{names[0]} and {names[1]}", expected=f"the same objectives: {shown[0]}", got=shown[1])
    reference = np.maximum(one.reference, other.reference)
    found = [[_losses(each) for each in side] for side in sides]
    volumes = [[hypervolume(losses, reference) for losses in side] for side in found]
    last = [side[-1] for side in found]
    regions = []
    alone = compare.exclusive(last[0], last[1], reference)
    for i, aim in enumerate(one.objectives):
        for slab in compare.slabs(last[0], last[1], reference, i):
            by = slab.first - slab.second
            if abs(by) > SHOWN * sum(alone):
                low, high = sorted((aim.loss(slab.low), aim.loss(slab.high)))
                regions.append(
                    Region(objective=aim.name, low=low, high=high, ahead=names[int(by < 0)], by=float(abs(by)))
                )
    kept = [compare.surviving(last[i], last[1 - i]) for i in range(2)]
    ids = [
        tuple(p.id for p, is_kept in zip(side[-1].points, mask, strict=True) if is_kept)
        for side, mask in zip(sides, kept, strict=True)
    ]
    counts = len(first), len(second)
    return Difference(
        names=names, hypervolumes=(volumes[0][-1], volumes[1][-1]), exclusive=alone, members=(len(one), len(other)),
        surviving=(ids[0], ids[1]), regions=tuple(regions), launches=counts,
        interval=compare.welch(volumes[0], volumes[1]) if min(counts) > 1 else None,
    )  # fmt: skip


def _losses(found: Front) -> NDArray[np.float64]:
    if not found.points:
        raise SearchError(f"the front of {found.study}", expected="a trial that has finished", got="none")
    return found.losses
