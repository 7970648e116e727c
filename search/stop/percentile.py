"""Stops a trial that is worse than a percentile of its peers in every objective at once.

The median stopping rule (Golovin et al. 2017, section 3.2.2, with the last loss instead of a running mean) in each
objective; peers are all trials that were seen at the same rung, itself included, so trials are compared at equal
fidelity only. It states no risk: a balanced trial of the front can be worse than half of its peers in every
objective. Nothing stops before ``minimum`` peers are there or before the first ``grace`` share of the rungs.
"""

import numpy as np
from numpy.typing import NDArray

from search.stop._peers import Losses, compared

SPACE = {
    "percentile": {"low": 1.0, "high": 99.0, "default": 50.0},
    "grace": {"low": 0.0, "high": 1.0, "default": 0.25},
    "minimum": {"low": 2, "high": 1000, "integer": True, "default": 12},
}


def keep(
    curves: NDArray[np.float64],
    asking: NDArray[np.int64],
    *,
    reference: NDArray[np.float64],
    audited: NDArray[np.bool_],
    percentile: float,
    grace: float,
    minimum: int,
) -> NDArray[np.bool_]:
    """(n, rungs, m), (k,) -> (k,): true where the trial goes on.

    >>> curves = np.array([[[1.0, 4.0]], [[2.0, 2.0]], [[3.0, 1.0]], [[4.0, 3.0]], [[5.0, 5.0]]]).repeat(2, axis=1)
    >>> curves[:, 1] = np.nan
    >>> settings = dict(reference=np.ones(2), audited=np.zeros(5, bool), percentile=50.0, grace=0.0, minimum=2)
    >>> keep(curves, np.arange(5), **settings).tolist()
    [True, True, True, True, False]
    """

    def good(losses: Losses, peers: Losses) -> NDArray[np.bool_]:
        return np.asarray((losses <= np.percentile(peers, percentile, axis=0)).any(axis=1), dtype=np.bool_)

    return compared(curves, asking, good, grace=grace, minimum=minimum)
