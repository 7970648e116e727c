"""What is known of one trial. A merged model is a trial too: it has parents and coefficients instead of a seed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

State = Literal["running", "finished", "stopped", "failed"]
FailureClass = Literal["out_of_memory", "diverged", "timeout", "crashed", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a trial has no values. ``message``: one line, or a traceback; ``step``: the last one that was reached."""

    cause: FailureClass
    message: str
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Frozen: a later state of the trial is another record with the same number.

    ``values`` and ``report_values`` are in the user's units, on the split that chooses and on the split that
    was kept apart; ``losses`` (m,) and ``violations`` (constraints,) are the same values signed once, so that
    less is better and a violation above 0 is infeasible. A failed trial has none of them.
    """

    number: int
    params: dict[str, Any]
    seed: int | None
    state: State = "running"
    values: dict[str, float] = field(default_factory=dict)
    report_values: dict[str, float] = field(default_factory=dict)
    losses: tuple[float, ...] = ()
    violations: tuple[float, ...] = ()
    curve: tuple[tuple[int, dict[str, float]], ...] = ()  # (steps, values) of each rung, oldest first
    loss_curve: tuple[tuple[int, tuple[float, ...]], ...] = ()  # (steps, losses (m,)) of the rungs that have them all
    step: int = 0
    seconds: float = 0.0
    failure: Failure | None = None
    parents: tuple[int, ...] = ()
    coefficients: tuple[float, ...] = ()
    promised: tuple[float, ...] = ()  # losses (m,) that were predicted of a merge before it was evaluated
    base: str | None = None  # fingerprint of the weights that the training started from
    refused: int = 0  # the step at which the stopping rule refused it, though it was run on to check the rule
    retries: int = 0  # how often it was begun again since its last rung, because its process was lost
    place: str = ""  # where it was trained
    started: float = 0.0  # seconds since the epoch
    ended: float = 0.0

    @property
    def kind(self) -> Literal["trained", "merged"]:
        return "merged" if self.parents else "trained"

    @property
    def id(self) -> str:
        """``t0042`` or ``m0097``: the name in tables, files and MLflow."""
        return f"{'m' if self.parents else 't'}{self.number:04d}"

    @property
    def complete(self) -> bool:
        """It ran to the end, so its values compare with those of every other complete trial."""
        return self.state == "finished"


def portions(coefficients: Sequence[float], k: int, *, digits: int) -> list[str]:
    """What a merge takes of each of its k parents, in words; of several groups of layers each has its number.

    >>> portions([0.25, 0.75], 2, digits=3), portions([0.25, 0.75, 0.5, 1.0], 2, digits=3)
    (['0.25', '0.75'], ['(0.25 0.5)', '(0.75 1)'])
    """
    found = [" ".join(f"{each:.{digits}g}" for each in coefficients[at::k]) for at in range(k)]
    return found if len(coefficients) == k else [f"({each})" for each in found]


def losses(trials: Sequence[Trial]) -> NDArray[np.float64]:
    """The losses (n, m) of trials that have them."""
    return np.array([trial.losses for trial in trials], dtype=np.float64).reshape(
        len(trials), len(trials[0].losses) if trials else 0
    )


def violations(trials: Sequence[Trial]) -> NDArray[np.float64]:
    """The constraint violations (n, constraints) of trials that have values."""
    return np.array([trial.violations for trial in trials], dtype=np.float64).reshape(
        len(trials), len(trials[0].violations) if trials else 0
    )


def curves(trials: Sequence[Trial], steps: Sequence[int]) -> NDArray[np.float64]:
    """The losses (n, rungs, m) at each of ``steps``, NaN where a trial was not seen or has not all of them."""
    m = max((len(point) for trial in trials for _, point in trial.loss_curve), default=0)
    found = np.full((len(trials), len(steps), m), np.nan)
    column = {step: i for i, step in enumerate(steps)}
    for row, trial in enumerate(trials):
        for step, point in trial.loss_curve:
            if step in column:
                found[row, column[step]] = point
    return found
