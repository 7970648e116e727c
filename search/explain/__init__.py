"""What matters in a study, and what holds across its whole space, told from functions drawn from its model.

Importance: the total effect of a dimension, the share of a loss's variance that is lost when all others are known,

    T_d = E[(f(x) - f(x with d drawn anew))^2] / (2 Var f)          (Jansen, 1999; Homma and Saltelli, 1996)

over points of the space where the dimension is there; a simplex is one dimension. That of the front is the mean T of
max_j w_j (f_j - best_j) over even weights w: what moves a point towards the front, whichever part of it is wanted.

Claims: one option against another, or more of a number against less, with all else the same, improves an objective in a
share of the space: the multiverse of what else could have been chosen (Bell, Kampman, Dodge and Lawrence, 2022).

Each figure is the mean over the functions, between their 5 and 95 % quantiles. They know what the model knows: where it
is not to be trusted (`search status`), neither are they.

    view         the functions at points, and with one dimension changed
    importance   total effects
    claims       what is better than what
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.explain.claims import Claim, claims
from search.explain.importance import importance
from search.explain.view import Share, View
from search.propose import sobol
from search.propose._functions import Functions, functions
from search.study import Study
from search.trial import Trial
from search.trust import Trust, model, trusted

FUNCTIONS = 64
POINTS = 256
CLAIMS = 10  # that are shown
TRUSTED = 0.5  # R2 of trials left out, below which a model says little


@dataclass(frozen=True, kw_only=True)
class Explained:
    """``importance``: objective, or ``front`` -> dimension -> its total effect; ``claims``: the surest first;
    ``model``: how well the one behind it predicts each objective of trials that it was not told."""

    importance: dict[str, dict[str, Share]]
    claims: tuple[Claim, ...]
    model: Mapping[str, Trust]


def explain(made: Study, trials: Sequence[Trial]) -> Explained | None:
    """Of the objectives of a study; None while there are too few trials for a model."""
    belief = model(made, trials)
    if belief is None:
        return None
    drawn = functions(belief, len(made.objectives), count=FUNCTIONS, seed=made.table.seed)
    return told(made, trials, drawn, model=trusted(made, belief))


def told(
    made: Study, trials: Sequence[Trial], drawn: Functions, *, points: int = POINTS, model: Mapping[str, Trust] = {}
) -> Explained:
    """What functions say, wherever they come from."""
    seed, width = made.table.seed, made.space.width
    again = np.random.default_rng([seed, 1]).random((points, width))
    view = View(made, drawn, sobol.cube(width, points, seed=seed), again)
    return Explained(importance=importance(view), claims=tuple(claims(view, trials)), model=model)


def lines(found: Explained) -> list[str]:
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
    if weak := [name for name, each in found.model.items() if each.r2 < TRUSTED]:
        told.append(f"Do not build on what is said of {', '.join(weak)}: its model predicts left-out trials badly.")
    return told
