"""Tree-structured Parzen estimators, in Optuna's multi-objective form.

Trials are split by non-domination rank and hypervolume into good and bad, the densities l and g of the params of both
are estimated, and of some draws from l the one with the largest l / g is proposed (Bergstra et al. 2011; Ozaki et al.
2022). Dimensions that occur together are estimated together, so a branch has a density of its own. Running trials
count as bad, so a batch spreads, and so do those that diverged or ran out of memory, so the search leaves where they
are; infeasible ones are bad in the order of their violation.
"""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler

from search.propose import _optuna, observed, sobol
from search.space import Params, Space
from search.trial import Trial

SPACE = {
    "start": {"low": 2, "high": 1000, "integer": True, "default": 10},  # Sobol points until so many trials are done
    "candidates": {"low": 1, "high": 1000, "integer": True, "default": 24},  # draws from the density of the good
}


def propose(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    start: int = 10,
    candidates: int = 24,
) -> list[Params]:
    """The next q params; of the reference only m is used."""
    if len(observed(trials)) < start:
        return sobol.propose(space, trials, q, seed=seed, reference=reference)

    def sampler(stream: int) -> TPESampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # group has been called experimental since 2021
            return TPESampler(
                seed=stream, n_startup_trials=start, n_ei_candidates=candidates, multivariate=True, group=True
            )

    return _optuna.ask(
        space,
        trials,
        q,
        seed=seed,
        m=len(reference),
        sampler=sampler,
        values=lambda trial: space.active(trial.params),
        params=space.walk,
    )
