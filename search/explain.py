"""What matters in a study, and what holds across its whole space, told from functions drawn from its model.

Importance: the total effect of a dimension, the share of a loss's variance that is lost when all others are known,

    T_d = E[(f(x) - f(x with d drawn anew))^2] / (2 Var f)          (Jansen, 1999; Homma and Saltelli, 1996)

over points of the space where the dimension is there; a simplex is one dimension. That of the front is the mean T of
max_j w_j (f_j - best_j) over even weights w: what moves a point towards the front, whichever part of it is wanted.

Claims: one option against another, or more of a number against less, with all else the same, improves an objective in a
share of the space: the multiverse of what else could have been chosen (Bell, Kampman, Dodge and Lawrence, 2022).

Each figure is the mean over the functions, between their 5 and 95 % quantiles. They know what the model knows: where it
is not to be trusted (`search status`), neither are they.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from search import ask
from search.pareto.indicators import uniform
from search.propose import sobol
from search.propose._functions import Functions, functions
from search.space import Choice, Dimension, Params, Simplex
from search.study import Study
from search.trial import Trial
from search.trust import Trust

FUNCTIONS = 64
CLAIMS = 10  # that are shown
TRUSTED = 0.5  # R2 of trials left out, below which a model says little
POINTS = 256
WEIGHTS = 12  # of the front, about
BETWEEN = (0.05, 0.95)
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Share:
    """A mean over the functions, and what 90 % of them lie between."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.0%} [{self.low:.0%}, {self.high:.0%}]"


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


@dataclass(frozen=True, kw_only=True)
class Explained:
    """``importance``: objective, or ``front`` -> dimension -> its total effect; ``claims``: the strongest first."""

    importance: dict[str, dict[str, Share]]
    claims: tuple[Claim, ...]


def explain(made: Study, trials: Sequence[Trial], *, points: int = POINTS, count: int = FUNCTIONS) -> Explained | None:
    """Of the objectives of a study; None while there are too few trials for a model."""
    reference = np.asarray(ask.judged(made, trials).reference)
    seed, space = made.table.seed, made.space
    drawn = functions(space, trials, count=count, seed=seed, reference=reference, earlier=made.earlier)
    return None if drawn is None else told(made, trials, drawn, points=points)


def told(made: Study, trials: Sequence[Trial], drawn: Functions, *, points: int = POINTS) -> Explained:
    """What functions say, wherever they come from."""
    view = _View(made, drawn, sobol.cube(made.space.width, points, seed=made.table.seed))
    again = np.random.default_rng([made.table.seed, 1]).random((points, made.space.width))
    claims = [claim for dimension in made.space.dimensions for claim in _claims(view, dimension, trials, again)]
    ranked = sorted(claims, key=lambda claim: (-claim.share.low, -claim.share.mean))
    return Explained(importance=_importance(view, again), claims=tuple(ranked))


def lines(found: Explained, trusted: Mapping[str, Trust]) -> list[str]:
    """As it stands on a terminal: importances as a table, then the claims that hold."""
    columns, front = list(found.importance), found.importance["front"]
    wide = max(map(len, front), default=0)
    told = ["share of the variance that is lost without knowing (total effect), 90 % between", ""]
    told.append("  ".join([" " * wide, *(name.rjust(15) for name in columns)]))
    for dimension in front:
        cells = [str(found.importance[name].get(dimension, "")).rjust(15) for name in columns]
        told.append("  ".join([dimension.ljust(wide), *cells]))
    holding = [claim for claim in found.claims if claim.holds]
    told += ["", *(f"{claim}" for claim in holding[:CLAIMS])]
    if not holding:
        told.append("no claim holds across the space: every interval has one half in it")
    if weak := [name for name, each in trusted.items() if each.r2 < TRUSTED]:
        told.append(f"Do not build on what is said of {', '.join(weak)}: its model predicts left-out trials badly.")
    return told


class _View:
    """The functions at points of the unit cube (n, d)."""

    def __init__(self, made: Study, drawn: Functions, units: Array) -> None:
        self.made, self.space, self.drawn, self.units = made, made.space, drawn, units
        self.params = self.at(units)
        self.losses = drawn(self.params)  # (s, n, m)
        self.names = [aim.name for aim in made.objectives]

    def at(self, units: Array) -> list[Params]:
        return [self.space.decode(unit) for unit in units]

    def moved(self, dimension: Dimension, columns: Array) -> list[Params]:
        """Its columns (n, c) in place of those of the points."""
        units = self.units.copy()
        units[:, self.space.columns[dimension.name]] = columns
        return self.at(units)

    def there(self, dimension: Dimension) -> NDArray[np.bool_]:
        """(n,): where it is active."""
        return np.array([dimension.name in self.space.active(params) for params in self.params])


