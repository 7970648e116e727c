"""What `search check` says of a study before anything runs."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from search import checked, identity, study
from search.cli import main

STUDY: dict[str, Any] = {
    "name": "told",
    "description": "A study to be told of.",
    "trainer": {"name": "multitask"},
    "space": {
        "weights": {},
        "learning_rate": {"high": 0.05},
        "weight_decay": 0.001,
        "optimizer": ["adamw", "sgd"],
    },
    "objectives": {"error": {"on": "upright"}, "likelihood": {"measure": "nll", "on": "rotated", "direction": "max"}},
    "constraints": {"seconds": {"max": 60}, "parameters": {"min": 10}},
    "budget": {"trials": 8, "steps": 40, "rungs": 4, "population": 4, "minutes": 2.5},
    "merge": {"evaluations": 12},
}


def text(**changes: Any) -> list[str]:
    return checked.text(study.read({**STUDY, **changes})).splitlines()


def test_the_space_is_told_with_the_origin_and_the_condition_of_each_dimension() -> None:
    told = {line.split()[0]: " ".join(line.split()[1:]) for line in text() if line.startswith("  ")}
    assert told["weights"] == "simplex upright + rotated + inverted = 1 from trainers.multitask"
    assert told["learning_rate"] == "[0.0001, 0.05] log from study over trainers.multitask"
    assert told["weight_decay"] == "= 0.001 from study"
    assert told["optimizer"] == "adamw | sgd from study"
    assert told["optimizer.sgd.momentum"] == "[0, 0.98] from trainers.optimizers.sgd if optimizer = sgd"
    assert text()[:3] == ["told: A study to be told of.", "", "space, 5 columns of the unit cube"]


def test_given_points_are_counted() -> None:
    assert "  begins with 1 given point" in text()  # the defaults
    assert "  begins with 2 given points" in text(start={"points": [{"learning_rate": 0.01}]})
    assert not any("begins" in line for line in text(start={"defaults": False}))


def test_a_prior_is_told_of() -> None:
    space = {**STUDY["space"], "learning_rate": {"prior": {"center": 0.01, "factor": 3}}}
    (line,) = (line for line in text(space=space) if line.startswith("  learning_rate"))
    assert line.split()[1:] == "[0.0001, 0.3] log, with a prior from study over trainers.multitask".split()
    assert not any("prior" in line for line in text())


def test_what_the_study_leaves_alone_is_told_with_its_default() -> None:
    table = {"trainer": {"name": "distill"}, "space": {"learning_rate": {}}, "objectives": {"error": {}}}
    told = [" ".join(line.split()) for line in checked.text(study.read(table)).splitlines()]
    assert "temperature = 2.0 from default of trainers.distill" in told


def test_constraints_between_parameters_are_told_as_the_study_says_them() -> None:
    lines = text(parameter_constraints=["weights.upright >= 0.2", "0.1 >=   learning_rate + 0 "])
    place = lines.index("parameter constraints")
    assert lines[place : place + 3] == [
        "parameter constraints", "  weights.upright >= 0.2", "  0.1 >= learning_rate + 0",
    ]  # fmt: skip
    assert "parameter constraints" not in text()


def test_objectives_and_bounds_are_told_with_their_limits_and_units() -> None:
    lines = text()
    assert "  error: min, counts up to 1 share, measure error on upright" in lines
    assert "  likelihood: max, counts down to 0 nats, measure nll on rotated" in lines
    assert "  seconds: at most 60 s" in lines
    assert "  parameters: at least 10 parameters" in lines
    assert "  f1: min, counts up to 1.1, reported by the trainer" in checked.text(study.read("zdt1")).splitlines()


def test_what_is_wanted_and_what_is_known_are_told() -> None:
    wanted = {"limits": {"error": 0.2, "likelihood": 1.5}, "weights": {"error": 2}}
    told = text(interest=wanted, prior={"studies": ["first", "second"]})
    (error,) = [line for line in told if line.startswith("  error: ")]
    (likelihood,) = [line for line in told if line.startswith("  likelihood: ")]
    assert error.endswith(", of interest up to 0.2, of weight 2") and likelihood.endswith(", of interest down to 1.5")
    assert "  proposed by ehvi, told of first, second, stopped early by front" in told


def test_the_budget_is_told_with_who_spends_it() -> None:
    lines = text()
    assert "  8 trials of 40 steps, seen 4 times, 4 at a time, trained by trainers.multitask" in lines
    assert "  proposed by ehvi, stopped early by front" in lines
    assert "  then 12 merged models of 3 parents by task_arithmetic" in lines
    assert "  no new trial after 2.5 min" in lines
    told = checked.text(study.read("zdt1"))
    assert "\n  40 trials of 1 step, 4 at a time, trained by trainers.analytic\n" in told


@pytest.mark.parametrize("changes", [{"stop": "off"}, {"budget": {"trials": 8, "steps": 40}}])
def test_where_nothing_is_stopped_early_that_is_said(changes: dict[str, Any]) -> None:
    assert "  proposed by ehvi, never stopped early" in text(**changes)


def test_the_time_is_told_where_the_trainer_knows_its_pace() -> None:
    zdt1 = study.read("zdt1", **{"budget.trials": 100_000, "budget.steps": 1000})
    assert checked.seconds(zdt1) == pytest.approx(1000.0)
    assert "  time: at most 17 min of training on one core" in checked.text(zdt1).splitlines()
    assert "  time: at most 1 s of training on one core" in checked.text(study.read("zdt1")).splitlines()
    own = {"trainer": {"command": "train {rate}"}, "space": {"rate": {"low": 0.0, "high": 1.0}}}
    untold = study.read({**own, "objectives": {"error": {"limit": 1.0}}})
    assert checked.seconds(untold) is None
    assert "  time: only the first rung can tell" in checked.text(untold).splitlines()


def test_the_last_line_is_the_identity_of_the_study() -> None:
    digest = identity.digest(identity.definition(study.read(STUDY)))
    assert text()[-1] == f"definition {digest[:12]}"
    assert text(description="Told otherwise.")[-1] == text()[-1]
    assert text(seed=1)[-1] != text()[-1]


def test_a_long_list_of_options_does_not_break_the_table() -> None:
    table = {"trainer": {"name": "distill"}, "space": {"divergence": "all"}, "objectives": {"error": {}}}
    (line,) = [line for line in checked.text(study.read(table)).splitlines() if line.startswith("  divergence ")]
    assert "alpha | cauchy_schwarz" in line and "...  from study" in line and len(line) < 120


def test_as_json_it_is_the_whole_definition_with_what_follows_from_it() -> None:
    told = json.loads(json.dumps(checked.to_json(study.read(STUDY))))
    assert told.keys() == {
        *identity.definition(study.read(STUDY)), "origins", "reference", "digest", "estimated_training_seconds",
    }  # fmt: skip
    assert told["origins"]["weights"] == "trainers.multitask"
    assert told["reference"] == [1.0, 0.0]
    made = study.read(STUDY)
    steps = made.table.budget.trials * made.table.budget.steps
    assert told["estimated_training_seconds"] == pytest.approx(steps * made.declared["MILLISECONDS_PER_STEP"] / 1000)


@pytest.mark.parametrize("name", study.shipped())
def test_every_shipped_study_can_be_checked_from_the_command_line(name: str) -> None:
    shown = CliRunner().invoke(main, ["check", name])
    assert shown.exit_code == 0 and shown.output.startswith(f"{name}: ")
    told = CliRunner().invoke(main, ["check", name, "--json"])
    assert json.loads(told.output)["digest"].startswith(shown.output.split()[-1])


def test_a_mistake_is_one_line_and_exit_code_two() -> None:
    result = CliRunner().invoke(main, ["check", "dtlz"])
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        f"Error: study 'dtlz': expected a .toml file or one of {', '.join(study.shipped())}. Did you mean 'dtlz2'?"
    ]
