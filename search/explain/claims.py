"""What is better than what in a share of the whole space, with all else the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from search.explain.view import Array, Mask, Share, View, share
from search.space import Choice, Dimension, Params, Simplex
from search.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Claim:
    """``better`` beats ``worse`` on ``objective`` in a ``share`` of the space, from so many ``trials``. They are
    options of the ``dimension`` or, of a number or weight, ``more`` and ``less``."""

    dimension: str
    better: str
    worse: str
    objective: str
    share: Share
    trials: int

    @property
    def holds(self) -> bool:
        """It is more than a coin's throw, as sure as the interval is."""
        return self.share.low > 0.5

    def __str__(self) -> str:
        share = f"{self.share.mean:.0%} of the space [{self.share.low:.0%}, {self.share.high:.0%}]"
        said = f"{self.dimension} {self.better} beats {self.worse} on"
        if self.better in ("more", "less"):
            said = f"{self.better} {self.dimension} is better for"
        return f"{said} {self.objective} in {share}, from {self.trials} trials"


def claims(view: View, trials: Sequence[Trial]) -> list[Claim]:
    """Of every dimension and objective, the surest first."""
    known = [trial for trial in trials if not trial.parents and trial.losses]
    made = [claim for dimension, there in view.dimensions for claim in _of(view, dimension, there, known)]
    return sorted(made, key=lambda claim: (-claim.share.low, -claim.share.mean))


def _of(view: View, dimension: Dimension, there: Mask, known: Sequence[Trial]) -> list[Claim]:
    made = []
    if isinstance(dimension, Choice):
        cells = {each: np.full((len(there), 1), dimension.encode(each)[0]) for each in dimension.options}
        losses = {each: view.drawn_where(view.moved(dimension, cell), there) for each, cell in cells.items()}
        for one, other in combinations(dimension.options, 2):
            count = sum(trial.params.get(dimension.name) in (one, other) for trial in known)
            made += _told(view.names, dimension.name, (str(one), str(other)), (losses[one], losses[other]), count)
        return made
    count = sum(dimension.name in view.space.active(trial.params) for trial in known)
    if isinstance(dimension, Simplex):
        for name in dimension.names:
            key = f"{dimension.name}.{name}"
            both = (_weighted(view.params, dimension, name, view.again[:, 0], up) for up in (True, False))
            more, less = (view.drawn_where(side, there) for side in both)
            made += _told(view.names, key, ("more", "less"), (more, less), count)
        return made
    column = view.space.columns[dimension.name]
    two = np.hstack([view.units[:, column], view.again[:, column]])
    both = (view.moved(dimension, side(two, axis=1, keepdims=True)) for side in (np.max, np.min))
    more, less = (view.drawn_where(side, there) for side in both)
    return _told(view.names, dimension.name, ("more", "less"), (more, less), count)


def _weighted(params: Sequence[Params], simplex: Simplex, name: str, drawn: Array, up: bool) -> list[Params]:
    """Each with one weight at the larger, or the smaller, of its own and a drawn one; the others keep their ratios."""
    made, key = [], f"{simplex.name}.{name}"
    for each, fresh in zip(params, drawn, strict=True):
        if key not in each:
            made.append(each)
            continue
        weight = (max if up else min)(each[key], float(fresh))
        rest = max(1.0 - each[key], 1e-12)
        others = {
            f"{simplex.name}.{other}": each[f"{simplex.name}.{other}"] for other in simplex.names if other != name
        }
        made.append(each | {k: v * (1.0 - weight) / rest for k, v in others.items()} | {key: weight})
    return made


def _told(
    names: Sequence[str], dimension: str, sides: tuple[str, str], losses: tuple[Array, Array], count: int
) -> list[Claim]:
    """For each objective which side is better in more of the space; ``losses``: (s, k, m) of each side."""
    made = []
    won = ((losses[0] < losses[1]) + 0.5 * (losses[0] == losses[1])).mean(axis=1)
    for name, wins in zip(names, won.T, strict=True):
        first = wins.mean() >= 0.5
        better, worse = sides if first else sides[::-1]
        ahead = share(wins if first else 1.0 - wins)
        made.append(Claim(dimension=dimension, better=better, worse=worse, objective=name, share=ahead, trials=count))
    return made
