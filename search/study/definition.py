"""A resolved study, which everything behind the file reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from search.grammar.interest import Interest
from search.space import Params, Space
from search.study.tables import StudyFile
from search.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A value that trials report. ``limit``: the worst that counts, in ``unit``; for a constraint its bound."""

    name: str
    direction: Literal["min", "max"]
    unit: str
    limit: float
    measure: str | None = None
    on: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    dear: bool = False

    def loss(self, value: float) -> float:
        """Signed so that less is better: the only place inside where a sign flips."""
        return value if self.direction == "min" else -value


@dataclass(frozen=True, kw_only=True)
class Study:
    """A checked study. ``file``: how messages call it; ``start``: what is tried first; ``trainer``: its module;
    ``settings``: the trainer's; ``earlier``: the trials of each of ``[prior] studies``, as trials of this one."""

    file: str
    table: StudyFile
    space: Space
    start: tuple[Params, ...]
    trainer: str
    settings: Mapping[str, Any]
    objectives: tuple[Objective, ...]
    constraints: tuple[Objective, ...]
    interest: Interest | None
    proposer_settings: Mapping[str, Any]
    stop_settings: Mapping[str, Any]
    merge_settings: Mapping[str, Any]
    folder: str
    declared: Mapping[str, Any]
    earlier: tuple[tuple[Trial, ...], ...] = ()

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def capacity(self) -> int:
        """How many trials advance together: one, where the trainer cannot stack them."""
        return self.table.budget.population if self.stacked else 1

    @property
    def stacked(self) -> bool:
        """Whether trials continue from a row of a checkpoint; otherwise the training code keeps its own."""
        return bool(self.declared.get("STACKED", True))

    @property
    def rungs(self) -> list[int]:
        """The steps (rungs,) at which a trial is seen, the last of them its end."""
        steps, rungs = self.table.budget.steps, self.table.budget.rungs
        return list(range(steps // rungs, steps + 1, steps // rungs))

    @property
    def reference(self) -> tuple[float, ...]:
        """The hypervolume's reference point (m,), as losses: every objective at its limit."""
        return tuple(objective.loss(objective.limit) for objective in self.objectives)

    def losses(self, values: Mapping[str, float]) -> tuple[float, ...]:
        return tuple(objective.loss(values[objective.name]) for objective in self.objectives)

    def violations(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """By how much each constraint is missed, in its unit; at most 0 where it holds."""
        return tuple(bound.loss(values[bound.name]) - bound.loss(bound.limit) for bound in self.constraints)
