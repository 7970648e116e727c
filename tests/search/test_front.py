"""The front of trials that were made by hand: who is on it, what is said of it, and every form it takes."""

import csv
import io
import itertools
import json
from typing import Any

import pytest
from numpy.random import Generator

from search import front, study
from search.errors import SearchError
from search.front import Front
from search.study import Study
from search.trial import Failure, State, Trial

LIMIT = 5.0


def made(*, direction: str = "min", limit: float = LIMIT, bound: float | None = None) -> Study:
    """Two objectives up to 5, b in either direction; with ``bound`` c may be at most that."""
    return study.read(
        {
            "name": "hand-made",
            "trainer": {"command": "train"},
            "space": {"x": {"low": 0, "high": 1}, "kind": ["p", "q"]},
            "objectives": {"a": {"limit": LIMIT, "unit": "s"}, "b": {"limit": limit, "direction": direction}},
            "constraints": {} if bound is None else {"c": {"max": bound}},
        }
    )


def trial(
    of: Study, number: int, a: float, b: float, c: float = 0.0, *, state: State = "finished", **more: Any
) -> Trial:
    values = {"a": a, "b": b, **({"c": c} if of.constraints else {})}
    judged = state in ("finished", "stopped")
    return Trial(
        number=number,
        params=more.pop("params", {"x": 0.5, "kind": "p"}),
        seed=None if more.get("parents") else 1,
        state=state,
        values=values if judged else {},
        losses=of.losses(values) if judged else (),
        violations=of.violations(values) if judged else (),
        failure=Failure(cause="diverged", message="nan") if state == "failed" else None,
        **more,
    )


def ids(found: Front) -> list[str]:
    return [point.id for point in found.points]


def volume(of: Study, trials: list[Trial]) -> int:
    """The hypervolume of whole numbers by counting unit squares."""
    squares = range(int(LIMIT))
    return sum(
        any(t.losses[0] <= x and t.losses[1] <= y for t in trials) for x, y in itertools.product(squares, squares)
    )


# Who is on it --------------------------------------------------------------------------------------------------------


def test_the_front_is_who_nobody_dominates_best_first_objective_first() -> None:
    of = made()
    trials = [trial(of, 0, 3, 1), trial(of, 1, 1, 3), trial(of, 2, 3, 3), trial(of, 3, 2, 2), trial(of, 4, 3, 2)]
    found = front.build(of, trials)
    assert ids(found) == ["t0001", "t0003", "t0000"]
    assert found.feasible and found.trials == 5 and len(found) == 3


def test_equal_trials_are_all_kept() -> None:
    of = made()
    found = front.build(of, [trial(of, 2, 1, 1), trial(of, 0, 1, 1), trial(of, 1, 1, 2)])
    assert ids(found) == ["t0000", "t0002"]


@pytest.mark.parametrize("state", ["running", "stopped", "failed"])
def test_a_trial_that_did_not_run_to_the_end_is_on_no_front(state: State) -> None:
    of = made()
    found = front.build(of, [trial(of, 0, 0, 0, state=state), trial(of, 1, 2, 2)])
    assert ids(found) == ["t0001"] and found.trials == 1
    assert found.curve == ((1, 9.0),)


def test_a_maximised_objective_is_best_where_it_is_large() -> None:
    of = made(direction="max", limit=0.0)
    found = front.build(of, [trial(of, 0, 1, 3), trial(of, 1, 1, 4), trial(of, 2, 2, 5), trial(of, 3, 3, 5)])
    assert ids(found) == ["t0001", "t0002"]
    assert found.reference == (5.0, 0.0)
    assert found.hypervolume == 4 * 4 + 3 * 1
    assert found["t0002"].best == ("b",)


def test_a_trial_beyond_a_limit_is_not_on_the_front_while_one_is_within() -> None:
    of = made()
    beyond, within = trial(of, 0, 0, 6), trial(of, 1, 5, 5)
    assert ids(front.build(of, [beyond])) == ["t0000"]
    assert ids(front.build(of, [beyond, within])) == ["t0001"]
    assert front.build(of, [beyond, within]).hypervolume == 0.0


def test_an_infeasible_trial_is_not_on_the_front_while_one_is_feasible() -> None:
    of = made(bound=1.0)
    found = front.build(of, [trial(of, 0, 0, 0, c=2), trial(of, 1, 3, 3, c=1)])
    assert ids(found) == ["t0001"] and found.feasible
    assert found.curve == ((1, 4.0),)


def test_a_feasible_trial_beyond_a_limit_comes_before_an_infeasible_one_within() -> None:
    of = made(bound=1.0)
    found = front.build(of, [trial(of, 0, 0, 0, c=2), trial(of, 1, 9, 9, c=0)])
    assert ids(found) == ["t0001"] and found.feasible and found.hypervolume == 0.0


