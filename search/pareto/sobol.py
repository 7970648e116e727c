"""Scrambled Sobol points: an even cover of the unit cube, of every one of its dimensions and most pairs of them.

Owen, "Scrambling Sobol' and Niederreiter-Xing points", Journal of Complexity 14 (1998); direction numbers of
Joe and Kuo (2008). A thin door to scipy's.
"""

import numpy as np

from search.pareto.arrays import Floats


def sobol(n: int, d: int, *, seed: int, skip: int = 0) -> Floats:
    """(n, d) in [0, 1): the points of the sequence of ``seed`` after the first ``skip``.

    >>> whole = sobol(5, 2, seed=0)
    >>> bool((whole[2:] == sobol(3, 2, seed=0, skip=2)).all())
    True
    """
    from scipy.stats import qmc  # half a second that most commands never need

    engine = qmc.Sobol(max(d, 1), scramble=True, rng=np.random.default_rng(seed))
    # scipy warns of a first draw that is no power of two; one point is, and what follows a first draw is free
    first = engine.random(1)
    rest = engine.fast_forward(max(skip - 1, 0)).random(n)
    points: Floats = (np.concatenate([first, rest])[:n] if skip == 0 else rest)[:, :d]
    return points
