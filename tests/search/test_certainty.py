"""What a study with repeats says of its front, from the launch to the front, and what it buys with its last trials."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from search import ask, cli, front, live, study
from search.api import launch
from search.certainty import belief, certainty
from search.errors import StudyError
from search.explored import explored
from search.front import Front
from search.pareto import uncertainty
from search.pareto.belief import of_repeats
from search.store import Store
from search.study import Study
from search.trial import Failure, Trial
from tests.search import noisy
from tests.search.studies import DISTILL, NOISY, changed

MADE = study.read(NOISY)


def trial(number: int, x: float, losses: tuple[float, float], seed: int = 4, **more: Any) -> Trial:
    values = dict(zip(("first", "second"), losses, strict=True))
    known: dict[str, Any] = {"params": {"x": x, "y": 0.0, "z": 0.0}, "state": "finished", "values": values}
    return Trial(**{"number": number, "seed": seed, "losses": losses, **known, **more})


def run(home: Path, **changes: Any) -> tuple[Study, list[Trial], Front]:
    table = changed(NOISY, changes)
    found = launch(table, home=home, mirror=False, quiet=True)
    made, _, trials = Store(home).load(NOISY["name"])
    return made, trials, found


def repeated(trials: list[Trial]) -> list[Trial]:
    return [each for each in trials if each.seed not in (MADE.table.seed, None)]


# The front -----------------------------------------------------------------------------------------------------------

ONCE = [
    trial(n, n / 4, losses) for n, losses in enumerate([(0.1, 1.5), (0.5, 0.9), (1.0, 0.5), (1.2, 1.2), (0.6, 1.0)])
]
TWICE = [
    *ONCE, trial(5, 0.25, (0.9, 1.3), seed=5), trial(6, 0.5, (1.1, 0.6), seed=5), trial(7, 0.25, (0.5, 1.2), seed=6),
]  # fmt: skip


def test_without_repeats_nothing_is_said_of_certainty() -> None:
    found = front.build(MADE, ONCE)
    assert found.hypervolume_interval is None and not found.doubted
    assert all(point.probability is None and not point.intervals and not point.repeats for point in found)
    assert "probability" not in found.rows()[0] and "±" not in str(found) and "P(front)" not in str(found)


def test_a_configuration_is_one_point_with_the_mean_of_its_repeats() -> None:
    found = front.build(MADE, TWICE)
    assert [point.id for point in found] == ["t0000", "t0004", "t0002"], "t0001 was lucky: its mean is behind t0004"
    assert found["t0002"].repeats == ("t0002", "t0006") and found["t0000"].repeats == ()
    assert found["t0002"].values == pytest.approx({"first": 1.05, "second": 0.55})
    assert found.trials == 8
    assert [each.id for each in front.members(TWICE, MADE.reference)[0]] == ["t0000", "t0004", "t0002"]


def test_probabilities_and_intervals_are_those_of_the_belief() -> None:
    found = front.build(MADE, TWICE)
    groups = [[ONCE[0].losses], [ONCE[1].losses, (0.9, 1.3), (0.5, 1.2)], [ONCE[2].losses, (1.1, 0.6)]]
    believed = of_repeats([*groups, [ONCE[3].losses], [ONCE[4].losses]])
    p, (low, high) = uncertainty.on_front(believed), uncertainty.intervals(believed)
    for row, id in ((0, "t0000"), (4, "t0004"), (2, "t0002")):
        point = found[id]
        assert point.probability == p[row] and point.doubtful == (p[row] < 0.5)
        assert point.intervals == {"first": (low[row, 0], high[row, 0]), "second": (low[row, 1], high[row, 1])}
    assert found.hypervolume_interval is not None
    assert found.hypervolume_interval[0] < found.hypervolume_interval[1]


def test_an_interval_of_what_is_maximised_has_its_lower_end_first() -> None:
    made = study.read(changed(NOISY, {"objectives.second": {"limit": -2.0, "direction": "max"}}))
    up = [Trial(**{**vars(each), "values": {**each.values, "second": -each.values["second"]}}) for each in TWICE]
    for point, other in zip(front.build(made, up), front.build(MADE, TWICE), strict=True):
        low, high = other.intervals["second"]
        assert point.intervals["second"] == (-high, -low) and point.probability == other.probability


def test_what_is_infeasible_takes_no_part() -> None:
    made = study.read(changed(NOISY, {"constraints": {"memory": {"max": 1.0}}}))
    bad = trial(8, 0.9, (0.0, 0.0), violations=(0.5,))
    kept = [Trial(**{**vars(each), "violations": (-0.5,)}) for each in TWICE]
    with_it, without = front.build(made, [*kept, bad]), front.build(made, kept)
    assert with_it.points == without.points and with_it.hypervolume_interval == without.hypervolume_interval
    none = [Trial(**{**vars(each), "violations": (0.5,)}) for each in TWICE]
    assert not front.build(made, none).doubted and certainty(made, front.contenders(none, made.reference)).points == {}


def test_every_form_tells_the_certain_from_the_doubtful() -> None:
    losses = [(0.601 + 0.001 * i, 0.999 - 0.001 * i) for i in range(30)]  # so many equals: which of them is behind?
    close = [trial(8 + i, 0.9 + i / 1000, each) for i, each in enumerate(losses)]
    found = front.build(MADE, [*TWICE, *close])
    (doubtful, *_) = several = [point for point in found if point.doubtful]
    told = json.loads(found.dumps())
    assert {point["id"]: point["probability"] for point in told["points"]}[doubtful.id] == doubtful.probability
    assert told["points"][0]["intervals"]["first"] == list(found.points[0].intervals["first"])
    assert told["hypervolume_interval"] == list(found.hypervolume_interval or ())
    title, header, *lines = str(found).splitlines()
    assert title.endswith("]") and "P(front)" in header and all("±" in line for line in lines)
    assert [line.split()[0] for line in lines if "doubtful" in line] == [each.id for each in several]
    row = found.rows()[[point.id for point in found].index(doubtful.id)]
    assert row["probability"] == doubtful.probability and row["first_low"] == doubtful.intervals["first"][0]
    assert "probability" in found.to_csv().splitlines()[0] and "doubtful" in row["marks"]


def test_on_a_terminal_doubtful_members_are_faint() -> None:
    losses = [(0.601 + 0.001 * i, 0.999 - 0.001 * i) for i in range(30)]
    found = front.build(MADE, [*TWICE, *(trial(8 + i, 0.9 + i / 1000, each) for i, each in enumerate(losses))])
    table = live.table(found)
    faint = [row.style == "dim" for row in table.rows]
    assert faint == [point.doubtful for point in found] and True in faint and False in faint
    assert "P(front)" in [column.header for column in table.columns]
    assert "P(front)" not in [column.header for column in live.table(front.build(MADE, ONCE)).columns]


# What is bought ------------------------------------------------------------------------------------------------------


def test_the_first_repeats_are_of_one_configuration_each_from_the_best_on() -> None:
    asked = ask.repeated(MADE, ONCE, 4)
    assert sorted(params["x"] for params, _ in asked[:3]) == [0.0, 0.25, 0.5], "the front"
    assert asked[3][0]["x"] == 1.0 and {seed for _, seed in asked} == {5}, "then who was nearly on it"
    assert [each for each in ask.repeated(MADE, ONCE, 2)] == asked[:2]
    under_way = Trial(number=5, params=asked[0][0], seed=5)
    assert ask.repeated(MADE, [*ONCE, under_way], 3) == asked[1:4]


def crowd(spread: float = 0.1) -> list[Trial]:
    """Two that are hard to tell apart, one that is known well, many that are clearly behind; five have repeats."""
    rng = np.random.default_rng(0)
    truth = [(0.5, 0.5), (0.52, 0.48), (0.1, 1.5), *((1.5, 1.5 + 0.02 * i) for i in range(5))]
    counts = [1, 1, 4, 2, 2, 2, 2, 2]
    trials: list[Trial] = []
    for i, (losses, count) in enumerate(zip(truth, counts, strict=True)):
        for seed in range(count):
            drawn = (losses + spread * rng.normal(size=2)).tolist()
            trials.append(trial(len(trials), i / 8, (drawn[0], drawn[1]), seed=4 + seed))
    return trials


def test_then_those_are_repeated_that_tell_most_and_not_all_the_same_one() -> None:
    trials = crowd()
    rivals = front.contenders(trials, MADE.reference)
    believed = belief(MADE, rivals)
    assert believed is not None
    gains = uncertainty.gains(believed, samples=ask.SAMPLES, seed=4 + len(trials))
    asked = ask.repeated(MADE, trials, 4)
    assert asked[0] == ({"x": int(np.argmax(gains)) / 8, "y": 0.0, "z": 0.0}, 5)
    assert {params["x"] for params, _ in asked} == {0.0, 0.125}
    assert ask.repeated(MADE, trials, 4) == asked
    seeds = [(params["x"], seed) for params, seed in asked]
    assert len(set(seeds)) == 4, "a configuration that is asked twice has two seeds"


def test_what_runs_is_counted_as_answered() -> None:
    trials = crowd()
    (params, seed), other = ask.repeated(MADE, trials, 2)
    under_way = Trial(number=len(trials), params=params, seed=seed)
    assert ask.repeated(MADE, [*trials, under_way], 1)[0][0] == other[0] != params


def test_what_failed_once_and_what_was_merged_is_not_trained_again() -> None:
    trials = crowd()
    lost = Failure(cause="diverged", message="nan")
    failed = Trial(number=90, params={"x": 0.0, "y": 0.0, "z": 0.0}, seed=9, state="failed", failure=lost)
    merged = trial(91, 0.0, (0.51, 0.49), params={}, seed=None, parents=(0, 1), coefficients=(0.5, 0.5))
    asked = ask.repeated(MADE, [*trials, failed, merged], 4)
    assert asked and {params.get("x") for params, _ in asked} == {0.125}


def test_a_batch_in_two_parts_is_the_same_batch() -> None:
    trials = crowd()
    whole = ask.repeated(MADE, trials, 5)
    begun = [Trial(number=len(trials) + i, params=params, seed=seed) for i, (params, seed) in enumerate(whole[:2])]
    assert ask.repeated(MADE, [*trials, *begun], 3) == whole[2:]


def test_nothing_is_bought_where_nothing_is_to_learn() -> None:
    assert ask.repeated(MADE, [], 4) == []
    assert ask.repeated(MADE, crowd(spread=0.0), 4) == [], "training gives the same every time"


# A whole study -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("population", [1, 7])
def test_the_last_share_of_the_budget_is_repeats(population: int, tmp_path: Path) -> None:
    made, trials, found = run(tmp_path, **{"budget.population": population})
    again = repeated(trials)
    assert len(trials) == 20 and [each.number for each in again] == list(range(10, 20))
    alone = launch(changed(NOISY, {"name": "alone", "budget": {"trials": 10, "population": population}}),
                   home=tmp_path, mirror=False, quiet=True)  # fmt: skip
    _, _, without = Store(tmp_path).load("alone")
    kept = ("number", "params", "seed", "values")
    assert [[getattr(t, k) for k in kept] for t in trials[:10]] == [[getattr(t, k) for k in kept] for t in without]
    first = {json.dumps(each.params): each for each in trials[:10]}
    times = Counter(json.dumps(each.params) for each in trials)
    for each in again:
        assert each.values != first[json.dumps(each.params)].values
    for params, count in times.items():
        seeds = [each.seed for each in trials if json.dumps(each.params) == params]
        assert seeds == list(range(4, 4 + count)), "each the next seed"
    assert all(point.probability is not None for point in found) and not alone.doubted
    assert found.dumps() == front.build(made, trials).dumps()
    assert explored(made.space, trials) == explored(made.space, trials[:10]), "a repeat explores nothing"


def test_a_repeat_is_never_stopped_early(tmp_path: Path) -> None:
    halving = {"stop": {"rule": "halving", "minimum": 3, "grace": 0.25, "share": 0.3, "audit": 0.0}}
    _, trials, _ = run(tmp_path, **halving, **{"budget.steps": 4, "budget.rungs": 4, "budget.trials": 30})
    assert {each.state for each in repeated(trials)} == {"finished"} and len(repeated(trials)) == 15
    assert "stopped" in {each.state for each in trials}


def test_where_training_does_not_vary_the_share_is_spent_on_new_points(tmp_path: Path) -> None:
    _, trials, found = run(tmp_path, **{"trainer.noise": 0.0})
    assert len(trials) == 20 and len(repeated(trials)) == 6, "so many were under way before it was known"
    assert {point.probability for point in found} == {1.0}


def test_more_budget_keeps_the_share(tmp_path: Path) -> None:
    run(tmp_path)
    longer = changed(NOISY, {"budget.trials": 40})
    launch(longer, home=tmp_path, mirror=False, quiet=True, extend=True)
    _, _, trials = Store(tmp_path).load(NOISY["name"])
    assert [each.number for each in repeated(trials)] == [*range(10, 20), *range(30, 40)]


def test_a_finished_study_can_buy_certainty_alone(tmp_path: Path) -> None:
    run(tmp_path, **{"budget": {"trials": 12, "population": 4}})
    more = changed(NOISY, {"budget": {"trials": 16, "population": 4, "repeats": 0.25}})
    found = launch(more, home=tmp_path, mirror=False, quiet=True, extend=True)
    _, _, trials = Store(tmp_path).load(NOISY["name"])
    assert [each.number for each in repeated(trials)] == [12, 13, 14, 15] and found.doubted


@pytest.mark.slow
def test_workers_make_the_same_repeats(tmp_path: Path) -> None:
    run(tmp_path / "one")
    launch(NOISY, home=tmp_path / "two", mirror=False, quiet=True, workers=2)
    told = [
        [(t.params, t.seed, t.values) for t in Store(tmp_path / home).load(NOISY["name"])[2]] for home in ("one", "two")
    ]
    assert told[0] == told[1]


def test_models_of_configurations_with_repeats_are_merged_and_kept(tmp_path: Path) -> None:
    table = changed(DISTILL, {"budget.repeats": 0.4, "budget.trials": 14})
    found = launch(table, home=tmp_path, mirror=False, quiet=True)
    made, full, trials = Store(tmp_path).load(table["name"])
    merged = [each for each in trials if each.parents]
    assert len(merged) == 9 and all(each.complete for each in merged)
    assert sum(each.seed == 6 for each in trials) == 6
    by_number = {each.number: each for each in trials}
    again = {each.params["learning_rate"] for each in trials if each.seed == 6}
    assert {by_number[n].params["learning_rate"] for each in merged for n in each.parents} & again
    kept = {path.stem for path in (tmp_path / full / "weights").iterdir()}
    assert kept == {each.id for each in trials if each.complete}, "a repeat may bring any of them to the front"
    assert all(point.probability is not None for point in found)
    point = next(point for point in found if point.repeats)
    near = [word for name, value in point.values.items() for word in ("--near", f"{name}={value!r}")]
    words = ["pick", table["name"], "--home", str(tmp_path), *near, "--export", str(tmp_path / "model")]
    told = CliRunner().invoke(cli.main, words).output
    assert told.startswith(f"{point.id}: ") and f"on the front with probability {point.probability:.2f}" in told
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"One of {len(point.repeats)} trainings that differ in their seed" in card
    own = next(each for each in trials if each.id == point.id)
    assert f"{own.values['ece']:.6g}" in card, "the values are those of the model that is exported"


@pytest.mark.parametrize(
    ("value", "expected"), [(1.0, "less than 1"), (-0.1, "greater than or equal to 0"), ("a", "a number")]
)
def test_a_share_is_below_one(value: Any, expected: str) -> None:
    with pytest.raises(StudyError, match=rf"\[budget\] repeats: expected {expected}"):
        study.read(changed(NOISY, {"budget.repeats": value}))


def test_the_noise_of_the_tests_is_noise() -> None:
    params = {"x": 0.5, "y": 0.2, "z": 0.1}
    drawn = np.array([noisy.evaluated(params, seed, 0.1) for seed in range(400)])
    np.testing.assert_allclose(drawn.mean(axis=0), noisy.truth(params), atol=0.02)
    np.testing.assert_allclose(drawn.std(axis=0), 0.1, rtol=0.1)