def test_without_a_feasible_trial_those_of_least_violation_stand_in_and_are_labelled() -> None:
    of = made(bound=1.0)
    found = front.build(of, [trial(of, 0, 0, 0, c=4), trial(of, 1, 3, 3, c=2), trial(of, 2, 4, 4, c=2)])
    assert ids(found) == ["t0001", "t0002"] and not found.feasible
    assert (found.hypervolume, found.report_hypervolume, found.curve) == (0.0, 0.0, ())
    assert "no feasible trial; least violation: 2 of 3 trials" in str(found)
    assert found.to_json()["feasible"] is False


def test_the_front_is_what_its_definition_says(rng: Generator) -> None:
    """Random trials with ties, in every state, within and beyond limits and bound, against the definition."""
    of = made(bound=1.0)
    states: list[State] = ["finished", "finished", "finished", "stopped", "failed", "running"]
    for _ in range(200):
        count = int(rng.integers(0, 9))
        drawn = zip(rng.integers(0, 7, size=(count, 2)), rng.integers(0, 4, size=count), strict=True)
        trials = [
            trial(of, n, float(a), float(b), float(c), state=states[rng.integers(6)])
            for n, ((a, b), c) in enumerate(drawn)
        ]
        complete = [t for t in trials if t.state == "finished"]
        feasible = [t for t in complete if t.values["c"] <= 1.0]
        within = [t for t in feasible if max(t.losses) <= LIMIT]
        if feasible:
            pool = within or feasible
            expected = [t for t in pool if not any(dominates(o, t) for o in pool)]
        else:
            least = min((t.values["c"] for t in complete), default=0.0)
            expected = [t for t in complete if t.values["c"] == least]
        found = front.build(of, trials)
        assert set(ids(found)) == {t.id for t in expected}
        assert found.feasible == bool(feasible or not complete)
        assert found.trials == len(complete)
        assert found.hypervolume == volume(of, feasible)
        heights = [height for _, height in found.curve]
        assert heights == [volume(of, feasible[: n + 1]) for n in range(len(feasible))]


def dominates(one: Trial, other: Trial) -> bool:
    return one.losses != other.losses and all(x <= y for x, y in zip(one.losses, other.losses, strict=True))


def test_the_curve_never_falls(rng: Generator) -> None:
    of = made()
    found = front.build(of, [trial(of, n, *rng.uniform(0, 6, size=2).tolist()) for n in range(30)])
    heights = [height for _, height in found.curve]
    assert [number for number, _ in found.curve] == list(range(30))
    assert heights == sorted(heights) and heights[-1] == found.hypervolume > 0


# What is said of its members -----------------------------------------------------------------------------------------


def test_the_best_of_each_objective_and_the_knee_are_marked() -> None:
    of = made()
    found = front.build(of, [trial(of, 0, 0, 5), trial(of, 1, 1, 1), trial(of, 2, 5, 0), trial(of, 3, 4, 0.5)])
    assert [(point.id, front.marks(point)) for point in found] == [
        ("t0000", "best a"),
        ("t0001", "knee"),
        ("t0003", ""),
        ("t0002", "best b"),
    ]


def test_of_equals_the_first_is_marked_and_one_trial_may_be_best_in_all() -> None:
    of = made()
    found = front.build(of, [trial(of, 0, 1, 1), trial(of, 1, 1, 1)])
    assert [front.marks(point) for point in found] == ["best a, best b", ""]


def test_two_points_have_no_knee() -> None:
    of = made()
    assert not any(point.knee for point in front.build(of, [trial(of, 0, 0, 5), trial(of, 1, 1, 1)]))


def test_a_member_that_another_one_beats_on_the_other_split_does_not_survive() -> None:
    of = made()
    found = front.build(
        of,
        [
            trial(of, 0, 1, 3, report_values={"a": 2.0, "b": 3.0}),
            trial(of, 1, 3, 1, report_values={"a": 3.0, "b": 4.0}),
            trial(of, 2, 4, 0, report_values={"a": 4.0, "b": 1.0}),
        ],
    )
    assert [point.survives for point in found] == [True, False, True]
    assert found.report_hypervolume == 3 * 2 + 1 * 2
    assert found.hypervolume == 4 * 2 + 2 * 2 + 1 * 1


def test_without_another_split_everybody_survives_and_the_volume_is_the_same() -> None:
    of = made()
    found = front.build(of, [trial(of, 0, 1, 3), trial(of, 1, 3, 1)])
    assert all(point.survives for point in found)
    assert found.report_hypervolume == found.hypervolume
    assert "report" not in str(found)


