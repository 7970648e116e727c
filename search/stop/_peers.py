"""What rules share that compare a trial with its peers: all trials that were seen at the rung where it stands."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Losses = NDArray[np.float64]


def compared(
    curves: Losses,
    asking: NDArray[np.int64],
    good: Callable[[Losses, Losses], NDArray[np.bool_]],
    *,
    grace: float,
    minimum: int,
) -> NDArray[np.bool_]:
    """(n, rungs, m), (k,) -> (k,): ``good(losses (j, m), peers (p, m)) -> (j,)`` at each rung where trials ask.

    True before the first ``grace`` share of the rungs, and where there are fewer than ``minimum`` peers.
    """
    rungs = curves.shape[1]
    seen = np.asarray(np.isfinite(curves).all(axis=2), dtype=np.bool_)  # (n, rungs)
    last = rungs - 1 - seen[:, ::-1].argmax(axis=1)
    goes_on = np.ones(len(asking), dtype=np.bool_)
    for rung in np.unique(last[asking]):
        peers, here = curves[seen[:, rung], rung], last[asking] == rung
        if len(peers) >= minimum and rung + 1 >= grace * rungs:
            goes_on[here] = good(curves[asking[here], rung], peers)
    return goes_on
