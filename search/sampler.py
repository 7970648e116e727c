"""The proposers as an Optuna sampler, for searches that stay with ``study.optimize``.

    study = optuna.create_study(directions=["minimize", "maximize"], sampler=OptunaSampler(seed=0))
    study.optimize(objective, n_trials=60)

Without a ``space``, the tree is told from the complete trials (`search.tree`); what no tree holds, and so the whole
first trial, is uniform. A trial that is no point of the tree is left out.

Of the states, COMPLETE is finished, or diverged where a value is not finite; PRUNED is stopped; RUNNING is pending; and
FAIL is crashed, as Optuna keeps no reason, unless the last intermediate value is not finite (diverged) or the trial's
user attribute ``failure`` names one of our classes. Intermediate values are learning curves.
"""

import math
import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search import ask, translate, tree
from search.ask import Table
from search.errors import SearchError
from search.space import Params, Space
from search.study import Objective
from search.study import Study as Definition
from search.translate import Kinds
from search.trial import Failure, FailureClass, Trial

ASKED = "search:asked"  # the attribute of a trial that holds what was proposed for it, as Optuna's numbers by name
SIGNS: dict[StudyDirection, Literal["min", "max"]] = {StudyDirection.MINIMIZE: "min", StudyDirection.MAXIMIZE: "max"}
RUNGS = 8  # steps of learning curves that are looked at
ONE_AT_A_TIME = threading.Lock()  # among n_jobs threads, so that each sees what the others were given


class OptunaSampler(BaseSampler):
    """As `search.Optimizer` where a word is the same.

    ``space``: if it is given, what the objective suggests goes by its names, each part of a simplex on its own:
    ``trial.suggest_float("weights.labels", 0, 1)``. ``reference``: the worst value of each objective that counts, or
    None for one that is told from the trials.
    """

    def __init__(
        self,
        *,
        space: Space | Table | None = None,
        reference: Sequence[float | None] | None = None,
        proposer: str = "ehvi",
        seed: int = 0,
        repeats: bool = False,
        **settings: Any,
    ) -> None:
        chosen = {**settings, "name": proposer}
        self.given, self.reference, self.seed = space is not None, reference, seed
        more = {"seed": seed, "repeats": repeats}
        self.definition = ask.define(Space(()) if space is None else space, "value 0", proposer=chosen, more=more)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Every name of the given space, or every name that was suggested so far, over all that it ranged over."""
        if self.given:
            return translate.kinds(self.definition.space)
        found: dict[str, BaseDistribution] = {}
        for each in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            for name, kind in each.distributions.items():
                found[name] = translate.hull(found[name], kind) if name in found else kind
        return {name: found[name] for name in sorted(found) if not found[name].single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the proposer says of the names in ``search_space``; nothing of those that are not in its tree."""
        if not search_space:
            return {}
        kinds = translate.kinds(self.definition.space) if self.given else search_space
        with ONE_AT_A_TIME:
            others = [each for each in study.get_trials(deepcopy=False) if each.number != trial.number]
            space = self.definition.space if self.given else _tree(kinds, others)
            made = replace(self.definition, space=space, **_aims(study, others, self.reference))
            trials = _trials(made, kinds, others)
            # a finite space that is used up is begun again, since Optuna ends no study
            (params,) = ask.proposals(made, trials, 1) or ask.proposals(_repeating(made), trials, 1)
            values = translate.values(space, kinds, params)
            asked = {name: kinds[name].to_internal_repr(value) for name, value in values.items()}
            study._storage.set_trial_system_attr(trial._trial_id, ASKED, asked)
        return {name: value for name, value in values.items() if name in search_space}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Uniform, from a stream of the seed, the trial and the name; a SearchError where the given space says else."""
        if self.given and param_name in trial.system_attrs.get(ASKED, {}):
            kind = translate.kinds(self.definition.space)[param_name]
            hint = "The objective suggests another range than the space has."
            raise SearchError(f"suggest {param_name}", expected=str(kind), got=param_distribution, hint=hint)
        rng = np.random.default_rng([self.seed, trial.number, zlib.crc32(param_name.encode())])
        dimension = translate.dimension(param_name, param_distribution)
        return translate.outward(dimension, param_distribution, dimension.decode(rng.random(1)))


def _repeating(made: Definition) -> Definition:
    return replace(made, table=made.table.model_copy(update={"repeats": True}))


def _aims(study: Study, frozen: Iterable[FrozenTrial], reference: Sequence[float | None] | None) -> dict[str, Any]:
    """The objectives and constraints of an Optuna study; its constraints hold where they are at most 0."""
    limits = [None] * len(study.directions) if reference is None else list(reference)
    numbers = all(limit is None or isinstance(limit, int | float) and math.isfinite(limit) for limit in limits)
    if len(limits) != len(study.directions) or not numbers:
        rule = f"a finite number, or None, for each of {len(study.directions)} objectives"
        raise SearchError("reference", expected=rule, got=reference)
    aims = [
        Objective(name=f"value {i}", direction=SIGNS[way], unit="", limit=math.nan if limit is None else float(limit))
        for i, (way, limit) in enumerate(zip(study.directions, limits, strict=True))
    ]
    keys = sorted({key for each in frozen for key in each.constraints})
    bounds = [Objective(name=f"constraint {key}", direction="min", unit="", limit=0.0) for key in keys]
    return {"objectives": tuple(aims), "constraints": tuple(bounds)}


def _trials(made: Definition, kinds: Kinds, frozen: Sequence[FrozenTrial]) -> list[Trial]:
    """Optuna's trials as ours, without those that are no points of the space."""
    steps = _steps(frozen) if len(made.objectives) == 1 else []
    found = []
    for each in frozen:
        params = translate.params(made.space, kinds, partial(_suggested, each, kinds))
        if params is not None and each.state != TrialState.WAITING:
            found.append(_trial(made, params, each, steps))
    return found


