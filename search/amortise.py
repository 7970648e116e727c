"""Front -> coefficients -> surrogate -> merged trials, verified: the front made denser without training.

Parents are members of the trained front that started from one base and hold most hypervolume together. A
designed set of merges is evaluated, a surrogate (kriging) is fitted to all that is known of these parents
(they are free themselves: they are the merges at the corners, where the rule gives its members back), and then
batches of the merges that promise most hypervolume on top of the whole front are evaluated and added. Nothing
enters the front that was not truly evaluated, and every evaluation counts, those for fitting too.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search import components, front
from search.files import State
from search.pareto import coefficients, hypervolume, surrogate
from search.run import Runner
from search.study import Objective, Study
from search.trial import Trial, losses

BATCH = 6  # merges evaluated between two fits


def parents(study: Study, trials: Sequence[Trial]) -> list[Trial]:
    """The members to merge: of the trained front and of one base, those that hold most hypervolume together."""
    assert study.table.merge
    members, _ = front.members([trial for trial in trials if trial.kind == "trained"], study.reference)
    bases = [trial.base for trial in members if trial.base]
    if not bases:
        return []
    commonest = max(dict.fromkeys(bases), key=bases.count)
    related = [trial for trial in members if trial.base == commonest]
    count = min(study.table.merge.parents, len(related))
    chosen = hypervolume.greedy(losses(related), study.reference, count)
    return sorted((related[row] for row in chosen), key=lambda trial: trial.number)


def refusal(study: Study, trials: Sequence[Trial]) -> str | None:
    """Why there is nothing to merge, in words, or None."""
    found = parents(study, trials)
    if len(found) >= 2:
        return None
    members, _ = front.members([trial for trial in trials if trial.kind == "trained"], study.reference)
    if len(members) < 2:
        return f"the trained front has {len(members)} member(s), and a merge needs two"
    return f"only {len(found)} of the front's {len(members)} members started from a known base that they share"


def propose(study: Study, trials: Sequence[Trial], chosen: Sequence[Trial], q: int) -> list[tuple[float, ...]]:
    """The next ``q`` coefficients (k,): the rest of the design, then what the surrogate promises most of.

    A pure function of the trials so far, so a resumed study merges as one that was not interrupted.
    """
    k, simplex, seed = len(chosen), _declares(study, "SIMPLEX", False), study.table.seed
    done = merges_of(trials, chosen)
    terms = k * (k + 1) // 2 if simplex else (k + 1) * (k + 2) // 2
    corners = np.eye(k) if _declares(study, "GIVES_BACK", True) else np.empty((0, k))
    planned = coefficients.design(k, terms + k + 2, simplex=simplex, seed=seed)
    if not simplex:
        planned = np.vstack([planned, np.full((1, k), 1.0 / k)])  # the even average, the best guess of all
    planned = np.array([c for c in planned if not _among(c, corners)])
    tried = np.array([trial.coefficients for trial in done]).reshape(len(done), k)
    waiting = [tuple(map(float, c)) for c in planned if not _among(c, tried)]
    if waiting:
        return waiting[:q]
    points, told = _known(study, done, chosen)
    model = surrogate.fit(points, losses(told), bounds=[_bounds(objective) for objective in study.objectives])
    members, feasible = front.members(trials, study.reference)
    found = coefficients.propose(
        model, q, simplex=simplex, seed=seed + len(done),
        given=losses(members) if feasible else None, reference=np.array(study.reference),
    )  # fmt: skip
    return [tuple(map(float, c)) for c in found]


def error(study: Study, trials: Sequence[Trial]) -> dict[str, float]:
    """What the surrogate of the present parents is wrong by: cross-validated root mean square error, in each unit."""
    chosen = parents(study, trials)
    if len(chosen) < 2:
        return {}
    points, told = _known(study, merges_of(trials, chosen), chosen)
    if len(told) <= len(chosen):
        return {}
    model = surrogate.fit(points, losses(told), bounds=[_bounds(o) for o in study.objectives])
    return {objective.name: float(e) for objective, e in zip(study.objectives, model.error, strict=True)}


def merge(study: Study, runner: Runner, states: Sequence[State], trials: Sequence[Trial]) -> list[State]:
    """The merged model (state dict) of each of ``trials``, from its parents' ``states``."""
    assert study.table.merge
    rule = components.load("merge", study.table.merge.rule, where=f"{study.file} [merge] rule")
    base = runner.base() if getattr(rule, "NEEDS_BASE", False) else None
    return [rule.merge(base, list(states), list(trial.coefficients), **study.merge_settings) for trial in trials]


def merges_of(trials: Sequence[Trial], chosen: Sequence[Trial]) -> list[Trial]:
    """The merges of exactly these parents."""
    numbers = tuple(trial.number for trial in chosen)
    return [trial for trial in trials if trial.parents == numbers]


def _known(study: Study, merges: Sequence[Trial], chosen: Sequence[Trial]) -> tuple[NDArray[np.float64], list[Trial]]:
    """Coefficients (n, k), and what was measured there: the evaluated merges, and the members at the corners."""
    done, k = [trial for trial in merges if trial.losses], len(chosen)
    points = np.array([trial.coefficients for trial in done]).reshape(len(done), k)
    if not _declares(study, "GIVES_BACK", True):
        return points, done
    return np.vstack([np.eye(k), points]), [*chosen, *done]


def _declares(study: Study, constant: str, default: bool) -> bool:
    """What the study's merge rule says about itself."""
    assert study.table.merge
    rule = components.describe("merge", study.table.merge.rule, where=f"{study.file} [merge] rule")
    return bool(rule.constants.get(constant, default))


def _bounds(objective: Objective) -> tuple[float | None, float | None]:
    """What the loss of an objective can be at all, which chooses the surrogate's link."""
    if objective.measure is None:
        return (None, None)
    declared = components.describe("measure", objective.measure, where=objective.name).constants.get(
        "BOUNDS", (None, None)
    )
    low, high = declared
    if objective.direction == "max":
        low, high = (None if high is None else -high), (None if low is None else -low)
    return (low, high)


def _among(point: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    return bool(len(others)) and bool((np.abs(others - point).max(axis=1) < 1e-9).any())
