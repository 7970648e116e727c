"""Asynchronous successive halving over non-dominated ranks, with crowding to break ties.

A trial goes on while it is among the best ``share`` of all vectors reported at its step: by non-dominated
rank first, within a rank the less crowded first (MO-ASHA: Schmucker et al. 2021, algorithm 2, with
NSGA-II's crowding as the selection within a rank). Two guards make it safe under noise and small numbers:
nothing stops before ``minimum`` vectors are there to compare with or before the first ``grace`` share of
the steps, and a non-dominated trial is never stopped.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from search.pareto import dominance
from search.stop._peers import Losses, compared

SPACE = {
    "share": {"low": 0.1, "high": 1.0, "default": 0.75},
    "grace": {"low": 0.0, "high": 1.0, "default": 0.25},
    "minimum": {"low": 2, "high": 1000, "integer": True, "default": 12},
}


def keep(
    curves: NDArray[np.float64],
    asking: NDArray[np.int64],
    *,
    reference: NDArray[np.float64],
    audited: NDArray[np.bool_],
    share: float,
    grace: float,
    minimum: int,
) -> NDArray[np.bool_]:
    """(n, rungs, m), (k,) -> (k,): true where the trial goes on.

    >>> settings = dict(reference=np.ones(1), audited=np.zeros(2, bool), share=0.5, grace=0.0, minimum=2)
    >>> keep(np.array([[[1.0], [np.nan]], [[2.0], [np.nan]]]), np.array([0, 1]), **settings).tolist()
    [True, False]
    """
    return compared(curves, asking, partial(_best, share=share), grace=grace, minimum=minimum)


def _best(losses: Losses, peers: Losses, share: float) -> NDArray[np.bool_]:
    """(k, m) among (n, m) -> (k,): true for the best ``share`` of the peers, and for all that are not dominated."""
    peers = peers[np.lexsort(peers.T)]  # crowding breaks ties by row: a canonical order of rows, so that none matters
    place = np.empty(len(peers), dtype=np.int64)
    place[dominance.order(peers, np.zeros((len(peers), 0)))] = np.arange(len(peers))
    kept = (place < share * len(peers)) | dominance.is_nondominated(peers)
    equal = (losses[:, None, :] == peers[None, :, :]).all(axis=2)  # (k, n): where in peers each trial stands
    return np.asarray((equal & kept).any(axis=1), dtype=np.bool_)
