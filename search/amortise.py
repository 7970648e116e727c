"""Front -> coefficients -> merged trials, verified: the front made denser without training.

Parents are members of the trained front that started from one base and hold most hypervolume together. A search over
their coefficients (`pareto.coefficients`; by default one that predicts what a merged model would say) asks for a few
merges at a time, which are evaluated and added. The parents are free: they are the merges at the corners, where the
rule gives its members back. Nothing enters the front that was not truly evaluated, every evaluation counts, those for
fitting too, and what was promised of a merge before it was evaluated is kept beside what it came to.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search import components, front, propose
from search import study as studies
from search.errors import SearchError
from search.heard import Heard
from search.merged import declares
from search.pareto import hypervolume
from search.pareto.coefficients import Fitted, Seen
from search.space import Float, Simplex, Space
from search.study import Objective, Study
from search.trial import Failure, Trial, losses

MORE = 24  # merges, where nobody says how many
BATCH = 2  # merges evaluated between two fits: more of them find less


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


def asked(study: Study, trials: Sequence[Trial], *, budget: int | None, **told: Any) -> Study:
    """The study with its merge table as it is ``told`` (what is None stays), and room for ``budget`` more merges, at
    least for what is left of its own; else for MORE. A SearchError where there is nothing to merge."""
    own = study.table.merge.model_dump(exclude_unset=True) if study.table.merge else {}
    done = sum(trial.kind == "merged" for trial in trials)
    left = max(0, own.get("evaluations", 0) - done)
    evaluations = done + (max(budget or 0, left) or MORE)
    table = own | {name: each for name, each in told.items() if each is not None} | {"evaluations": evaluations}
    made = studies.resolve(
        study.table.model_copy(update={"merge": studies.MergeTable(**table)}), study.file, study.folder
    )
    if why := refusal(made, trials):
        raise SearchError(f"study {study.name!r}", expected="models to merge", got=why)
    return made


def refusal(study: Study, trials: Sequence[Trial]) -> str | None:
    """Why there is nothing to merge, in words, or None."""
    found = parents(study, trials)
    if len(found) >= 2:
        return None
    members, _ = front.members([trial for trial in trials if trial.kind == "trained"], study.reference)
    if len(members) < 2:
        return f"the trained front has {len(members)} member(s), and a merge needs two"
    hint = "models that started apart can be aligned before they are merged: search.pareto.merge.align"
    return f"only {len(found)} of the front's {len(members)} members started from a known base that they share; {hint}"


def ask(
    study: Study, trials: Sequence[Trial], chosen: Sequence[Trial], q: int, heard: Heard | None = None
) -> list[dict[str, Any]]:
    """Up to ``q`` merges to evaluate next: the ``coefficients`` (groups * k,) of each, and its losses as ``promised``.

    A pure function of the trials so far, so a resumed study merges as one that was not interrupted. Fewer than q, or
    none, where the search has nothing more to ask.
    """
    assert study.table.merge
    told = seen(study, trials, chosen, heard)
    search = _search(study, told)
    found = search.propose(told, q) if search else _proposed(study, told, q)
    fitted = _fitted(search, told)
    promised = fitted.predict(found).tolist() if fitted and len(found) else [()] * len(found)
    rows = zip(found.tolist(), promised, strict=True)
    return [{"coefficients": tuple(at), "promised": tuple(losses)} for at, losses in rows]


def error(
    study: Study, trials: Sequence[Trial], chosen: Sequence[Trial], heard: Heard | None = None
) -> dict[str, float]:
    """What the surrogate of these parents is wrong by: cross-validated root mean square error, in each unit."""
    if len(chosen) < 2:
        return {}
    told = seen(study, trials, chosen, heard)
    fitted = _fitted(_search(study, told), told)
    found = zip(study.objectives, fitted.error.tolist() if fitted else (), strict=bool(fitted))
    return {aim.name: each for aim, each in found if np.isfinite(each)}


def seen(study: Study, trials: Sequence[Trial], chosen: Sequence[Trial], heard: Heard | None = None) -> Seen:
    """What is known of the merges of ``chosen``: those at the corners, where the rule gives its members back, then all
    that were evaluated."""
    assert study.table.merge
    merges, k, groups = merges_of(trials, chosen), len(chosen), study.table.merge.groups
    done = [trial for trial in merges if trial.losses]
    free = list(chosen) if declares(study, "GIVES_BACK", True) else []
    known = [*free, *done]
    members, feasible = front.members(trials, study.reference)
    others = sum(trial.kind == "merged" for trial in trials) - len(merges)
    wanted = known and study.table.merge.method not in components.names("proposer")

    def coefficients(some: Sequence[Trial]) -> NDArray[np.float64]:
        return np.array([trial.coefficients for trial in some]).reshape(-1, groups * k)

    return Seen(
        coefficients=np.vstack([np.tile(np.eye(k)[: len(free)], groups), coefficients(done)]),
        losses=_worth(study, known),
        reference=np.array(study.reference),
        simplex=declares(study, "SIMPLEX", False),
        evaluations=study.table.merge.evaluations - others,
        seed=study.table.seed,
        free=len(free),
        given=losses(members) if feasible else None,
        failed=coefficients([trial for trial in merges if trial.state == "failed"]),
        bounds=[_bounds(objective) for objective in study.objectives],
        outputs=heard.of(known) if heard and wanted else None,
        measure=heard.measure if heard and wanted else None,
    )


def merges_of(trials: Sequence[Trial], chosen: Sequence[Trial]) -> list[Trial]:
    """The merges of exactly these parents, in the order in which they were admitted."""
    numbers = tuple(trial.number for trial in chosen)
    return [trial for trial in trials if trial.parents == numbers]


def _search(study: Study, told: Seen) -> ModuleType | None:
    """The study's search of coefficients; None where a proposer of params has to do."""
    assert study.table.merge
    method = study.table.merge.method
    if method in components.names("proposer"):
        return None
    needs = components.describe("coefficients", method, where="[merge] method").constants.get("NEEDS_OUTPUTS", False)
    # of models that say too much, or nothing that can be predicted, the metrics are predicted
    return components.load("coefficients", "kriging" if needs and told.outputs is None else method, where="[merge]")


