"""Parzen estimators through Optuna: what they see, and that they learn."""

from statistics import median

import numpy as np
import optuna
import pytest

from search.propose import _optuna, sobol, tpe
from search.trial import FailureClass
from tests.search.propose.worlds import MIXED, REAL, failed, finished, history, search, volume, zdt1

REFERENCE = (1.1, 6.0)


def test_the_design_is_a_sobol_sequence() -> None:
    trials = history(MIXED, 8, 2)
    asked = tpe.propose(MIXED, trials, 3, seed=4, reference=np.ones(2), start=7)
    assert asked == sobol.propose(MIXED, trials, 3, seed=4, reference=np.ones(2))
    assert asked != tpe.propose(MIXED, trials, 3, seed=4, reference=np.ones(2), start=5)


def test_optuna_sees_what_is_complete_and_what_runs_or_diverged_as_running(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[optuna.Study] = []
    create = optuna.create_study
    monkeypatch.setattr(optuna, "create_study", lambda **known: made.append(create(**known)) or made[-1])
    trials = history(MIXED, 16, 2, limits=2)
    asked = tpe.propose(MIXED, trials, 3, seed=0, reference=np.ones(2), start=2)
    seen = made[0].get_trials()
    states = [trial.state.name for trial in seen]
    assert states == ["COMPLETE"] * 10 + ["RUNNING"] * (1 + 2) + ["RUNNING"] * 3
    complete = [trial for trial in trials if trial.complete and not trial.parents]
    for known, trial in zip(seen, complete, strict=False):
        assert tuple(known.values) == trial.losses
        assert tuple(known.constraints.values()) == trial.violations
        assert known.params["learning_rate"] == trial.params["learning_rate"]
        assert ("divergence.alpha.order" in known.params) == (trial.params["divergence"] == "alpha")
    for known, params in zip(seen[-3:], asked, strict=True):
        assert known.params["depth"] == params["depth"]
        assert 0.0 <= known.params["weights[1]"] <= 1.0 and "weights[2]" not in known.params


def test_a_proposal_depends_on_those_before_it_in_the_batch_and_on_pending_ones() -> None:
    trials = history(REAL, 7, 2)
    ask = lambda trials, q: tpe.propose(REAL, trials, q, seed=0, reference=np.ones(2), start=2)  # noqa: E731
    running = history(REAL, 8, 2)[7]
    assert running.state == "running"
    first, second = ask(trials, 2)
    assert first != second
    assert ask([*trials, running], 1)[0] != second  # the same number and stream, another pending point


def test_it_learns_more_than_chance() -> None:
    def reached(name: str) -> float:
        runs = [search(name, REAL, zdt1, 40, seed=seed, reference=REFERENCE, q=2) for seed in range(3)]
        return median(volume(trials, REFERENCE) for trials in runs)

    assert reached("tpe") > reached("random") + 0.5  # of 6.3


def test_it_leaves_where_training_diverges() -> None:
    """The best is at x0 = 1, and beyond 0.6 everything fails."""

    def inside(cause: FailureClass) -> float:
        rng, trials = np.random.default_rng(0), []
        for number in range(40):
            params = REAL.sample(rng)
            good = finished(number, params, (1.0 - params["x0"], params["x1"]))
            trials.append(failed(number, params, cause) if params["x0"] > 0.6 else good)
        return float(np.mean([p["x0"] > 0.6 for p in tpe.propose(REAL, trials, 40, seed=0, reference=np.ones(2))]))

    assert inside("diverged") < 0.6 * inside("crashed")


def test_infeasible_points_are_avoided() -> None:
    rng = np.random.default_rng(0)
    trials = []
    for number in range(30):
        params = REAL.sample(rng)
        trials.append(finished(number, params, (params["x0"], params["x1"]), (0.5 - params["x2"],)))
    asked = tpe.propose(REAL, trials, 20, seed=0, reference=np.ones(2))
    assert sum(params["x2"] > 0.5 for params in asked) >= 17


def test_a_simplex_is_its_columns_of_the_cube_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    (weights,) = [dimension for dimension in MIXED.dimensions if dimension.name == "weights"]
    names = list(_optuna.distributions(weights))
    assert names == ["weights[0]", "weights[1]"]
    trial = optuna.trial.FixedTrial(dict(zip(names, weights.encode((0.2, 0.3, 0.5)), strict=True)))
    assert _optuna._suggest(trial, weights) == pytest.approx((0.2, 0.3, 0.5))
