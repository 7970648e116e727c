"""A scrambled Sobol sequence over the unit cube: even cover of every one of its dimensions and of most pairs of them.

Owen, "Scrambling Sobol' and Niederreiter-Xing points", Journal of Complexity 14 (1998); direction numbers of
Joe and Kuo (2008). One sequence a study: trial i is its point i, so it does not depend on how points come in
batches, and a resumed study goes on where it was.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from search.propose import points
from search.space import Params, Space
from search.trial import Trial

SPACE: dict[str, Any] = {}


def propose(
    space: Space, trials: Sequence[Trial], q: int, *, seed: int, reference: NDArray[np.float64]
) -> list[Params]:
    """The next q points of the sequence of ``seed``."""
    return [space.decode(unit) for unit in cube(space.width, q, seed=seed, skip=len(points(trials)))]


def cube(d: int, n: int, *, seed: int, skip: int = 0) -> NDArray[np.float64]:
    """(n, d) in [0, 1): n points of the sequence after the first ``skip``."""
    engine = qmc.Sobol(max(d, 1), scramble=True, rng=np.random.default_rng(seed))
    # scipy warns of a first draw that is no power of two; one point is, and what follows a first draw is free
    first = engine.random(1)
    rest = engine.fast_forward(max(skip - 1, 0)).random(n)
    return (np.concatenate([first, rest])[:n] if skip == 0 else rest)[:, :d]
