"""Was it right to stop those trials? Told by the refused ones that were run on all the same, a random share.

A refused trial was refused wrongly if at the end it makes the front better by more than the rule's tolerance: no
other trained trial is as good in every objective, but for that share of the objective's span (best seen to limit). The
interval of the rate is the exact one of Clopper and Pearson, The use of confidence or fiducial limits, 1934.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.study import Study
from search.trial import Trial, losses

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Audit:
    """``stopped`` trials saved ``saved`` steps; of ``checked`` that were run on, ``wrong`` ended on the front."""

    stopped: int
    saved: int
    share: float  # of all steps
    checked: int
    wrong: int
    interval: tuple[float, float]

    def __str__(self) -> str:
        told = f"stopped {self.stopped} trials early, which saved {self.saved} steps ({self.share:.0%})"
        if not self.checked:
            return told
        low, high = self.interval
        return (
            f"{told}; of {self.checked} refused ones that were run on as a check, {self.wrong} made the front better"
            f" ({self.wrong / self.checked:.0%}, 95 % interval {low:.0%} to {high:.0%})"
        )


def audit(study: Study, trials: Sequence[Trial]) -> Audit | None:
    """What stopping did in a study, or None where nothing was refused."""
    trained = [trial for trial in trials if not trial.parents]
    stopped = [trial for trial in trained if trial.state == "stopped"]
    checked = [trial for trial in trained if trial.refused and trial.complete]
    if not stopped and not checked:
        return None
    steps = study.table.budget.steps
    saved = sum(steps - trial.step for trial in stopped)
    wrong = sum(_enters(trial, trained, study) for trial in checked)
    return Audit(
        stopped=len(stopped), saved=saved, share=saved / (steps * len(trained)), checked=len(checked), wrong=wrong,
        interval=clopper_pearson(wrong, len(checked)),
    )  # fmt: skip


def _enters(trial: Trial, trained: Sequence[Trial], study: Study) -> bool:
    """Whether no other trained trial is as good in every objective but for the tolerance."""
    own, worst = np.array(trial.losses), np.array(study.reference)
    others = losses([other for other in trained if other.complete and other.number != trial.number])
    if (own > worst).any() or max(trial.violations, default=0.0) > 0.0:
        return False
    if not len(others):
        return True
    span = np.abs(worst - np.minimum(others.min(axis=0), own))
    slack = float(study.stop_settings.get("tolerance", 0.0)) * span
    return not (others <= own + slack).all(axis=1).any()


def clopper_pearson(wrong: int, checked: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval of a rate.

    >>> low, high = clopper_pearson(0, 59)
    >>> low, round(high, 3)
    (0.0, 0.061)
    """
    from scipy.special import betaincinv

    tail = (1.0 - level) / 2.0
    low = float(betaincinv(wrong, checked - wrong + 1, tail)) if wrong else 0.0
    high = float(betaincinv(wrong + 1, checked - wrong, 1.0 - tail)) if wrong < checked else 1.0
    return low, high