def _trial(made: Definition, params: Params, frozen: FrozenTrial, steps: Sequence[int]) -> Trial:
    seen = ((step, frozen.intermediate_values.get(step, math.nan)) for step in steps)
    trial = Trial(
        number=frozen.number, params=params, seed=made.table.seed, step=steps[-1] if steps else 0,
        loss_curve=tuple((step, (made.objectives[0].loss(value),)) for step, value in seen if math.isfinite(value)),
        seconds=frozen.duration.total_seconds() if frozen.duration else 0.0,
    )  # fmt: skip
    if frozen.state == TrialState.RUNNING:
        return trial
    if frozen.state == TrialState.PRUNED:
        return replace(trial, state="stopped")
    if frozen.state == TrialState.FAIL:
        return ask.ended(made, trial, {}, _failure(frozen))
    values = {f"value {i}": value for i, value in enumerate(frozen.values)}
    # a trial that says nothing of a constraint keeps it, as Optuna reads it
    limits = {bound.name: 0.0 for bound in made.constraints}
    return ask.ended(made, trial, {**values, **limits, **{f"constraint {k}": v for k, v in frozen.constraints.items()}})


def _suggested(frozen: FrozenTrial, kinds: Kinds, name: str) -> Any:
    """What the trial suggested, or else is to suggest."""
    if name in frozen.params:
        return frozen.params[name]
    return kinds[name].to_external_repr(frozen.system_attrs[ASKED][name])


def _failure(frozen: FrozenTrial) -> Failure:
    step, said = frozen.last_step or 0, frozen.user_attrs.get("failure")
    cause: FailureClass = "crashed" if math.isfinite(frozen.intermediate_values.get(step, 0.0)) else "diverged"
    cause = next((each for each in get_args(FailureClass) if each == said), cause)
    return Failure(cause=cause, message="as Optuna tells it", step=step)


def _steps(frozen: Sequence[FrozenTrial]) -> list[int]:
    """At most RUNGS of the steps at which values were reported, the last of them among them."""
    steps = sorted({step for each in frozen for step in each.intermediate_values}, reverse=True)
    return steps[:: -(-len(steps) // RUNGS) or 1][::-1]


def _tree(kinds: Kinds, frozen: Sequence[FrozenTrial]) -> Space:
    """The tree that the complete trials followed, over the names of ``kinds``."""
    known = {name: translate.dimension(name, kind) for name, kind in kinds.items()}
    seen = [
        {
            name: translate.inward(known[name], kinds[name], value)
            for name, value in each.params.items()
            if name in known
        }
        for each in frozen
        if each.state == TrialState.COMPLETE
    ]
    return tree.infer(list(known.values()), seen)
