"""What the repeats of a study say of its front: `pareto.belief` and `pareto.uncertainty` about its configurations.

Every configuration counts as evaluated so often as it has repeats, a merged model once, with the noise that the repeats
show; of a trained one, those of similar params tell as well. Whether one is feasible is taken from its mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from search.pareto import uncertainty
from search.pareto.belief import Belief, of_repeats
from search.repeats import Configuration
from search.study import Study

VOLUMES = 256  # draws for the interval of the hypervolume, each of which costs one


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """``points``: row -> the probability and intervals of a front's point; ``hypervolume``: its interval. Without a
    repeat nothing is known, and both are empty."""

    points: dict[int, dict[str, Any]] = field(default_factory=dict)
    hypervolume: tuple[float, float] | None = None


def certainty(study: Study, rivals: Sequence[Configuration]) -> Certainty:
    """Of each of ``rivals`` that is feasible."""
    rows = [row for row, each in enumerate(rivals) if each.feasible]
    believed = belief(study, [rivals[row] for row in rows])
    if believed is None:
        return Certainty()
    found = {}
    lows, highs = (ends.tolist() for ends in uncertainty.intervals(believed))
    for row, p, low, high in zip(rows, uncertainty.on_front(believed).tolist(), lows, highs, strict=True):
        ends = zip(study.objectives, low, high, strict=True)
        between = {aim.name: tuple(sorted((aim.loss(least), aim.loss(most)))) for aim, least, most in ends}
        found[row] = {"probability": p, "intervals": between}
    least, _, most = uncertainty.hypervolume_interval(believed, study.reference, samples=VOLUMES)
    return Certainty(points=found, hypervolume=(least, most))


def belief(study: Study, rivals: Sequence[Configuration]) -> Belief | None:
    """What is believed of the true losses of each; None where none has a repeat, and so nothing tells of the noise."""
    if all(len(each.trials) < 2 for each in rivals):
        return None
    places = [study.space.features(each.typical.params) if each.typical.params else None for each in rivals]
    columns = max((len(place) for place in places if place is not None), default=0)
    points = tuple(tuple(np.full(columns, np.nan) if place is None else place) for place in places)
    return _believed(tuple(tuple(trial.losses for trial in each.trials) for each in rivals), points)


@lru_cache(maxsize=4)  # a rung asks for what to repeat and then shows the front: the same belief
def _believed(repeats: tuple[tuple[tuple[float, ...], ...], ...], points: tuple[tuple[float, ...], ...]) -> Belief:
    return of_repeats(repeats, points=np.array(points))
