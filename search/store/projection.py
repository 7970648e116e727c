"""Trials -> Optuna's own rows, made from template trials: every tool that reads an Optuna study reads ours."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from search.space import Choice, Float, Integer, Simplex, Space
from search.study import Study
from search.trial import Trial

STATES = {
    "running": TrialState.RUNNING,
    "finished": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def project(storage: BaseStorage, name: str, trials: Sequence[Trial], made: Study) -> None:
    """Bring the rows up to the highest trial that has ended; idempotent, so a crash is mended."""
    study_id = storage.get_study_id_from_name(name)
    rows = storage.get_all_trials(study_id, deepcopy=False)
    ended = max((trial.number for trial in trials if trial.state != "running"), default=-1)
    distributions = _distributions(made.space, [row.distributions for row in rows])
    for trial in trials:
        if trial.number < len(rows):
            if rows[trial.number].state == TrialState.RUNNING and trial.state != "running":
                values = _optuna_values(trial, made)
                storage.set_trial_state_values(rows[trial.number]._trial_id, STATES[trial.state], values)
        elif trial.number <= ended:
            storage.create_new_trial(study_id, _template(trial, made, distributions))


def _distributions(
    space: Space, known: Sequence[Mapping[str, BaseDistribution]] = ()
) -> dict[str, tuple[str, BaseDistribution]]:
    """Our name of a param -> Optuna's name and distribution.

    Optuna lets no choice gain options, so an extended one goes on under another name: ``optimizer (3 options)``.
    """
    found: dict[str, tuple[str, BaseDistribution]] = {}
    for dimension in space.dimensions:
        match dimension:
            case Float():
                found[dimension.name] = (
                    dimension.name,
                    FloatDistribution(dimension.low, dimension.high, log=dimension.log),
                )
            case Integer():
                found[dimension.name] = (
                    dimension.name,
                    IntDistribution(dimension.low, dimension.high, log=dimension.log),
                )
            case Choice():
                options = CategoricalDistribution(dimension.options)
                extended = any(each.get(dimension.name, options) != options for each in known)
                name = f"{dimension.name} ({len(dimension.options)} options)" if extended else dimension.name
                found[dimension.name] = name, options
            case Simplex():
                parts = [f"{dimension.name}.{each}" for each in dimension.names]
                found.update({part: (part, FloatDistribution(0.0, 1.0)) for part in parts})
    return found


def _template(trial: Trial, made: Study, distributions: Mapping[str, tuple[str, BaseDistribution]]) -> FrozenTrial:
    kept = {key: value for key, value in trial.params.items() if key in distributions and not trial.parents}
    merged = {"parents": list(trial.parents), "coefficients": list(trial.coefficients)} if trial.parents else {}
    ended = trial.state != "running"
    return FrozenTrial(
        number=-1, trial_id=-1, state=STATES[trial.state], value=None, values=_optuna_values(trial, made),
        datetime_start=datetime.fromtimestamp(trial.started),
        datetime_complete=datetime.fromtimestamp(trial.ended) if ended else None,
        params={distributions[key][0]: value for key, value in kept.items()},
        distributions=dict(distributions[key] for key in kept),
        user_attrs={"search": {"id": trial.id, **merged}}, system_attrs={}, intermediate_values={},
    )  # fmt: skip


def _optuna_values(trial: Trial, made: Study) -> list[float] | None:
    return [trial.values[objective.name] for objective in made.objectives] if trial.complete else None
