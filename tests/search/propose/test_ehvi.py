"""The default proposer: its design, what it looks at, what it survives, and that it is worth its time."""

from collections.abc import Callable
from statistics import median

import numpy as np
import pytest
import torch

from search.grammar.interest import Interest
from search.propose import _belief, ehvi, observed, sobol
from search.space import Params, Space
from search.trial import Trial
from tests.search.propose.worlds import (
    MIXED,
    REAL,
    Problem,
    failed,
    finished,
    halfway,
    history,
    mixture,
    search,
    volume,
    zdt1,
)

REFERENCES: dict[Callable, tuple[float, float]] = {zdt1: (1.1, 6.0), mixture: (1.5, 1.5)}


def ask(space: Space, trials: list[Trial], q: int = 1, **settings: int) -> list[Params]:
    settings = {"draws": 16, **settings}
    return ehvi.propose(space, trials, q, seed=0, reference=np.array([2.0, 2.0]), **settings)


def tried(space: Space, n: int, problem: Problem, **known: object) -> list[Trial]:
    rng = np.random.default_rng(3)
    points = [space.sample(rng) for _ in range(n)]
    return [finished(number, params, problem(params)) for number, params in enumerate(points)]


def modelled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many points each model that is fitted from now on has seen."""
    sizes: list[int] = []
    original = _belief.fit
    monkeypatch.setattr(_belief, "fit", lambda b, seen, *known: sizes.append(len(seen)) or original(b, seen, *known))
    return sizes


def test_the_design_is_a_sobol_sequence_as_long_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = modelled(monkeypatch)
    trials = tried(REAL, 9, zdt1)
    assert ask(REAL, trials, 2, start=10) == sobol.propose(REAL, trials, 2, seed=0, reference=np.ones(2))
    assert not sizes
    ask(REAL, trials, 2, start=9)
    assert sizes == [9]


@pytest.mark.parametrize("space, design", [(REAL, 6), (MIXED, 8)])
def test_the_design_grows_with_the_space_if_nothing_is_said(
    space: Space, design: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = modelled(monkeypatch)
    problem = zdt1 if space is REAL else mixture
    ask(space, tried(space, design - 1, problem))
    assert sizes == []
    ask(space, tried(space, design, problem))
    assert sizes == [design]


def test_a_model_waits_for_half_of_its_design(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = modelled(monkeypatch)
    trials = tried(REAL, 8, zdt1)
    running = [Trial(number=trial.number, params=trial.params, seed=0) for trial in trials]
    ask(REAL, [*trials[:3], *running[3:]], start=8)
    assert sizes == []
    ask(REAL, [*trials[:4], *running[4:]], start=8)
    assert sizes == [4]


def test_what_was_seen_at_a_rung_is_learned_from_and_what_failed_or_merged_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes, fates = modelled(monkeypatch), []
    original = _belief.chance
    monkeypatch.setattr(_belief, "chance", lambda b, seen, fate: fates.append(fate.tolist()) or original(b, seen, fate))
    ask(MIXED, history(MIXED, 16, 2))
    assert sizes == [10 + 2 + 1]  # finished, stopped, running and seen
    # in the order of the study: the diverged one failed; the crashed one and the one not seen yet tell nothing
    assert fates == [[True] * 5 + [False] + [True] * 8]


def test_the_number_of_threads_changes_nothing_and_stays() -> None:
    trials, before = history(MIXED, 12, 2), torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(ask(MIXED, trials))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


def test_a_fit_that_fails_leaves_the_neighbourhood_of_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise torch.linalg.LinAlgError("The factorization could not be completed.")

    monkeypatch.setattr(_belief, "fit", fail)
    trials = history(MIXED, 12, 2)
    found = ask(MIXED, trials, 20)
    assert found == ask(MIXED, trials, 20)
    assert len({MIXED.key(params) for params in found}) >= 14
    front = _belief._front(observed(trials))
    near = [
        params
        for params in found
        if any(sum(trial.params.get(name) == value for name, value in params.items()) >= 5 for trial in front)
    ]
    assert 4 <= len(near) <= 16


def test_a_mistake_in_the_model_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise TypeError("a bug")

    monkeypatch.setattr(_belief, "fit", fail)
    with pytest.raises(TypeError, match="a bug"):
        ask(MIXED, history(MIXED, 12, 2))


def test_a_batch_spreads() -> None:
    first, second = ask(REAL, tried(REAL, 12, zdt1), 2)
    assert np.abs(REAL.features(first) - REAL.features(second)).max() > 0.02


def test_running_trials_and_earlier_picks_are_known_to_the_gain(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[list[float]]] = []
    known: list[tuple[ehvi.Gain, torch.Tensor]] = []
    after, tell = ehvi.Gain.after, ehvi.Gain.told
    monkeypatch.setattr(ehvi.Gain, "after", lambda gain, seen: told.append(seen.tolist()) or after(gain, seen))
    monkeypatch.setattr(ehvi.Gain, "told", lambda gain, values: known.append((gain, values)) or tell(gain, values))
    trials = tried(REAL, 12, zdt1)
    running = [Trial(number=12 + number, params=trials[number].params, seed=0) for number in range(3)]
    asked = ask(REAL, [*trials, *running], 4)
    expected = [running, asked[:2], asked[2:]]  # in two rounds
    params = [[getattr(point, "params", point) for point in points] for points in expected]
    assert told == [[REAL.features(point).tolist() for point in points] for points in params]
    ((gain, values),) = known
    ended = np.array([trial.losses for trial in trials])
    at = torch.from_numpy(np.array([REAL.features(trial.params) for trial in trials]))
    for drawn in (values, gain.draws(at)):  # what ended is told by its losses, and what is drawn runs through them
        np.testing.assert_allclose(drawn.mean(dim=0).numpy(), ended, rtol=0, atol=0.1 * ended.std())
    for loss, drawn in zip(ended.T, values.mean(dim=0).T, strict=True):
        assert np.corrcoef(loss, drawn)[0, 1] > 0.95


def test_it_keeps_away_from_where_training_diverges() -> None:
    trials = tried(REAL, 30, lambda params: (1.0 - params["x0"], 1.0 - params["x1"]))  # the best is where it diverges
    for trial in list(trials):
        if trial.params["x0"] > 0.6:
            trials[trial.number] = failed(trial.number, trial.params)
    assert 6 < sum(trial.state == "failed" for trial in trials) < 20
    asked = ask(REAL, trials, 6)
    # the last of a batch gain little where it succeeds for sure, so one may be a corner that no failure is near
    assert all(params["x0"] < 0.75 for params in asked[:4])
    assert asked[0]["x1"] > 0.8


def test_a_crash_or_too_little_time_is_no_reason_to_keep_away() -> None:
    trials = tried(REAL, 30, lambda params: (1.0 - params["x0"], 1.0 - params["x1"]))
    for cause in ("crashed", "timeout", "interrupted"):
        known = [failed(t.number, t.params, cause) if t.params["x0"] > 0.6 else t for t in trials]
        assert ask(REAL, known)[0]["x0"] > 0.8


def test_where_a_training_reached_a_rung_it_may_be_gone_to() -> None:
    """The best is at x0 = 1, where some failed; those that stopped or run there tell that it may go well."""

    def problem(params: Params) -> tuple[float, float]:
        return 1.0 - params["x0"], 1.0 - params["x0"]

    rng, trials = np.random.default_rng(0), []
    for number in range(20):
        params = REAL.sample(rng) | {"x0": 0.7 * rng.random()}
        trials.append(finished(number, params, problem(params)))
    trials += [failed(20 + i, REAL.sample(rng) | {"x0": 0.8 + 0.2 * rng.random()}) for i in range(6)]
    assert all(params["x0"] < 0.85 for params in ask(REAL, trials, 2))
    there = [REAL.sample(rng) | {"x0": 0.8 + 0.2 * rng.random()} for _ in range(24)]
    for state in ("stopped", "running"):
        more = [halfway(26 + i, params, problem(params), state) for i, params in enumerate(there)]
        assert all(params["x0"] > 0.9 for params in ask(REAL, [*trials, *more], 2))


def test_where_everything_failed_so_far_it_goes_elsewhere() -> None:
    rng, trials = np.random.default_rng(0), []
    for number in range(12):
        trials.append(failed(number, REAL.sample(rng) | {"x0": 0.5 * rng.random()}))
    for known in (trials[:3], trials):  # within the design and after it
        asked = ask(REAL, known, 6)
        places = [REAL.features(params) for params in [*asked, *(trial.params for trial in known)]]
        apart = [np.linalg.norm(one - other) for i, one in enumerate(places[:6]) for other in places[i + 1 :]]
        assert min(apart) > 0.4
    assert sum(params["x0"] > 0.5 for params in asked) >= 5
    # a share of failures as small as this one leaves the design as it is
    known = [*tried(REAL, 3, zdt1), *(failed(3 + i, trial.params) for i, trial in enumerate(trials[:2]))]
    assert ask(REAL, known, 2) == sobol.propose(REAL, known, 2, seed=0, reference=np.ones(2))


def test_stopped_trials_show_where_it_is_good_and_where_not() -> None:
    """Finished ones tell of x0 < 0.5 only; what was stopped beyond tells how it goes on there."""
    rng = np.random.default_rng(0)
    asked = {}
    for better in (True, False):

        def problem(params: Params, sign: float = 1.0 if better else -1.0) -> tuple[float, float]:
            beyond = max(params["x0"] - 0.5, 0.0)
            return 1.0 + params["x1"] - sign * beyond, 1.0 + params["x2"] - sign * beyond

        trials = []
        for number in range(24):
            params = REAL.sample(rng)
            known = finished if params["x0"] < 0.5 else halfway
            trials.append(known(number, params, problem(params)))
        asked[better] = ask(REAL, trials, 4)
        stopped = [trial for trial in trials if trial.state == "stopped"]
        assert 6 < len(stopped) < 18
    assert all(params["x0"] > 0.8 for params in asked[True])
    assert all(params["x0"] < 0.6 for params in asked[False])


def test_a_search_begins_before_anything_has_ended() -> None:
    """All trials are at their first rung: what is expected of them already says where it is good."""
    rng = np.random.default_rng(0)
    trials = []
    for number in range(24):
        params = REAL.sample(rng)
        trials.append(halfway(number, params, zdt1(params)))
    worst = np.array([1.1, 11.0])
    found = ehvi.propose(REAL, trials, 8, seed=1, reference=worst)
    assert found == ehvi.propose(REAL, trials, 8, seed=1, reference=worst)
    blind = [REAL.sample(rng) for _ in range(200)]

    def waste(many: list[Params]) -> float:
        return float(np.median([sum(list(params.values())[1:]) for params in many]))

    assert waste(found) < 0.5 * waste(blind)


def test_it_keeps_to_its_limits() -> None:
    rng, trials = np.random.default_rng(0), []
    for number in range(24):
        params = REAL.sample(rng)
        trials.append(finished(number, params, (params["x0"], params["x1"]), (0.5 - params["x0"], params["x1"] - 2.0)))
    for params in ask(REAL, trials, 4):
        assert params["x0"] > 0.45
    (first,) = ask(REAL, trials)
    assert first["x0"] < 0.6 and first["x1"] < 0.1


def test_it_looks_for_the_limits_where_nothing_keeps_them() -> None:
    rng, trials = np.random.default_rng(0), []
    for number in range(20):
        params = REAL.sample(rng) | {"x2": 0.5 * rng.random()}
        trials.append(finished(number, params, (params["x0"], params["x1"]), (0.8 - params["x2"],)))
    assert all(params["x2"] > 0.7 for params in ask(REAL, trials, 3))


def test_it_goes_towards_a_reference_that_nothing_dominates() -> None:
    def far(params: Params) -> tuple[float, float]:
        return 3.0 + params["x0"] + params["x2"], 3.0 + params["x1"] + params["x2"]

    trials = tried(REAL, 20, far)
    nearest = min(max(trial.losses) for trial in trials)
    assert all(max(far(params)) < nearest - 0.1 for params in ask(REAL, trials, 3))


def test_a_loss_that_explodes_does_not_hide_the_front() -> None:
    def exploding(params: Params) -> tuple[float, float]:
        factor = 1e6 if params["x3"] > 0.6 else 1.0
        return tuple(factor * (0.1 + loss / 10.0) for loss in zdt1(params))

    trials = tried(REAL, 30, exploding)
    for params in ask(REAL, trials, 3):
        assert params["x3"] < 0.6 and max(exploding(params)) < 0.6


def test_a_long_study_is_cut_to_its_front_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_belief, "MOST", 12)
    trials = tried(REAL, 40, zdt1)
    front = {trial.number for trial in _belief._front(trials)}
    kept = [trial.number for trial in _belief._recent(trials)]
    assert len(front) < 12 == len(kept) and kept == sorted(kept) and front < set(kept)
    assert set(kept) - front == set([number for number in range(40) if number not in front][len(front) - 12 :])
    monkeypatch.setattr(_belief, "MOST", 2)
    assert [trial.number for trial in _belief._recent(trials)] == sorted(front)[-2:]
    sizes = modelled(monkeypatch)
    ask(REAL, trials)
    assert sizes == [2]


def reached(name: str, space: Space, problem: Problem, n: int, *, q: int = 1, seeds: int = 3, **settings: int) -> float:
    """Median over seeds of the hypervolume of n trials."""
    reference = REFERENCES[problem]
    runs = [search(name, space, problem, n, seed=s, reference=reference, q=q, **settings) for s in range(seeds)]
    return median(volume(trials, reference) for trials in runs)


@pytest.mark.parametrize("space, problem, n", [(REAL, zdt1, 20), (MIXED, mixture, 24)], ids=["zdt1", "mixture"])
def test_a_short_search_reaches_more_than_as_many_blind_trials(space: Space, problem: Problem, n: int) -> None:
    found = reached("ehvi", space, problem, n, q=4, seeds=5, draws=16)
    assert found > reached("random", space, problem, n, seeds=5) + 0.1
    assert found > reached("sobol", space, problem, n, seeds=5) + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("space, problem", [(REAL, zdt1), (MIXED, mixture)], ids=["zdt1", "mixture"])
def test_a_search_reaches_more_than_any_other_proposer(space: Space, problem: Problem) -> None:
    found = reached("ehvi", space, problem, 40)
    for name in ("random", "sobol", "tpe", "nsga2"):
        assert found > reached(name, space, problem, 40) + 0.05


@pytest.mark.parametrize("limits, inside", [((0.4, np.inf), "x0"), ((np.inf, 0.4), "x1")])
def test_a_region_of_interest_is_where_it_looks(limits: tuple[float, float], inside: str) -> None:
    """Two losses that share x0: one wants it small and the other large, and the user one of them below a limit."""

    def shared(params: Params) -> tuple[float, float]:
        return params["x0"] + 0.3 * params["x1"], 1.0 - params["x0"] + 0.3 * params["x2"]

    trials = tried(REAL, 20, shared)
    known = {"seed": 0, "reference": np.array([2.0, 2.0]), "draws": 16}
    wanted = Interest(limits=limits, weights=(1.0, 1.0))
    for params in ehvi.propose(REAL, trials, 4, interest=wanted, **known):
        assert params["x0"] < 0.45 if inside == "x0" else params["x0"] > 0.55
    assert ehvi.propose(REAL, trials, 2, interest=None, **known) != ehvi.propose(
        REAL, trials, 2, interest=wanted, **known
    )
