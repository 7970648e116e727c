"""Hypervolume per second: without an exponent it is ehvi, and among equals it proposes the quickest."""

from dataclasses import replace

import numpy as np
import pytest

from search.propose import cost_aware, ehvi, propose
from search.space import Params
from search.trial import Trial
from tests.search.propose.worlds import MIXED, REAL, finished, history, search, volume, zdt1


def timed(trials: list[Trial]) -> list[Trial]:
    """x3 changes nothing but the seconds: from 1 to 100."""
    return [replace(trial, seconds=100.0 ** trial.params["x3"]) for trial in trials]


def flat(params: Params) -> tuple[float, float]:
    return params["x0"], 1.0 - params["x0"] + params["x1"]


def tried(n: int) -> list[Trial]:
    rng = np.random.default_rng(0)
    return timed([finished(i, params := REAL.sample(rng), flat(params)) for i in range(n)])


ASK = {"seed": 0, "reference": np.array([2.0, 2.0]), "draws": 16}


def test_without_an_exponent_it_is_ehvi() -> None:
    trials = tried(16)
    assert cost_aware.propose(REAL, trials, 2, cost_exponent=0.0, **ASK) == ehvi.propose(REAL, trials, 2, **ASK)


def test_where_nobody_knows_the_seconds_it_is_ehvi() -> None:
    trials = history(MIXED, 12, 2)
    assert cost_aware.propose(MIXED, trials, 2, start=4, **ASK) == ehvi.propose(MIXED, trials, 2, start=4, **ASK)


def test_among_what_gains_alike_the_quickest_is_proposed() -> None:
    asked = cost_aware.propose(REAL, tried(16), 4, **ASK)
    assert all(params["x3"] < 0.2 for params in asked)


@pytest.mark.slow
def test_in_the_same_seconds_it_reaches_more_than_ehvi() -> None:
    """Seconds grow with x1 to x3 on zdt1, which are best at 0 anyway, and with x0, which trades the losses."""

    def reached(name: str, seed: int) -> float:
        trials: list[Trial] = []
        while sum(trial.seconds for trial in trials) < 80.0:
            (params,) = propose(name, REAL, trials, 1, seed=seed, reference=(1.1, 6.0))
            seconds = 30.0 ** params["x3"]
            trials.append(replace(finished(len(trials), params, zdt1(params)), seconds=seconds))
        return volume(trials, (1.1, 6.0))

    better = [reached("cost_aware", seed) - reached("ehvi", seed) for seed in range(3)]
    assert np.median(better) > 0.0
    assert len(search("cost_aware", REAL, zdt1, 3, seed=0, reference=(1.1, 6.0))) == 3
