"""Cross-entropy search: the law is read off the trials, by branch, and goes where the elites are."""

from statistics import median

import numpy as np
import pytest

from search.propose import cem, observed
from search.space import Choice, Float, Params, Space
from search.trial import Trial
from tests.search.propose.worlds import KEPT, MIXED, REAL, finished, history, mixture, search, volume

CENTER = {"x0": 0.8, "x1": 0.3, "x2": 0.5, "x3": 0.0}
NAMED = Space((Choice(name="loss", options=("a", "b", "c")), Float(name="x", low=0.0, high=1.0)))
SETTINGS = {"population": 20, "share": 0.25, "smoothing": 0.7}


def sphere(params: Params) -> tuple[float]:
    return (sum((params[name] - center) ** 2 for name, center in CENTER.items()),)


def law(space: Space, trials: list[Trial], **settings: float) -> cem.Law:
    return cem.fitted(space, trials, **{**SETTINGS, **settings})


def probability(trials: list[Trial], floor: float) -> np.ndarray:
    return law(NAMED, trials)["loss"].kept(floor)


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_goes_to_the_centre_of_a_sphere(seed: int) -> None:
    trials = search("cem", REAL, sphere, 200, seed=seed, reference=[2.0], floor=0.01)
    found = law(REAL, trials)
    for name, center in CENTER.items():
        assert found[name].mean == pytest.approx([center], abs=0.05), name
        assert found[name].precision > 100.0, name  # a deviation below 0.1; it began at 0.29


def test_without_smoothing_in_the_law_stays_uniform() -> None:
    trials = search("cem", MIXED, mixture, 80, seed=0, reference=[2.0, 2.0], smoothing=0.0)
    found = law(MIXED, trials, smoothing=0.0)
    assert found["divergence"].p.tolist() == [0.5, 0.5]
    for name in ("learning_rate", "depth", "weights", "divergence.alpha.order"):
        assert not found[name].precision.any() and not found[name].moment.any()
    units = np.array([MIXED.encode(p) for p in cem.propose(MIXED, trials, 400, seed=0, reference=[2, 2], smoothing=0)])
    columns = [column for name, column in MIXED.columns.items() if name != "divergence.alpha.order"]
    for column in columns:
        assert units[:, column].mean(axis=0) == pytest.approx(0.5, abs=0.06)  # 4 deviations of the mean
        assert units[:, column].std(axis=0) == pytest.approx(12**-0.5, abs=0.05)


def test_elites_that_are_spread_like_the_uniform_law_teach_nothing() -> None:
    x = REAL.dimensions[0]
    even = np.linspace(0.0, 1.0, 50).tolist()
    assert cem._uniform(x).fit(x, even, 1.0).precision == pytest.approx([0.0], abs=0.5)


def test_the_best_option_has_all_but_the_floor_in_the_end() -> None:
    def losses(params: Params) -> tuple[float]:
        return (float(params["loss"] != "b") + 0.1 * params["x"],)

    trials = search("cem", NAMED, losses, 200, seed=0, reference=[2.0], floor=0.1)
    assert probability(trials, 0.1) == pytest.approx([0.05, 0.9, 0.05], abs=1e-3)
    assert probability(trials[:19], 0.1) == pytest.approx(1 / 3)
    drawn = cem.propose(NAMED, trials, 400, seed=1, reference=np.ones(1), floor=0.1)
    assert np.mean([params["loss"] == "b" for params in drawn]) == pytest.approx(0.9, abs=0.05)


def test_the_floor_keeps_numbers_moving() -> None:
    trials = [finished(i, dict.fromkeys(CENTER, 0.5), (1.0,)) for i in range(20)]
    for floor in (0.05, 0.2):
        drawn = cem.propose(REAL, trials, 400, seed=0, reference=np.ones(1), floor=floor, smoothing=1.0)
        assert np.std([params["x0"] for params in drawn]) == pytest.approx(floor, rel=0.15)