def _importance(view: _View, again: Array) -> dict[str, dict[str, Share]]:
    m = len(view.names)
    best, spread = view.losses.min(axis=(0, 1)), view.losses.std(axis=(0, 1)).clip(1e-12)
    weights = uniform(m, WEIGHTS) if m > 1 else np.ones((1, 1))

    def kinds(losses: Array) -> dict[str, Array]:
        """(s, n, m) -> (s, n, w) for each objective, w = 1, and for the front."""
        scaled = (losses - best) / spread
        worst = np.stack([(scaled * w).max(axis=2) for w in weights], axis=2)
        return {name: losses[:, :, [j]] for j, name in enumerate(view.names)} | {"front": worst}

    found: dict[str, dict[str, Share]] = {name: {} for name in [*view.names, "front"]}
    own = kinds(view.losses)
    for dimension in view.space.dimensions:
        there = view.there(dimension)
        if there.sum() < 8:
            continue
        fresh = again[:, view.space.columns[dimension.name]]
        moved = kinds(view.drawn([p for p, t in zip(view.moved(dimension, fresh), there, strict=True) if t]))
        for name, values in moved.items():
            before = own[name][:, there]
            variance = before.var(axis=1).clip(1e-18)
            effect = ((before - values) ** 2).mean(axis=1) / (2 * variance)  # (s, w)
            found[name][dimension.name] = _share(effect.mean(axis=1).clip(0.0, 1.0))
    return {name: dict(sorted(each.items(), key=lambda item: -item[1].mean)) for name, each in found.items()}


def _claims(view: _View, dimension: Dimension, trials: Sequence[Trial], again: Array) -> list[Claim]:
    there, known = view.there(dimension), [trial for trial in trials if not trial.parents and trial.losses]
    if there.sum() < 8:
        return []
    if isinstance(dimension, Choice):
        made = []
        options = list(dimension.options)
        cells = {option: np.full((len(there), 1), dimension.encode(option)[0]) for option in options}
        for one, other in combinations(options, 2):
            count = sum(trial.params.get(dimension.name) in (one, other) for trial in known)
            pair = (view.moved(dimension, cells[one]), view.moved(dimension, cells[other]))
            made += _told(view, dimension.name, (str(one), str(other)), pair, there, count)
        return made
    count = sum(dimension.name in view.space.active(trial.params) for trial in known)
    if isinstance(dimension, Simplex):
        made = []
        for name in dimension.names:
            key = f"{dimension.name}.{name}"
            more, less = (_weighted(view.params, dimension, name, again[:, 0], up) for up in (True, False))
            made += _told(view, key, ("more", "less"), (more, less), there, count)
        return made
    column = view.space.columns[dimension.name]
    pair_of = np.hstack([view.units[:, column], again[:, column]])
    high, low = (view.moved(dimension, side(pair_of, axis=1, keepdims=True)) for side in (np.max, np.min))
    return _told(view, dimension.name, ("more", "less"), (high, low), there, count)


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
    view: _View, dimension: str, sides: tuple[str, str], pair: tuple[list[Params], list[Params]],
    there: NDArray[np.bool_], count: int,
) -> list[Claim]:  # fmt: skip
    """For each objective which side is better in more of the space."""
    one, other = (view.drawn([p for p, t in zip(side, there, strict=True) if t]) for side in pair)
    made = []
    for j, name in enumerate(view.names):
        wins = ((one < other) + 0.5 * (one == other))[:, :, j].mean(axis=1)
        first = wins.mean() >= 0.5
        better, worse = sides if first else sides[::-1]
        share = _share(wins if first else 1.0 - wins)
        made.append(Claim(dimension=dimension, better=better, worse=worse, objective=name, share=share, trials=count))
    return made


def _share(values: Array) -> Share:
    low, high = np.quantile(values, BETWEEN)
    return Share(mean=float(values.mean()), low=float(low), high=float(high))
