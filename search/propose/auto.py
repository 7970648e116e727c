"""The proposer that fits a study: the one that finds most, of those whose proposals cost at most a share of training.

``ehvi`` finds most with as many trials, then ``tpe``, then ``nsga2``. What a proposal costs is told from the number of
trials, columns, objectives and points asked for (`seconds`), what a trial costs from the median of those that ended: so
the choice is a function of the trials, like any proposal, and may change as they come. Until one has ended, and where
their seconds are not told, it is ``ehvi``, which begins with its design. So it is with a region of interest or earlier
studies, which the others do not know. Trials too short for all of them have ``nsga2``, the cheapest that searches.
"""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from search.grammar.interest import Interest
from search.propose import observed, points
from search.propose import propose as by_name
from search.space import Params, Space
from search.trial import Trial

SPACE = {"share": {"low": 0.001, "high": 10.0, "log": True, "default": 0.1}}  # seconds of proposals for one of training

ORDER = ("ehvi", "tpe", "nsga2")
MODELLED = 400  # trials that `ehvi` looks at: `_belief.MOST`, which would cost the import of torch here


class Taken(NamedTuple):
    """The ``name`` of the proposer, and ``why``, in a line."""

    name: str
    why: str


def propose(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    interest: Interest | None = None,
    earlier: Sequence[Sequence[Trial]] = (),
    share: float = 0.1,
) -> list[Params]:
    """The next q params of the proposer that is taken."""
    name = take(space, trials, q, len(reference), share=share, interest=interest, earlier=earlier).name
    worst = reference.tolist()
    return by_name(name, space, trials, q, seed=seed, reference=worst, interest=interest, earlier=earlier, repeats=True)


def take(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    m: int,
    *,
    share: float = 0.1,
    interest: Interest | None = None,
    earlier: Sequence[Sequence[Trial]] = (),
) -> Taken:
    """For q points of m objectives."""
    told = interest is not None or bool(earlier)
    shape = f"{space.width} columns, {m} objective{'s' * (m > 1)}, {q} at once"
    spent = [trial.seconds for trial in observed(trials) if trial.seconds > 0.0]
    if told or not spent:
        return Taken("ehvi", f"{shape}, {'what it is told of' if told else 'no trial timed yet'}")
    n, each = len(points(trials)), median(spent)
    costs = {name: seconds(name, n, space.width, m, q) for name in ORDER}
    name = next((name for name in ORDER if costs[name] <= share * each * q), ORDER[-1])
    said = f"{shape}, {each:.2g} s a trial and about {costs[name]:.2g} s for proposals"
    return Taken(name, said if name == "ehvi" else f"{said}, where ehvi takes {costs['ehvi']:.2g} s")


def seconds(name: str, n: int, width: int, m: int, q: int) -> float:
    """What q proposals cost after n trials, on one core of a server of 2025: measured from 4 to 40 columns, 2 to 4
    objectives, 30 to 1000 trials and 1 to 64 points, and mostly within a factor of two."""
    if name == "ehvi":
        return (0.1 + 0.004 * width * m) * (1.0 + min(n, MODELLED) / 60.0) * (1.0 if q == 1 else 3.0)
    if name == "tpe":
        return 2e-5 * n * (width + 4.0) + 0.0035 * (1.0 + width / 20.0) * q
    return 1.5e-5 * n * (width + 8.0) + 0.001 * q
