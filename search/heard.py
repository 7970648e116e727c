"""What models say on the choosing split: a row of p numbers each, by which merges of them are predicted.

Rows that this launch did not make are computed again, so a resumed study knows what an uninterrupted one knows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.merged import Merged, own
from search.pareto.coefficients import Rows
from search.run import Runner
from search.study import Study
from search.trial import Trial

WIDEST = 200_000  # numbers of one model that are still predicted; a search over more of them takes minutes


class Heard:
    def __init__(self, study: Study, runner: Runner, merged: Merged) -> None:
        self.study, self.runner, self.merged = study, runner, merged
        self.rows: dict[int, Rows] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}  # of the tensors that differ from model to model
        self.fixed: dict[str, Any] = {}  # the others, such as labels

    def keep(self, trials: Sequence[Trial], named: Mapping[str, Any]) -> None:
        """The outputs ``named`` (k, ...) of k ``trials``; nothing before any were asked for."""
        if not self.shapes:
            return
        flat = [named[name].detach().cpu().float().reshape(len(trials), -1).numpy() for name in self.shapes]
        self.rows.update(zip([trial.number for trial in trials], np.hstack(flat), strict=True))

    def of(self, trials: Sequence[Trial]) -> Rows | None:
        """(n, p) of one trial or more; None where p is too large, or nothing is said but whole numbers."""
        if not self.shapes:
            named = self.merged.outputs(trials[:1], "choose")
            self.shapes = {name: tuple(named[name].shape[1:]) for name in own(named) if named[name].is_floating_point()}
            self.fixed = {name: value for name, value in named.items() if name not in self.shapes}
        if not 0 < sum(map(_width, self.shapes.values())) <= WIDEST:
            return None
        if missing := [trial for trial in trials if trial.number not in self.rows]:
            self.keep(missing, self.merged.outputs(missing, "choose"))
        return np.array([self.rows[trial.number] for trial in trials])

    def measure(self, rows: Rows) -> NDArray[np.float64]:
        """(c, p) -> losses (c, m); a row that breaks a constraint is put where it gains nothing."""
        import torch

        named, at = dict(self.fixed), 0
        for name, shape in self.shapes.items():
            part = torch.from_numpy(np.ascontiguousarray(rows[:, at : at + _width(shape)]))
            named[name] = part.reshape(len(rows), *shape).to(self.runner.device)
            at += _width(shape)
        values = self.runner.values(named, len(rows))
        losses = np.array([self.study.losses(each) for each in values])
        broken = np.array([max(self.study.violations(each), default=0.0) > 0 for each in values])
        return np.where(broken[:, None], np.maximum(losses, self.study.reference), losses)


def _width(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))
