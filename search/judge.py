"""Which trials of a rung go on: asks the stopping rule, and lets a share of those it refuses go on as a check."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from search import components
from search.run import Report
from search.study import Study
from search.trial import Trial, curves


class Judge:
    """For one study."""

    def __init__(self, study: Study) -> None:
        self.study, rule = study, study.table.stop.rule
        self.rule = None if rule == "off" else components.load("stop", rule, where=f"{study.file} [stop] rule")

    def verdicts(self, report: Report, trials: Mapping[int, Trial]) -> tuple[list[bool], list[int]]:
        """Which rows go on: not those that failed or are done, nor those that the stopping rule ends. A share of
        those that it would end is run on all the same, to see whether that was right: since which step, else 0."""
        table = self.study.table
        open_ = [r for r, failure in enumerate(report.failures) if not failure and report.steps[r] < table.budget.steps]
        refused = [trials[number].refused for number in report.numbers]
        # a repeat is to tell of the noise, and would not if only the lucky ones ran to the end
        again = [trials[number].seed != table.seed for number in report.numbers]
        asking = [row for row in open_ if not refused[row] and not again[row]]
        ends = self._refused(report, asking, trials)
        if report.dear and (rest := [row for row in open_ if row not in ends]):
            report.complete(rest)
            rest = [row for row in rest if not report.failures[row]]
            open_ = [row for row in open_ if not report.failures[row]]
            ends |= self._refused(report, [row for row in asking if row in rest], trials)
        for row in ends:
            audited = np.random.default_rng([table.seed, report.numbers[row], 2]).random() < table.stop.audit
            refused[row] = report.steps[row] if audited else 0
        keep = [row in open_ and (row not in ends or refused[row] > 0) for row in range(len(report.numbers))]
        return keep, refused

    def _refused(self, report: Report, asking: Sequence[int], trials: Mapping[int, Trial]) -> set[int]:
        """Which of these rows the stopping rule ends. What is not measured yet is taken to be as good as the best."""
        if self.rule is None or not asking:
            return set()
        # a failed curve would look like one that was stopped
        failed = {number for number, failure in zip(report.numbers, report.failures, strict=True) if failure}
        trained = {t.number: t for t in trials.values() if not (t.parents or t.state == "failed" or t.number in failed)}
        best = [min(column) for column in zip(*(p for t in trained.values() for _, p in t.loss_curve), strict=True)]
        asked = []
        for row, number in enumerate(report.numbers):
            whole = all(objective.name in report.values[row] for objective in self.study.objectives)
            if report.values[row] and (whole or best):
                point = (report.steps[row], self._losses(report.values[row], best))
                trained[number] = replace(trained[number], loss_curve=(*trained[number].loss_curve, point))
                asked += [row] if row in asking else []
        if not asked:
            return set()
        place = {number: i for i, number in enumerate(trained)}
        seen = curves(list(trained.values()), self.study.rungs)
        allowed = [max(trial.violations, default=0.0) <= 0.0 for trial in trained.values()]
        if any(ok and trial.complete for ok, trial in zip(allowed, trained.values(), strict=True)):
            seen[~np.array(allowed), -1] = np.nan  # what is infeasible at the end is nobody's rival
        goes_on = self.rule.keep(
            seen,
            np.array([place[report.numbers[row]] for row in asked], dtype=np.intp),
            reference=np.array(self.study.reference),
            audited=np.array([trial.refused > 0 for trial in trained.values()]),
            **self.study.stop_settings,
        )
        return {row for row, on in zip(asked, goes_on, strict=True) if not on}

    def _losses(self, values: Mapping[str, float], best: Sequence[float]) -> tuple[float, ...]:
        """The losses (m,), ``best`` (m,) standing for those that are not known."""
        known = [o.loss(values[o.name]) if o.name in values else None for o in self.study.objectives]
        return tuple(best[i] if loss is None else loss for i, loss in enumerate(known))