def _fitted(search: Any, told: Seen) -> Fitted | None:
    """Its surrogate, where it has one and there are enough merges for it."""
    if not hasattr(search, "surrogate") or len(told.coefficients) <= told.k:
        return None
    try:
        found: Fitted = search.surrogate(told)
    except SearchError:
        return None
    return found


def _proposed(study: Study, told: Seen, q: int) -> NDArray[np.float64]:
    """(q, k) by a proposer of params, to which coefficients are a space like any other."""
    assert study.table.merge
    parts = tuple(f"part{i}" for i in range(told.k))
    numbers = [Float(name=f"c.{part}", low=0.0, high=1.0) for part in parts]
    space = Space((Simplex(name="c", names=parts),) if told.simplex else tuple(numbers))
    trials = []
    for n, row in enumerate(told.tried.tolist()):
        params = {f"c.{part}": each for part, each in zip(parts, row, strict=True)}
        ended: dict[str, Any] = {"state": "failed", "failure": Failure(cause="diverged", message="")}
        if n < len(told.losses):
            ended = {"state": "finished", "losses": tuple(told.losses[n].tolist())}
        trials.append(Trial(number=n, params=params, seed=told.seed, **ended))
    found = propose.propose(study.table.merge.method, space, trials, q, seed=told.seed, reference=study.reference)
    return np.array([[params[f"c.{part}"] for part in parts] for params in found]).reshape(-1, told.k)


def _worth(study: Study, trials: Sequence[Trial]) -> NDArray[np.float64]:
    """Losses (n, m); those of a trial that breaks a constraint are put where they gain nothing."""
    found = np.array([trial.losses for trial in trials]).reshape(len(trials), len(study.objectives))
    broken = np.array([max(trial.violations, default=0.0) > 0 for trial in trials], dtype=np.bool_)
    return np.where(broken[:, None], np.maximum(found, study.reference), found)


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
