"""How far the model behind the proposals can be trusted: how well it predicts each trial from all the others.

The leave-one-out predictions of a Gaussian process are exact and cost no further fit (Rasmussen and Williams 2006,
section 5.4.2). They are of the losses that the model learns, so what is far beyond the limits counts less than it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search import ask, components
from search.study import Study
from search.trial import Trial

if TYPE_CHECKING:
    from search.propose._belief import Belief

LEVEL, WITHIN = 0.9, 1.6448536269514722  # of a normal distribution, in standard deviations


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Of ``trials``: ``r2``, the share of an objective's variance that is predicted, at most 1, below 0 where the mean
    would do better; ``covered``: the share that lies in its interval of LEVEL."""

    trials: int
    r2: float
    covered: float

    def __str__(self) -> str:
        return f"R2 {self.r2:.2f}, {self.covered:.0%} in the {LEVEL:.0%} interval"


def trust(made: Study, trials: Sequence[Trial]) -> dict[str, Trust]:
    """Of each objective; nothing while there is no model, or where the proposer has none of its own."""
    if not components.takes("proposer", ask.proposer(made, trials)[0], "earlier"):
        return {}
    belief = model(made, trials)
    return {} if belief is None else trusted(made, belief)


def model(made: Study, trials: Sequence[Trial]) -> "Belief | None":
    """What is believed of the whole space after these trials; None while they are too few."""
    import numpy as np

    from search.propose._belief import Belief, alone, believe

    with alone():
        worst = np.asarray(ask.judged(made, trials).reference)
        found = believe(made.space, trials, 1, seed=made.table.seed, reference=worst, earlier=made.earlier, start=0)
    return found if isinstance(found, Belief) else None


def trusted(made: Study, belief: "Belief") -> dict[str, Trust]:
    """Of each objective, how a model predicts each trial from all the others."""
    import numpy as np

    from search.propose._belief import alone

    with alone():
        mean, deviation = belief.process.predicted_left_out
    found, n = {}, len(belief.known)
    for row, aim in enumerate(made.objectives):
        exact = np.ones(n, np.bool_) if belief.seen.variances is None else belief.seen.variances[:n, row] == 0.0
        values = belief.process.values[row, :n].numpy()[exact]
        missed = values - mean[row, :n].numpy()[exact]
        spread = float(((values - values.mean()) ** 2).sum()) if len(values) else 0.0
        if spread > 0.0:
            covered = float((np.abs(missed) <= WITHIN * deviation[row, :n].numpy()[exact]).mean())
            found[aim.name] = Trust(trials=len(values), r2=1.0 - float((missed**2).sum()) / spread, covered=covered)
    return found
