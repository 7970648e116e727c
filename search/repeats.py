"""Repeats: complete trials of the same params, each with a seed of its own, are the evaluations of one configuration.

A configuration is one point: its values are the mean over its repeats. A merged model is one that was evaluated once.
"""

import json
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from search.pareto import hypervolume
from search.trial import Trial, losses


@dataclass(frozen=True)
class Configuration:
    """``trials``: its repeats by number, one at least; all that is said of it is their mean."""

    trials: tuple[Trial, ...]

    @cached_property
    def losses(self) -> tuple[float, ...]:
        return _mean([trial.losses for trial in self.trials])

    @cached_property
    def violations(self) -> tuple[float, ...]:
        return _mean([trial.violations for trial in self.trials])

    @cached_property
    def values(self) -> dict[str, float]:
        return _named([trial.values for trial in self.trials])

    @cached_property
    def report_values(self) -> dict[str, float]:
        return _named([trial.report_values for trial in self.trials])

    @property
    def feasible(self) -> bool:
        return max(self.violations, default=0.0) <= 0.0

    @cached_property
    def typical(self) -> Trial:
        """The repeat that stands for it, with its weights: of losses nearest to the mean, in deviations of the repeats;
        of equals, as any two are, the first."""
        if len(self.trials) < 3:
            return self.trials[0]
        losses = np.array([trial.losses for trial in self.trials])
        width = losses.std(axis=0)
        far = (((losses - losses.mean(axis=0)) / np.where(width > 0, width, 1.0)) ** 2).sum(axis=1)
        return self.trials[int(np.flatnonzero(far <= far.min() + 1e-9)[0])]


def configurations(trials: Sequence[Trial]) -> list[Configuration]:
    """Of complete trials, in the order of the first trial of each."""
    groups: dict[Hashable, list[Trial]] = {}
    for trial, place in zip(trials, places(trials), strict=True):
        groups.setdefault(place, []).append(trial)
    return [Configuration(tuple(group)) for group in groups.values()]


def places(trials: Sequence[Trial]) -> list[Hashable]:
    """Of each trial what it shares with its repeats alone. The same params with the same seed again are no repeat, but
    a point of their own, as is what has no seed: nothing says that it varied."""
    if len({trial.seed for trial in trials}) < 2:
        return [trial.number for trial in trials]
    found: list[Hashable] = []
    seen: dict[Hashable, int] = {}
    for trial in trials:
        if trial.seed is None:
            found.append(trial.number)
            continue
        params = key(trial)
        before = seen.get((params, trial.seed), 0)
        seen[params, trial.seed] = before + 1
        found.append((params, before))
    return found


def key(trial: Trial) -> str:
    """Its params in one word."""
    return json.dumps(trial.params, sort_keys=True, default=str)


def first_repeat(trials: Sequence[Trial]) -> float:
    """The number of the first complete trial that is one; infinite where there is none."""
    complete, seen = [trial for trial in trials if trial.complete], set()
    for trial, place in zip(complete, places(complete), strict=True):
        if place in seen:
            return trial.number
        seen.add(place)
    return math.inf


def growth(complete: Sequence[Trial], reference: Sequence[float]) -> tuple[tuple[int, float], ...]:
    """(trial number, hypervolume) after each feasible trial, and after each repeat, which moves its configuration."""
    at, begun = places(complete), first_repeat(complete)
    first = sum(trial.number < begun for trial in complete)
    allowed = [trial for trial in complete[:first] if max(trial.violations, default=0.0) <= 0.0]
    heights = hypervolume.curve(losses(allowed), reference).tolist() if allowed else []
    made = [(trial.number, height) for trial, height in zip(allowed, heights, strict=True)]
    groups = {place: Configuration((trial,)) for trial, place in zip(complete[:first], at[:first], strict=True)}
    for trial, place in zip(complete[first:], at[first:], strict=True):
        before = groups[place].trials if place in groups else ()
        groups[place] = Configuration((*before, trial))
        if before or groups[place].feasible:
            known = np.array([each.losses for each in groups.values() if each.feasible]).reshape(-1, len(reference))
            made.append((trial.number, hypervolume.hypervolume(known, reference)))
    return tuple(made)


def _mean(rows: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True)) if len(rows) > 1 else tuple(rows[0])


def _named(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of what all have."""
    if len(rows) == 1:
        return rows[0]
    names = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: sum(row[name] for row in rows) / len(rows) for name in names}