def test_a_merged_model_is_named_with_its_parents() -> None:
    of = made()
    merged = trial(of, 7, 1, 1, params={}, parents=(0, 3), coefficients=(0.25, 0.75))
    over = trial(of, 9, 0, 4, params={}, parents=(0, 7), coefficients=(0.5, 0.5))
    found = front.build(of, [trial(of, 0, 1, 3), merged, over])
    assert ids(found) == ["m0009", "m0007"]
    point = found["m0007"]
    assert (point.kind, point.parents, point.coefficients) == ("merged", ("t0000", "t0003"), (0.25, 0.75))
    assert found["m0009"].parents == ("t0000", "m0007")


# The forms it takes --------------------------------------------------------------------------------------------------


@pytest.fixture
def found() -> Front:
    of = made()
    return front.build(
        of,
        [
            trial(of, 0, 1, 3, params={"x": 0.25, "kind": "p"}, report_values={"a": 1.5, "b": 3.5}),
            trial(of, 1, 2, 2, params={"x": 0.5, "depth": 3}, report_values={"a": 2.5, "b": 2.5}),
            trial(of, 2, 3, 1, params={}, parents=(0, 1), coefficients=(0.25, 0.75)),
        ],
    )


def test_front_json_holds_the_contract(found: Front) -> None:
    told = found.to_json()
    assert told.keys() >= {
        "study", "definition", "objectives", "constraints", "reference", "hypervolume", "report_hypervolume",
        "trials", "feasible", "points", "curve",
    }  # fmt: skip
    assert told["objectives"][0] == {"name": "a", "direction": "min", "unit": "s", "limit": 5.0}
    assert told["points"][0].keys() >= {
        "id", "kind", "params", "parents", "coefficients", "values", "report_values", "probability", "survives",
        "best", "knee",
    }  # fmt: skip
    assert told["study"] == "hand-made" and len(told["definition"]) == 64


def test_front_json_survives_json(found: Front) -> None:
    told = json.loads(found.dumps())
    assert json.dumps(told, indent=1) == found.dumps()
    assert told["points"][2]["parents"] == ["t0000", "t0001"]
    assert told["curve"] == [[0, 8.0], [1, 11.0], [2, 13.0]]
    assert json.loads(json.dumps(told)) == told and "NaN" not in found.dumps()


def test_the_table_has_a_column_for_every_value_and_every_param_of_any_row(found: Front) -> None:
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert list(rows[0])[:7] == ["id", "kind", "marks", "a", "b", "report_a", "report_b"]
    assert [row["id"] for row in rows] == ["t0000", "t0001", "m0002"]
    assert (rows[0]["a"], rows[0]["report_b"], rows[0]["x"], rows[0]["depth"]) == ("1", "3.5", "0.25", "")
    assert (rows[2]["parents"], rows[2]["coefficients"], rows[2]["report_a"]) == ("t0000 t0001", "0.25 0.75", "")


def test_a_param_does_not_overwrite_the_column_of_its_name(found: Front) -> None:
    row = found.rows()[0]
    assert (row["kind"], row["params.kind"]) == ("trained", "p")


def test_pandas_gives_one_row_a_point(found: Front) -> None:
    frame = found.to_pandas()
    assert list(frame.index) == ["t0000", "t0001", "m0002"]
    assert frame.loc["t0001", "b"] == 2 and frame.loc["t0001", "depth"] == 3
    assert frame["survives"].all()


def test_it_shows_itself_as_a_table(found: Front) -> None:
    first, header, *rows = str(found).splitlines()
    assert first == "hand-made: front 3 of 3 trials, hypervolume 13"
    assert header.split() == ["id", "a", "b", "report", "a", "report", "b"]
    assert rows[0].split() == ["t0000", "1", "3", "1.5", "3.5", "best", "a"]
    assert rows[2].split() == ["m0002", "3", "1", "-", "-", "best", "b"]
    assert "t0001" in found._repr_html_() and "<table" in found._repr_html_()


def test_it_is_a_sequence_of_points_that_are_found_by_id(found: Front) -> None:
    assert [point.id for point in found] == ["t0000", "t0001", "m0002"]
    assert found["t0001"] is found.points[1]
    with pytest.raises(SearchError, match=r"the front of hand-made: expected one of t0000, t0001, m0002, got 't0002'"):
        found["t0002"]


@pytest.mark.parametrize("state", [None, "running", "failed", "stopped"])
def test_a_front_without_points_takes_every_form_too(state: State | None) -> None:
    of = made()
    empty = front.build(of, [trial(of, 0, 1, 1, state=state)] if state else [])
    assert len(empty) == 0 and list(empty) == [] and empty.feasible
    assert (empty.hypervolume, empty.report_hypervolume, empty.trials, empty.curve) == (0.0, 0.0, 0, ())
    assert str(empty) == "hand-made: no front yet, no trial has finished"
    assert empty.to_csv() == "id,kind,marks,a,b\n"
    assert list(empty.to_pandas().columns) == ["kind", "marks", "a", "b"]
    assert "<table" in empty._repr_html_()
    assert json.loads(empty.dumps())["points"] == []
