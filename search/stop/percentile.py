"""Stops a trial that is worse than a percentile of its peers in every objective at once.

The median stopping rule (Golovin et al. 2017, section 3.2.2, with the last loss instead of a running mean) in each
objective; peers are all trials that were seen at the same rung, itself included, so trials are compared at equal
fidelity only. It states no risk: a balanced trial of the front can be worse than half of its peers in every
objective. Nothing stops before ``minimum`` peers are there or before the first ``grace`` share of the rungs.
"""

import numpy as np
from numpy.typing import NDArray

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
    rungs = curves.shape[1]
    seen = np.asarray(np.isfinite(curves).all(axis=2), dtype=np.bool_)
    last = rungs - 1 - seen[:, ::-1].argmax(axis=1)
    goes_on = np.ones(len(asking), dtype=np.bool_)
    for rung in np.unique(last[asking]):
        peers, here = curves[seen[:, rung], rung], last[asking] == rung
        if len(peers) >= minimum and rung + 1 >= grace * rungs:
            bar = np.percentile(peers, percentile, axis=0)
            goes_on[here] = (curves[asking[here], rung] <= bar).any(axis=1)
    return goes_on