def test_smoothing_is_of_probabilities_and_of_precisions() -> None:
    loss, x = NAMED.dimensions
    half = cem.Options(np.array([0.5, 0.25, 0.25])).fit(loss, ["b", "b", "c", "b"], 0.5)
    assert half.p.tolist() == [0.25, 0.5, 0.25]
    values = [0.1, 0.2, 0.3]
    whole = cem._uniform(x).fit(x, values, 1.0)
    assert whole.precision == pytest.approx([1 / 0.01 - 12]) and whole.mean == pytest.approx([0.2])
    part = cem._uniform(x).fit(x, values, 0.25)
    assert part.precision == pytest.approx(whole.precision / 4) and part.mean == pytest.approx([0.2])


def test_a_branch_is_learned_from_elites_that_took_it_only() -> None:
    """Elites are half without alpha; where they have it, its order is 1.4 to 1.6."""
    rng, trials = np.random.default_rng(0), []
    for number in range(40):
        params = {**MIXED.sample(rng), "divergence": "forward_kl"}
        params.pop("divergence.alpha.order", None)
        if number % 2:
            params["divergence"] = "alpha"
            params["divergence.alpha.order"] = float(rng.uniform(*((1.4, 1.6) if number < 20 else (-1.0, 2.0))))
        params = MIXED.validate(params, where="here")
        trials.append(finished(number, params, (0.0 if number < 20 else 1.0,)))
    found = law(MIXED, trials, population=40, share=0.5, smoothing=1.0)
    order = found["divergence.alpha.order"]
    assert MIXED.dimensions[1].decode(order.mean) == pytest.approx(1.5, abs=0.05) and order.precision > 1000.0
    assert found["divergence"].p.tolist() == [0.5, 0.5]
    without = [trial for trial in trials if trial.params["divergence"] == "forward_kl"]
    assert not law(MIXED, without, population=20)["divergence.alpha.order"].precision.any()


def test_infeasible_points_are_elite_only_where_too_few_are_feasible() -> None:
    rng, trials = np.random.default_rng(0), []
    for number in range(40):
        params = REAL.sample(rng)
        trials.append(finished(number, params, (params["x0"],), (0.5 - params["x0"],)))
    kept = sorted(t.params["x0"] for t in trials if t.params["x0"] >= 0.5)
    assert law(REAL, trials, population=40, smoothing=1.0)["x0"].mean == pytest.approx([np.mean(kept[:10])])
    none = [finished(t.number, t.params, t.losses, (1.5 - t.params["x0"],)) for t in trials]
    highest = sorted(t.params["x0"] for t in trials)[-10:]
    assert law(REAL, none, population=40, smoothing=1.0)["x0"].mean == pytest.approx([np.mean(highest)])


def test_the_law_changes_when_a_generation_is_full_and_only_then() -> None:
    trials = history(MIXED, 60, 2)
    ends = [i + 1 for i, trial in enumerate(trials) if trial in observed(trials)]
    moments = [law(MIXED, trials[:end], population=10)["learning_rate"].moment.tolist() for end in ends]
    changed = [i for i in range(1, len(moments)) if moments[i] != moments[i - 1]]
    assert changed == [9, 19, 29]


def test_it_learns_more_than_chance_of_a_front() -> None:
    def reached(name: str) -> float:
        runs = [search(name, MIXED, mixture, 120, seed=seed, reference=(2.0, 2.0), q=4) for seed in range(5)]
        return median(volume(trials, (2.0, 2.0)) for trials in runs)

    assert reached("cem") > reached("random") + 0.25  # of 3.9


def test_constraints_are_kept_when_the_law_is_narrow() -> None:
    trials = search("cem", KEPT, mixture, 40, seed=0, reference=[2.0, 2.0], q=5, population=8, smoothing=1)
    assert all(KEPT.feasible(trial.params) for trial in trials)
