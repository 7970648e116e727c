"""What runs must be there, and that a later state only adds to an earlier one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from search import front as fronts
from search.record import wanted
from search.study import Study
from search.trial import Failure, Trial
from tests.search.mirrored import failed, finished, merged, running, study, study_of


def run_of(made: Study, trial: Trial) -> wanted.Wanted:
    return wanted.trial_run(trial, {}, made.reference)


def progress(made: Study, trials: Sequence[Trial], status: str = "running") -> tuple[wanted.Metric, ...]:
    return wanted.study_run(made, trials, fronts.build(made, trials), status, {}).metrics


def test_objectives_stand_once_at_the_last_step_under_their_own_names() -> None:
    made = study()
    run = run_of(made, finished(made, 3, [0.2, 0.5]))
    at_end = {name: (value, step) for name, value, _, step in run.metrics if not name.startswith("rung/")}
    assert at_end == {
        "error": (0.2, 100), "kl_to_reference": (0.5, 100), "report_error": (1.01 * 0.2, 100),
        "report_kl_to_reference": (1.01 * 0.5, 100), "seconds": (2.5, 100), "steps": (100.0, 100),
    }  # fmt: skip


def test_the_training_curve_stands_under_other_names_by_step() -> None:
    made = study()
    metrics = run_of(made, finished(made, 3, [0.2, 0.5])).metrics
    curve = [(value, step) for name, value, _, step in metrics if name == "rung/error"]
    assert curve == [(pytest.approx(0.2 * (3 - i / 2)), 25 * (i + 1)) for i in range(4)]


def test_an_objective_that_is_the_seconds_is_written_once() -> None:
    made = study(objectives=1)
    trial = finished(made, 0, [0.2])
    trial = replace(trial, values={"seconds": 7.0, **trial.values})
    assert [value for name, value, _, _ in run_of(made, trial).metrics if name == "seconds"] == [7.0]


def test_every_state_of_a_trial_begins_with_the_metrics_of_the_state_before() -> None:
    made, done = study(), finished(study(), 3, [0.2, 0.5])
    states = [replace(running(made, 3), curve=done.curve[:count]) for count in range(5)] + [done]
    metrics = [run_of(made, state).metrics for state in states]
    for earlier, later in zip(metrics, metrics[1:], strict=False):
        assert len(earlier) < len(later) and later[: len(earlier)] == earlier
        assert wanted.written(later, len(earlier)) == wanted.written(earlier, len(earlier))


def test_values_that_are_not_finite_are_left_out() -> None:
    made = study()
    rungs = [{"error": float("nan"), "kl_to_reference": 1.0}]
    assert [name for name, *_ in run_of(made, running(made, 0, rungs)).metrics] == ["rung/kl_to_reference"]


@pytest.mark.parametrize(
    ("state", "status"), [("running", "RUNNING"), ("finished", "FINISHED"), ("stopped", "KILLED"), ("failed", "FAILED")]
)
def test_only_what_compares_is_finished(state: str, status: str) -> None:
    made = study()
    assert run_of(made, replace(finished(made, 0, [0.2, 0.5]), state=state)).status == status


def test_a_trial_beyond_a_limit_or_a_constraint_says_so() -> None:
    made = study(constraints={"memory": {"max": 1.0}})
    trials = [finished(made, 0, values) for values in ([1, 1, 0.5], [11, 1, 0.5], [1, 1, 2])]
    said = [run_of(made, trial).tags["within_limits"] for trial in trials]
    assert said == ["yes", "no", "no"]
    assert run_of(made, failed(made, 1)).tags["within_limits"] is None


def test_a_traceback_is_kept_whole_as_a_note_and_its_last_line_as_a_tag() -> None:
    made = study()
    message = "Traceback:\n  at train.py\nOSError: postgresql://ann:s3cret@db"
    tags = run_of(made, failed(made, 0, message)).tags
    assert tags["failure"] == "diverged"
    assert tags["failure_message"] == "OSError: postgresql://***@db"
    assert "    at train.py" in str(tags["mlflow.note.content"]).replace("      at", "    at")
    assert "s3cret" not in str(tags)


def test_a_merged_model_names_its_parents_and_their_parts() -> None:
    made = study()
    run = wanted.trial_run(merged(made, 9, [1, 1], (2, 7)), {2: "t0002", 7: "m0007"}, made.reference)
    assert run.params == {"parents": "t0002 m0007", "coefficients": "0.5 0.5"}
    assert (run.tags["kind"], run.tags["trial"]) == ("merged", "m0009")


def test_params_are_exact_even_when_numpy_made_them() -> None:
    made = study()
    trial = replace(running(made, 0), params={"rate": np.float64(0.1) + 0.2, "none": None, "on": True}, seed=None)
    assert run_of(made, trial).params == {"rate": "0.30000000000000004", "none": "None", "on": "True"}


def test_at_most_a_few_running_trials_are_shown_and_only_after_a_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wanted, "LIVE", 2)
    made = study()
    trials = [running(made, 0), *(running(made, n, [{"error": 1.0}]) for n in (1, 2, 3)), failed(made, 4)]
    assert [trial.number for trial in wanted.shown(trials)] == [1, 2, 4]


@pytest.mark.parametrize("seed", range(5))
def test_front_size_is_the_length_that_the_front_had_after_each_trial(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = study(objectives=2, constraints={"memory": {"max": 0.7}})
    values = np.column_stack([rng.integers(1, 14, size=(30, 2)), rng.random(30)])  # ties, and some beyond a limit
    trials = [finished(made, number, row) for number, row in enumerate(values)]
    sizes = {step: value for name, value, _, step in progress(made, trials) if name == "front_size"}
    assert sizes == {n: len(fronts.build(made, trials[: n + 1])) for n in sizes}, f"{seed=}"
    assert len(sizes) > 10


def test_progress_waits_for_the_first_trial_under_way_so_that_no_point_moves() -> None:
    made = study()
    done = [finished(made, n, [10 - n, n + 1]) for n in range(6)]
    partly = [*done[:2], running(made, 2), *done[3:]]
    early, late = progress(made, partly), progress(made, done, "finished")
    assert {step for *_, step in early} == {0, 1}
    assert late[: len(early)] == early and {step for *_, step in late} == set(range(6))


def test_a_front_too_long_for_the_charts_shows_its_knee_its_ends_and_a_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    made = study()
    front = fronts.build(made, [finished(made, n, [n / 10, 4 - np.sqrt(n)]) for n in range(16)])
    assert len(front) == 16 and wanted.charted(front) is None
    monkeypatch.setattr(wanted, "CHARTED", 5)
    shown = wanted.charted(front)
    assert shown is not None and len(shown) <= 5
    assert {"t0000", "t0015", next(point.id for point in front.points if point.knee)} <= shown


def test_tags_of_the_place_follow_the_front() -> None:
    made = study()
    trials = [finished(made, 0, [1, 2]), finished(made, 1, [2, 3]), merged(made, 2, [2, 1], (0, 1)), failed(made, 3)]
    front = fronts.build(made, trials)
    points = {point.id: point for point in front.points}
    places = [wanted.place(trial, points.get(trial.id), None) for trial in trials]
    assert [place["front"] for place in places] == ["yes", "no", "yes", "no"]
    assert [place["mlflow.runColor"] for place in places] == ["#0072B2", "#C9CED6", "#D55E00", "#E9ECEF"]
    assert places[0]["mark"] == "best error" and places[1]["mark"] is None


def test_params_of_the_study_run_do_not_change_when_a_study_is_extended() -> None:
    small, large = (study(budget={"trials": trials, "steps": 100}) for trials in (8, 80))
    runs = [wanted.study_run(made, [], fronts.build(made, []), "running", {}) for made in (small, large)]
    assert runs[0].params == runs[1].params
    assert [run.tags["budget.trials"] for run in runs] == ["8", "80"]


def test_the_whole_of_a_study_can_be_told_without_an_exception() -> None:
    made, trials, front = study_of(60, 3)
    runs = [run_of(made, trial) for trial in wanted.shown(trials)]
    assert {run.status for run in runs} == {"FINISHED", "KILLED", "FAILED"} and len(front) > 3
    assert any(isinstance(trial.failure, Failure) for trial in trials)


@pytest.mark.parametrize("seed", range(3))
def test_of_a_study_with_repeats_the_progress_is_what_the_front_was_after_each_trial(seed: int) -> None:
    rng, made = np.random.default_rng(seed), study()
    trials = [finished(made, n, row) for n, row in enumerate(rng.uniform(1, 9, size=(8, 2)))]
    for number, first in enumerate(rng.integers(0, 8, size=8).tolist(), start=8):
        trials.append(finished(made, number, rng.uniform(1, 9, size=2), params=trials[first].params))
    metrics = progress(made, trials, "finished")
    for name, said in (("front_size", len), ("hypervolume", lambda front: pytest.approx(front.hypervolume))):
        found = {step: value for each, value, _, step in metrics if each == name}
        assert found == {n: said(fronts.build(made, trials[: n + 1])) for n in range(16)}, f"{seed=}"


def test_tags_tell_how_surely_a_member_is_one_and_who_its_repeats_are() -> None:
    made = study()
    trials = [finished(made, 0, [1, 5]), finished(made, 1, [5, 1]), finished(made, 2, [6, 6])]
    trials.append(finished(made, 3, [5.5, 1.5], params=trials[1].params))
    front = fronts.build(made, trials)
    tags = wanted.place(trials[1], front["t0001"], None)
    assert tags["repeats"] == "t0001 t0003" and tags["probability"] == f"{front['t0001'].probability:.3f}"
    assert wanted.place(trials[3], None, None)["probability"] is None
    assert wanted.place(trials[0], fronts.build(made, trials[:3])["t0000"], None)["probability"] is None
    between = wanted.study_run(made, trials, front, "finished", {}).tags["hypervolume_interval"]
    assert between is not None and between.startswith("(") and str(front.hypervolume_interval) == between
