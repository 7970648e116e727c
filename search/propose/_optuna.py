"""The trials so far as an in-memory Optuna study, whose samplers are asked for the next params.

A new study and, for every proposal, a new sampler seeded by the study's seed and the trial's number: no state
outlives a call, so a resumed search goes on as if it had never stopped. A dimension keeps its name and scale; the
k weights of a simplex are its k - 1 columns of the unit cube, in which uniform weights are uniform.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.propose import observed, pending, points, ruined
from search.space import Choice, Dimension, Integer, Params, Simplex, Space
from search.trial import Trial

Choose = Callable[[Dimension], Any]


def ask(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    m: int,
    sampler: Callable[[int], BaseSampler],
    values: Callable[[Trial], Mapping[str, Any]],
    params: Callable[[Choose], Params],
    system: Callable[[int], dict[str, Any]] = lambda index: {},
) -> list[Params]:
    """q params for m objectives; each is a running trial to those after it, and so is each that diverged or ran out of
    memory: Optuna forgets what failed, but what runs is a bad place to a sampler that looks at it.

    ``sampler`` makes one of a seed; ``values`` are the observed ones by dimension, ``params`` are made of new ones;
    ``system``: what the sampler itself keeps with the index-th observation.
    """
    with _quiet():
        study = optuna.create_study(directions=["minimize"] * m)
        for index, trial in enumerate(observed(trials)):
            limits = {str(place): violation for place, violation in enumerate(trial.violations)}
            found = _frozen(space, values(trial), values=trial.losses, constraints=limits, system_attrs=system(index))
            study.add_trial(found)
        for trial in [*ruined(trials), *pending(trials)]:
            study.add_trial(_frozen(space, values(trial), state=TrialState.RUNNING))
        proposals = []
        for number in range(len(points(trials)), len(points(trials)) + q):
            study.sampler = sampler(int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))
            asked = study.ask()
            proposals.append(params(lambda dimension, asked=asked: _suggest(asked, dimension)))  # type: ignore[misc]
    return proposals


def _frozen(space: Space, chosen: Mapping[str, Any], **known: Any) -> FrozenTrial:
    encoded: dict[str, Any] = {}
    kinds: dict[str, BaseDistribution] = {}
    for dimension in space.dimensions:
        if dimension.name in chosen:
            value, made = chosen[dimension.name], distributions(dimension)
            several = dimension.encode(value).tolist() if isinstance(dimension, Simplex) else [value]
            encoded |= dict(zip(made, several, strict=True))
            kinds |= made
    return create_trial(params=encoded, distributions=kinds, **known)


def _suggest(trial: optuna.Trial, dimension: Dimension) -> Any:
    if isinstance(dimension, Choice):
        return trial.suggest_categorical(dimension.name, dimension.options)
    if isinstance(dimension, Simplex):
        return dimension.decode(np.array([trial.suggest_float(name, 0.0, 1.0) for name in distributions(dimension)]))
    if isinstance(dimension, Integer):
        return trial.suggest_int(dimension.name, dimension.low, dimension.high, log=dimension.log)
    return trial.suggest_float(dimension.name, dimension.low, dimension.high, log=dimension.log)


def distributions(dimension: Dimension) -> dict[str, BaseDistribution]:
    """What Optuna knows of a dimension, by the names that it knows it under."""
    if isinstance(dimension, Choice):
        return {dimension.name: CategoricalDistribution(dimension.options)}
    if isinstance(dimension, Simplex):
        return {f"{dimension.name}[{column}]": FloatDistribution(0.0, 1.0) for column in range(dimension.width)}
    if isinstance(dimension, Integer):
        return {dimension.name: IntDistribution(dimension.low, dimension.high, log=dimension.log)}
    return {dimension.name: FloatDistribution(dimension.low, dimension.high, log=dimension.log)}


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna tells of every study that it makes; ours is nobody's business."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
