"""What was promised of merges before they were evaluated, beside what they came to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.study import Study
from search.trial import Trial, losses


@dataclass(frozen=True, kw_only=True)
class Promise:
    """Of one objective over so many ``merges``: the root mean square ``error`` in its unit, and the share of their
    variance that was foreseen, at most 1. They were chosen by what was promised, which makes both look worse."""

    merges: int
    error: float
    r2: float

    def __str__(self) -> str:
        return f"off by {self.error:.3g}, R2 {self.r2:.2f}, {self.merges} merges"


def tested(trials: Sequence[Trial]) -> list[Trial]:
    """Merged models whose losses were predicted before they were evaluated."""
    return [trial for trial in trials if trial.promised and trial.losses]


def promises(made: Study, trials: Sequence[Trial]) -> dict[str, Promise]:
    """Of each objective; nothing without two promises that were put to the test."""
    merges = tested(trials)
    if len(merges) < 2:
        return {}
    told, came = np.array([trial.promised for trial in merges]), losses(merges)
    error, spread = np.sqrt(((told - came) ** 2).mean(axis=0)), came.std(axis=0)
    r2 = 1.0 - (error / np.where(spread > 0, spread, 1.0)) ** 2
    return {
        aim.name: Promise(merges=len(merges), error=float(error[row]), r2=float(r2[row]))
        for row, aim in enumerate(made.objectives)
    }
