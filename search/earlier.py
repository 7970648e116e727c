"""What ``[prior] studies`` of the same home tell a study: their trials, as trials of this one.

They are copied into the study when it is launched, so what becomes of the earlier studies later changes no proposal.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from search.errors import StudyError
from search.propose import observed
from search.space import Dimension, Params, Simplex
from search.study import Study
from search.trial import Trial

Earlier = tuple[tuple[Trial, ...], ...]


def gather(made: Study, stored: Callable[[str], tuple[Study, str, Sequence[Trial]]]) -> Earlier:
    """The trials of each study that ``made`` names, in that order, from what is ``stored`` under a name."""
    found = []
    for name in made.table.prior.studies:
        theirs, _, trials = stored(name)
        trials = translated(made, trials)
        if not trials:
            raise StudyError(
                f"{made.file} [prior] studies",
                expected="studies with finished trials that are points of this space and have one of its objectives",
                got=name,
                hint=f"Its objectives: {', '.join(aim.name for aim in theirs.objectives)}.",
            )
        found.append(trials)
    return tuple(found)


def translated(made: Study, trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Finished trials of another study as trials of ``made``: a dimension that they do not have has its default, a loss
    that they do not have is NaN. A trial that is no point of the space is left out, and so is one without any loss."""
    found: list[Trial] = []
    for trial in observed(trials):
        params = _params(made, trial.params)
        values = [aim.loss(trial.values.get(aim.name, math.nan)) for aim in made.objectives]
        if params is not None and any(map(math.isfinite, values)):
            found.append(_trial(len(found), params, values))
    return tuple(found)


def _params(made: Study, theirs: Mapping[str, Any]) -> Params | None:
    mistaken = []

    def value(dimension: Dimension) -> Any:
        said = theirs.get(dimension.name)
        if isinstance(dimension, Simplex):
            weights = tuple(theirs.get(f"{dimension.name}.{name}") for name in dimension.names)
            said = None if None in weights else weights
        if said is None:
            return dimension.usual
        if mistake := dimension.mistake(said):
            mistaken.append(mistake)
        return said

    params = made.space.walk(value)
    return params if not mistaken and made.space.feasible(params) else None


def to_json(earlier: Earlier) -> list[list[dict[str, Any]]]:
    """Params and losses, None for a loss that is not known."""
    return [
        [{"params": t.params, "losses": [loss if math.isfinite(loss) else None for loss in t.losses]} for t in trials]
        for trials in earlier
    ]


def from_json(stored: Sequence[Sequence[Mapping[str, Any]]]) -> Earlier:
    """What `to_json` made."""
    return tuple(
        tuple(
            _trial(n, each["params"], [math.nan if loss is None else loss for loss in each["losses"]])
            for n, each in enumerate(trials)
        )
        for trials in stored
    )


def _trial(number: int, params: Params, values: Sequence[float]) -> Trial:
    return Trial(number=number, params=params, seed=None, state="finished", losses=tuple(values))
