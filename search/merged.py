"""Merged trials -> their models, and what these say.

Merged weights are a model, which is run like any other. A rule of outputs (its ``OF_OUTPUTS``) makes no model: the base
and the members are run once, a merge is a sum of what they said, and whoever takes it away takes all of them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search import components
from search.clock import Clock
from search.errors import MergeError
from search.files import Files, State
from search.run import Runner
from search.study import Study
from search.trial import Trial

Named = dict[str, Any]  # name -> tensor


def declares(study: Study, constant: str, default: bool) -> bool:
    """What the study's merge rule says about itself."""
    assert study.table.merge
    rule = components.describe("merge", study.table.merge.rule, where=f"{study.file} [merge] rule")
    return bool(rule.constants.get(constant, default))


def composes(study: Study) -> bool:
    """Whether its merges are sums of outputs, of which no weights are kept but their members'."""
    return study.table.merge is not None and declares(study, "OF_OUTPUTS", False)


def own(said: Mapping[str, Any]) -> list[str]:
    """The names of what a model says itself, the others being the same for all, such as labels: of one model alone a
    tensor that has a row for each model has one row."""
    return [name for name, each in said.items() if len(each) == 1]


def check(study: Study, cache: Path) -> None:
    """Refuse more groups than the models have layers, before there is a study or anything is trained."""
    from search.pareto.merge import grouped

    assert study.table.merge
    runner = Runner(study, cache=cache, folder=cache, clock=Clock())
    grouped.cut(runner.base(), study.table.merge.groups, where=f"{study.file} [merge] groups")


class Merged:
    """``trials``: number -> trial, those that are merged and all their members."""

    def __init__(self, study: Study, runner: Runner, files: Files, trials: Mapping[int, Trial]) -> None:
        self.study, self.runner, self.files, self.trials = study, runner, files, trials
        self.composes = composes(study)
        self.start: dict[str, tuple[Named, Named]] = {}  # split -> what the base says itself, and what is fixed
        self.said: dict[tuple[int, str], Named] = {}  # of each member, where its merges are sums of outputs

    def models(self, trials: Sequence[Trial]) -> list[State]:
        """The state dict of each of ``trials``, trained or of merged weights."""
        weights = {trial.number: self.files.load_weights([trial])[0] for trial in trials if not trial.parents}
        for parents in {trial.parents for trial in trials if trial.parents}:
            merges = [trial for trial in trials if trial.parents == parents]
            states = [dict(state) for state in self.files.load_weights([self.trials[number] for number in parents])]
            base = dict(self.runner.base()) if declares(self.study, "NEEDS_BASE", False) else None
            merged = self.runner.recalibrated([self._merge(base, states, trial) for trial in merges])
            weights |= {trial.number: state for trial, state in zip(merges, merged, strict=True)}
        return [weights[trial.number] for trial in trials]

    def outputs(self, trials: Sequence[Trial], split: str, models: Sequence[State] = ()) -> Named:
        """What k ``trials`` say: named tensors, those of the models themselves (k, ...). ``models``: if at hand."""
        if not self.composes:
            return dict(self.runner.outputs(models or self.models(trials), split))
        import torch

        base, fixed = self._base(split)
        rows = [self._composed(t, split) if t.parents else self._members([t.number], split)[0] for t in trials]
        return fixed | {name: torch.stack([row[name] for row in rows]) for name in base}

    def _composed(self, trial: Trial, split: str) -> Named:
        """What it says of every example, by the rule; a number for each model, such as its size, is summed over those
        that are run."""
        base, _ = self._base(split)
        told = [base, *self._members(trial.parents, split)]
        long = [{name: each for name, each in model.items() if each.ndim} for model in told]
        runs = [model for model, factor in zip(told, factors(trial), strict=True) if factor]
        costs = {name: sum(model[name] for model in runs) for name in base if name not in long[0]}
        return self._merge(long[0], long[1:], trial) | costs

    def _base(self, split: str) -> tuple[Named, Named]:
        if split not in self.start:
            said = self.runner.outputs([self.runner.base()], split)
            names = own(said)
            if whole := [name for name in names if not said[name].is_floating_point()]:
                got = str(said[whole[0]].dtype)
                raise MergeError(f"output {whole[0]!r}", expected="numbers that can be summed", got=got)
            fixed = {name: each for name, each in said.items() if name not in names}
            self.start[split] = {name: said[name][0] for name in names}, fixed
        return self.start[split]

    def _members(self, numbers: Sequence[int], split: str) -> list[Named]:
        """What each of these trained trials says itself; each is run once."""
        if missing := [number for number in numbers if (number, split) not in self.said]:
            said = self.runner.outputs(self.files.load_weights([self.trials[number] for number in missing]), split)
            for at, number in enumerate(missing):
                self.said[number, split] = {name: said[name][at] for name in self._base(split)[0]}
        return [self.said[number, split] for number in numbers]

    def _merge(self, base: Named | None, states: list[Named], trial: Trial) -> Named:
        assert self.study.table.merge
        rule = components.load("merge", self.study.table.merge.rule, where=f"{self.study.file} [merge] rule")
        groups, settings = self.study.table.merge.groups, self.study.merge_settings
        if groups > 1:
            from search.pareto.merge import grouped

            return grouped.merged(rule, base, states, trial.coefficients, groups, **settings)
        found: Named = rule.merge(base, states, list(trial.coefficients), **settings)
        return found


def factors(trial: Trial) -> list[float]:
    """Of a sum of outputs: the base's share, then each member's."""
    rest = 1.0 - sum(trial.coefficients)
    return [rest if abs(rest) > 1e-12 else 0.0, *trial.coefficients]
