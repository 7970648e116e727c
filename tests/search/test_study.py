"""A study file: what it becomes, and every mistake in it found before anything runs, by file, key and what to do."""

import json
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search import components, identity, study
from search.errors import StudyError
from search.study import Objective, Study
from tests.search.studies import changed

# A study of each kind of trainer: one that is measured, one with views, one that reports its values, a program.
TABLES: dict[str, dict[str, Any]] = {
    "measured": {
        "trainer": {"name": "distill"},
        "space": {"learning_rate": {}, "divergence": ["forward_kl", "alpha"]},
        "objectives": {"error": {}, "ece": {"limit": 0.5}},
        "budget": {"trials": 8, "steps": 80, "rungs": 4},
    },
    "views": {
        "trainer": {"name": "multitask"},
        "space": {"weights": {}},
        "objectives": {"error": {"on": "upright"}, "other": {"measure": "error", "on": "rotated"}},
    },
    "reported": {
        "trainer": {"name": "analytic"},
        "space": {"problem": "bnh"},
        "objectives": {"f1": {"limit": 140}, "f2": {"limit": 50}},
        "constraints": {"c1": {"max": 0}},
    },
    "program": {
        "trainer": {"command": "python train.py --rate {rate} --seed {seed}"},
        "space": {"rate": {"low": 0.0, "high": 1.0}, "weights": {"simplex": ["a", "b"]}},
        "objectives": {"error": {"limit": 1.0}},
    },
}


def table(kind: str, **changes: Any) -> dict[str, Any]:
    """A study of that kind; ``changes``: dotted keys, and ``...`` removes one."""
    return changed(TABLES[kind], changes)


def read(kind: str, **changes: Any) -> Study:
    return study.read(table(kind, **changes))


# Every table of the file, with the mistakes that can be made in it ---------------------------------------------------

# What is read as "study ..." here begins with the name of the file where there is one; … stands for anything.
MISTAKES: dict[str, list[tuple[str, dict[str, Any], str]]] = {
    "whole file": [
        ("measured", {"objektives": {}},
         "objektives: expected one of name, …, got 'objektives'. Did you mean 'objectives'?"),
        ("measured", {"trainer": ...}, "[trainer]: expected an entry; there is none."),
        ("measured", {"space": ...}, "[space]: expected an entry; there is none."),
        ("measured", {"objectives": ...}, "[objectives]: expected an entry; there is none."),
        ("measured", {"objectives": {}}, "[objectives]: expected a table with one entry at least, got {}"),
        ("measured", {"name": "my study"}, "name: expected letters, digits, … at most 64, got 'my study'"),
        ("measured", {"name": "a/b"}, "name: expected letters, digits, …, got 'a/b'"),
        ("measured", {"seed": -1}, "seed: expected greater than or equal to 0, got -1"),
        ("measured", {"seed": "1"}, "seed: expected a whole number, got '1'"),
        ("measured", {"repeats": "no"}, "repeats: expected true or false, got 'no'"),
        ("measured", {"description": 3}, "description: expected text in quotes, got 3"),
    ],
    "trainer": [
        ("measured", {"trainer": 3}, "[trainer]: expected a table, got 3"),
        ("measured", {"trainer": "distil"}, "[trainer] name: expected one of analytic, "),
        ("measured", {"trainer": {}}, "[trainer]: expected either name or command. Shipped trainers: analytic, "),
        ("measured", {"trainer.command": "x"}, "[trainer]: expected either name or command"),
        ("measured", {"trainer.name": "distil"},
         "[trainer] name: expected one of analytic, …, got 'distil'. Did you mean 'distill'?"),
        ("measured", {"trainer.name": "external"}, "[trainer] name: expected one of …, got 'external'"),
        ("measured", {"trainer.name": "nowhere:train"},
         "[trainer] name: expected a module that Python can find, got 'nowhere'. It is looked for in the study "),
        ("measured", {"trainer.name": ":train"}, "[trainer] name: expected a module that Python can find, got ''"),
        ("measured", {"trainer.bach": 32},
         "[trainer] bach: expected one of name, …, got 'bach'. Did you mean 'batch'?"),
        ("measured", {"trainer.batch": "32"}, "[trainer] batch: expected a value like 64, got '32'"),
        ("measured", {"trainer.batch": True}, "[trainer] batch: expected a value like 64, got True"),
        ("measured", {"trainer.hidden": 24}, "[trainer] hidden: expected a value like [24, 24], got 24"),
        ("measured", {"trainer.hidden": [24, "x"]}, "[trainer] hidden: expected a value like 24, got 'x'"),
        ("program", {"trainer.cwd": "here"}, "[trainer] cwd: expected one of command, got 'cwd'"),
        ("program", {"trainer.command": "t {rat}"},
         "[trainer] command: expected one of {checkpoint}, {rate}, …, got '{rat}'. Did you mean 'rate'?"),
        ("program", {"trainer.command": "t {weights}"},
         "[trainer] command: expected one of …{weights.a}, …, got '{weights}'"),
        ("program", {"trainer.command": "t {}"}, "[trainer] command: expected one of …, got '{}'"),
        ("program", {"trainer.command": "t {rate:.3f}"},
         "[trainer] command: expected a command line, got \"a name alone in braces, without '.3f'; a "),
        ("program", {"trainer.command": "t {rate!r}"},
         '[trainer] command: expected a command line, got "a name alone in '),
        ("program", {"trainer.command": "t '{\"a\": 1}'"},
         "[trainer] command: expected a command line, got … plain brace "),
        ("program", {"trainer.command": "t {rate"},
         "[trainer] command: expected a command line, got \"expected '}' before "),
        ("program", {"trainer.command": "t 'x"},
         "[trainer] command: expected a command line, got 'No closing quotation'"),
        ("program", {"trainer.command": " "}, "[trainer] command: expected a command line, got ' '"),
    ],
    "space": [
        ("measured", {"space": {}}, "[space]: expected a table with one entry at least, got {}"),
        ("measured", {"space": ["x"]}, "[space]: expected a table, got ['x']"),
        ("measured", {"space": {"learning_rate": 0.1}},
         "[space]: expected something to search, got 'only fixed values'"),
        ("measured", {"space.lerning_rate": {}},
         "[space] lerning_rate: expected one of divergence, …, got 'lerning_rate'. Did you mean 'learning_rate'?"),
        ("measured", {"space.divergence": "kl"}, "[space] divergence: expected one of alpha, …, got 'kl'"),
        ("measured", {"space.learning_rate": {"low": 1}},
         "[space] learning_rate: expected low < high, got 'low = 1, high = 0.3'"),
        ("views", {"space.weights": {"simplex": ["upright", "inverted"]}},
         "[space] weights.simplex: expected the names upright, rotated, inverted, got ['upright', 'inverted']"),
    ],
    "parameter_constraints": [
        ("program", {"parameter_constraints": "rate <= 1"}, "parameter_constraints: expected a list, got 'rate <= 1'"),
        ("program", {"parameter_constraints": [3]}, "[parameter_constraints] 0: expected text in quotes, got 3"),
        ("program", {"parameter_constraints": ["rat <= 1"]},
         "parameter_constraints 'rat <= 1': expected one of rate, …, got 'rat'. Did you mean 'rate'?"),
        ("program", {"parameter_constraints": ["rate >= 2"]},
         "parameter_constraints: expected constraints that leave some point, got ['rate >= 2']"),
    ],
    "start": [
        ("program", {"start": [{"rate": 0.5}]}, "[start]: expected a table, got [{'rate': 0.5}]"),
        ("program", {"start.points": {"rate": 0.5}}, "[start] points: expected a list, got {'rate': 0.5}"),
        ("program", {"start.points": [0.5]}, "[start.points] 0: expected a table, got 0.5"),
        ("program", {"start.defaults": "no"}, "[start] defaults: expected true or false, got 'no'"),
        ("program", {"start.point": []},
         "[start] point: expected one of points, defaults, got 'point'. Did you mean 'points'?"),
        ("program", {"start.points": [{"rate": 0.5}, {"rat": 0.5}]},
         "[start] point 2 rat: expected one of rate, weights, got 'rat'. Did you mean 'rate'?"),
        ("program", {"start.points": [{"rate": 0.9}], "parameter_constraints": ["rate <= 0.5"]},
         "[start] point 1: expected rate <= 0.5, got {'rate': 0.9}. What a point leaves out has its default, or "),
    ],
    "objectives": [
        ("measured", {"objectives.error": 0.5}, "[objectives] error: expected a table, got 0.5"),
        ("measured", {"objectives.eror": {}},
         "[objectives.eror] measure: expected one of brier, …, got 'eror'. Did you mean 'error'?"),
        ("measured", {"objectives.error.measure": "eec"},
         "[objectives.error] measure: expected one of … Did you mean 'ece'?"),
        ("measured", {"objectives.error.limit": "high"}, "[objectives.error] limit: expected a number, got 'high'"),
        ("measured", {"objectives.error.limit": float("inf")},
         "[objectives.error] limit: expected a finite number, got inf"),
        ("measured", {"objectives.error.direction": "down"},
         "[objectives.error] direction: expected 'min' or 'max', got 'down'"),
        ("measured", {"objectives.error.unit": 3}, "[objectives.error] unit: expected text in quotes, got 3"),
        ("measured", {"objectives.ece.bin": 5},
         "[objectives.ece] bin: expected one of measure, …, bins, got 'bin'. Did you mean 'bins'?"),
        ("measured", {"objectives.ece.bins": 500}, "[objectives.ece] bins: expected a whole number in 5..50, got 500"),
        ("measured", {"objectives.ece.bins": "many"}, "[objectives.ece] bins: expected a whole number in "),
        ("measured", {"objectives.error.on": "upright"},
         "[objectives.error] on: expected nothing, since logits has no views here, got 'upright'"),
        ("views", {"objectives.error.on": ...}, "[objectives.error] on: expected one of inverted, rotated, upright."),
        ("views", {"objectives.error.on": "uprigth"},
         "[objectives.error] on: expected one of …, got 'uprigth'. Did you mean 'upright'?"),
        ("views", {"objectives.far": {"measure": "kl_to_reference", "on": "upright"}},
         "[objectives.far] measure: expected a measure of what …, got 'kl_to_reference, which needs reference_logits'"),
        ("reported", {"objectives.f1": {}},
         "[objectives.f1] limit: expected the worst value that counts; there is none. It is the reference "),
        ("reported", {"objectives.f1.measure": "error"},
         "[objectives.f1] measure: expected one of direction, unit, limit, dear, since …, got 'measure'"),
        ("reported", {"objectives.f1.on": "upright"}, "[objectives.f1] on: expected one of direction, unit, "),
        ("reported", {"objectives.f1.limt": 1}, "[objectives.f1] limt: expected …, got 'limt'. Did you mean 'limit'?"),
        ("program", {"objectives.step": {"limit": 1}},
         "[objectives] step: expected a name that is no dimension, nor one of step, id, "),
        ("program", {"objectives.rate": {"limit": 1}}, "[objectives] rate: expected a name that is no dimension"),
        ("program", {"objectives": {"": {"limit": 1}}}, "[objectives] : expected a name that is no dimension"),
    ],
    "constraints": [
        ("reported", {"constraints": 3}, "[constraints]: expected a table, got 3"),
        ("reported", {"constraints.c1": {}}, "[constraints.c1]: expected either min or max. max = 0.1 holds "),
        ("reported", {"constraints.c1.min": 0}, "[constraints.c1]: expected either min or max"),
        ("reported", {"constraints.c1.max": "0"}, "[constraints.c1] max: expected a number, got '0'"),
        ("reported", {"constraints.c1.limit": 0},
         "[constraints.c1] limit: expected one of min, max, since this trainer reports its values itself, got 'limit'"),
        ("reported", {"constraints.f1": {"max": 1}}, "[constraints] f1: expected a name that is no objective's"),
        ("measured", {"constraints.nll": {"mx": 1, "max": 2}},
         "[constraints.nll] mx: expected one of measure, on, min, max, got 'mx'. Did you mean 'max'?"),
        ("measured", {"constraints.cost": {"max": 2}}, "[constraints.cost] measure: expected one of brier, "),
    ],
    "interest": [
        ("measured", {"interest": 0.1}, "[interest]: expected a table, got 0.1"),
        ("measured", {"interest.limit": {"error": 0.1}},
         "[interest] limit: expected one of limits, weights, got 'limit'. Did you mean 'limits'?"),
        ("measured", {"interest.limits": {"error": "low"}}, "[interest.limits] error: expected a number, got 'low'"),
        ("measured", {"interest.limits": {"eror": 0.1}},
         "[interest.limits] eror: expected one of error, ece, got 'eror'. Did you mean 'error'?"),
        ("measured", {"interest.weights": {"error": 0}}, "[interest.weights] error: expected a number above 0, got 0"),
        ("measured", {"interest.limits": {"error": 0.1}, "proposer.name": "sobol"},
         "[proposer] name: expected one of …ehvi, …, which look at [interest], got 'sobol'"),
    ],
    "prior": [
        ("measured", {"prior": "first"}, "[prior]: expected a table, got 'first'"),
        ("measured", {"prior.studies": "first"}, "[prior] studies: expected a list, got 'first'"),
        ("measured", {"prior.study": ["first"]}, "[prior] study: expected one of studies, got 'study'. Did you"),
        ("measured", {"prior.studies": ["first"], "proposer.name": "tpe"},
         "[proposer] name: expected one of …ehvi, …, which look at [prior], got 'tpe'"),
    ],
    "budget": [
        ("measured", {"budget": 64}, "[budget]: expected a table, got 64"),
        ("measured", {"budget.trails": 64},
         "[budget] trails: expected one of trials, …, got 'trails'. Did you mean 'trials'?"),
        ("measured", {"budget.trials": 0}, "[budget] trials: expected greater than or equal to 1, got 0"),
        ("measured", {"budget.trials": 8.5}, "[budget] trials: expected a whole number, got 8.5"),
        ("measured", {"budget.trials": True}, "[budget] trials: expected a whole number, got True"),
        ("measured", {"budget.rungs": 3}, "[budget] rungs: expected a divisor of steps = 80, got 3"),
        ("measured", {"budget.rungs": 160}, "[budget] rungs: expected a divisor of steps = 80, got 160"),
        ("measured", {"budget.population": 5000}, "[budget] population: expected less than or equal to 4096, got "),
        ("measured", {"budget.minutes": 0}, "[budget] minutes: expected greater than 0, got 0"),
    ],
    "proposer": [
        ("measured", {"proposer": "sobol"},
         "[proposer]: expected a table, got 'sobol'. Write proposer = {name = \"sobol\"}"),
        ("measured", {"proposer.name": "sobel"},
         "[proposer] name: expected one of …ehvi, …, got 'sobel'. Did you mean 'sobol'?"),
        ("measured", {"proposer.nmae": "sobol"},
         "[proposer] nmae: expected one of name, …, got 'nmae'. Did you mean 'name'?"),
        ("measured", {"proposer.start": -1}, "[proposer] start: expected a whole number in …, got -1"),
    ],
    "stop": [
        ("measured", {"stop": "halving"}, "[stop]: expected a table, got 'halving'. Write stop = {rule = "),
        ("measured", {"stop.rule": "halvign"},
         "[stop] rule: expected one of front, halving, percentile, off, got 'halvign'. Did you mean 'halving'?"),
        ("measured", {"stop.rule": "my.own"}, "[stop] rule: expected a module that Python can find, got 'my.own'"),
        ("measured", {"stop": {"rule": "halving", "shear": 0.5}},
         "[stop] shear: expected one of rule, audit, share, grace, minimum, got 'shear'. Did you mean 'share'?"),
        ("measured", {"stop.rsk": 0.1}, "[stop] rsk: expected one of rule, audit, risk, …, got 'rsk'. Did you mean"),
        ("measured", {"stop.risk": 2}, "[stop] risk: expected a number in [0.001, 0.5], got 2"),
        ("measured", {"stop.audit": 2}, "[stop] audit: expected less than or equal to 1, got 2"),
        ("measured", {"stop.minimum": 2.5}, "[stop] minimum: expected a whole number in 3..1000, got 2.5"),
    ],
    "merge": [
        ("measured", {"merge": True}, "[merge]: expected a table, got True"),
        ("measured", {"merge": {}}, "[merge] evaluations: expected an entry; there is none."),
        ("measured", {"merge": {"evaluations": 9, "parents": 1}},
         "[merge] parents: expected greater than or equal to 2, got 1"),
        ("measured", {"merge": {"evaluations": 9, "rule": "liner"}},
         "[merge] rule: expected one of dare, elect, linear, …, got 'liner'. Did you mean 'linear'?"),
        ("measured", {"merge": {"evaluations": 9, "scale": 2}},
         "[merge] scale: expected one of evaluations, rule, parents, method, groups, got 'scale'"),
        ("measured", {"merge": {"evaluations": 9, "method": "output"}},
         "[merge] method: expected one of bayesian_map, …, got 'output'. Did you mean 'outputs'?"),
        ("reported", {"merge": {"evaluations": 9}},
         "[merge]: expected a trainer whose models share a base, got 'trainers.analytic'"),
    ],
    "amortise": [
        ("measured", {"amortise": {"rounds": 2}}, "[amortise]: expected a table [merge] too, which says how many"),
        ("measured", {"amortise": {"rounds": 0}, "merge": {"evaluations": 9}},
         "[amortise] rounds: expected greater than or equal to 1, got 0"),
        ("measured", {"amortise": {"round": 2}, "merge": {"evaluations": 9}},
         "[amortise] round: expected one of rounds, got 'round'. Did you mean 'rounds'?"),
    ],
    "run": [
        ("measured", {"run": {"devise": "cpu"}},
         "[run] devise: expected one of device, trial_minutes, got 'devise'. Did you mean 'device'?"),
        ("measured", {"run": {"device": "cude"}}, "[run] device: expected auto, cpu, mps, cuda or cuda:N, got 'cude'"),
        ("measured", {"run": {"trial_minutes": 0}}, "[run] trial_minutes: expected greater than 0, got 0"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        pytest.param(*row, id=f"{section}-{number}")
        for section, rows in MISTAKES.items()
        for number, row in enumerate(rows)
    ],
)
def test_a_mistake_is_said_with_its_place_what_was_expected_and_what_came(
    kind: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(StudyError, match="^study " + re.escape(message).replace("…", ".*")) as raised:
        read(kind, **changes)
    assert "\n" not in str(raised.value)


def test_the_mistakes_cover_every_table_of_the_file() -> None:
    tables = {name for name, field in study.StudyFile.model_fields.items() if field.annotation not in (str, int, bool)}
    assert MISTAKES.keys() == {"whole file", *tables}


@pytest.mark.parametrize("kind", TABLES)
def test_without_a_mistake_the_studies_of_this_file_are_read(kind: str) -> None:
    assert read(kind).space.dimensions


# Files ---------------------------------------------------------------------------------------------------------------

SMALL = """
[trainer]
name = "analytic"
[space]
problem = "zdt1"
[objectives]
f1 = {limit = 1.1}
f2 = {limit = 1.1}
"""


def test_a_file_gives_the_study_its_name_and_messages_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "first-try.toml"
    path.write_text(SMALL)
    made = study.read(path)
    assert (made.name, made.file, made.folder) == ("first-try", "first-try.toml", str(tmp_path.resolve()))
    assert study.read(str(path)) == made
    path.write_text(SMALL.replace("[objectives]", "[objektives]"))
    with pytest.raises(StudyError, match=r"^first-try\.toml objektives: .* Did you mean 'objectives'\?$"):
        study.read(path)


def test_a_file_may_call_the_study_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "first try.toml"
    path.write_text(SMALL)
    with pytest.raises(StudyError, match=r"^first try\.toml name: expected letters, digits, .*, got 'first try'"):
        study.read(path)
    path.write_text(f'name = "first-try"\n{SMALL}')
    assert study.read(path).name == "first-try"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[trainer\nname = 1", r"broken\.toml: expected valid TOML, got \"Expected '\]' .*\(at line 1, column 9\)\""),
        (b"seed = 1\nseed = 2", r"broken\.toml: expected valid TOML, got 'Cannot overwrite a value "),
        (b"name = '\xff'", r"broken\.toml: expected valid TOML, got .*invalid start byte"),
    ],
)
def test_what_is_no_toml_is_said_with_its_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=message):
        study.read(path)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"missing\.toml: expected a study file, got 'no such file'"):
        study.read(tmp_path / "missing.toml")
    with pytest.raises(StudyError, match=r"studies/zdt1: expected a study file, got 'no such file'"):
        study.read("studies/zdt1")


def test_a_shipped_study_is_read_by_its_name_alone() -> None:
    assert {"zdt1", "bnh", "dtlz2", "distill-digits"} <= set(study.shipped())
    for name in study.shipped():
        made = study.read(name)
        assert made.name == name and made.table.description
    with pytest.raises(
        StudyError, match=r"^study 'distil-digits': expected a \.toml file or one of bnh, .* Did you mean "
    ):
        study.read("distil-digits")
    with pytest.raises(StudyError, match=r"^study 'xyzzy': .* A file is named with its ending: my-study\.toml\.$"):
        study.read("xyzzy")


def test_a_dict_is_a_study_without_a_file_and_is_not_changed() -> None:
    source = table("measured", stop="off")
    before = json.dumps(source)
    made = study.read(source, **{"budget.trials": 3, "trainer.batch": 32})
    assert (made.name, made.file, made.table.budget.trials, made.settings["batch"]) == ("study", "study", 3, 32)
    assert json.dumps(source) == before


def test_overrides_are_held_to_the_same_rules() -> None:
    with pytest.raises(StudyError, match=r"^study \[budget\] trials: expected greater than or equal to 1, got 0"):
        study.read(table("measured"), **{"budget.trials": 0})
    with pytest.raises(StudyError, match=r"^study \[budget\] trails: .* Did you mean 'trials'\?"):
        study.read(table("measured"), **{"budget.trails": 3})
    with pytest.raises(StudyError, match=r"^study \[budget\]: expected a table, got 64"):
        study.read(table("measured", budget=64), **{"budget.trials": 3})
    assert study.read(table("reported"), **{"budget.trials": 3}).table.budget.trials == 3


# What a study becomes ------------------------------------------------------------------------------------------------


def test_what_is_left_out_has_its_default() -> None:
    made = read("reported")
    assert (made.table.seed, made.table.repeats, made.table.merge) == (0, False, None)
    budget = {"trials": 64, "steps": 1, "rungs": 1, "population": 16, "minutes": None, "repeats": 0.0}
    assert made.table.budget.model_dump() == budget
    assert made.table.proposer.name == "ehvi" and made.table.stop.rule == "front"
    assert made.stop_settings == {"risk": 0.05, "tolerance": 0.01, "minimum": 12}
    assert read("measured").settings["batch"] == 64


def test_settings_go_over_their_defaults_and_whole_numbers_become_real_ones() -> None:
    made = read(
        "measured", **{"stop": {"rule": "halving", "share": 1}, "trainer.label_noise": 0, "objectives.ece.bins": 20}
    )
    assert made.stop_settings["share"] == 1.0 and isinstance(made.stop_settings["share"], float)
    assert made.settings["label_noise"] == 0.0 and isinstance(made.settings["label_noise"], float)
    assert made.objectives[1].settings == {"bins": 20}


def test_a_trainer_may_be_named_without_a_table() -> None:
    assert identity.definition(read("measured", trainer="distill")) == identity.definition(read("measured"))


@pytest.mark.parametrize("off", ["off", False, {"rule": "off"}])
def test_stopping_can_be_switched_off(off: Any) -> None:
    made = read("measured", stop=off)
    assert made.table.stop.rule == "off" and made.stop_settings == {}


def test_an_objective_is_the_measure_of_its_own_name_unless_it_says_otherwise() -> None:
    made = read("measured", **{"objectives.sure": {"measure": "ece", "unit": "points", "limit": 0.3}})
    error, ece, sure = made.objectives
    assert error == Objective(name="error", direction="min", unit="share", limit=1.0, measure="error")
    assert ece == Objective(name="ece", direction="min", unit="share", limit=0.5, measure="ece", settings={"bins": 15})
    assert (sure.measure, sure.unit, sure.limit) == ("ece", "points", 0.3)
    assert made.reference == (1.0, 0.5, 0.3)


def test_a_limit_that_is_left_out_is_the_worst_in_the_objective_s_own_direction() -> None:
    made = read("measured", **{"objectives.nll": {}, "objectives.spread": {"measure": "nll", "direction": "max"}})
    worst = {objective.name: objective.limit for objective in made.objectives}
    assert worst["nll"] == pytest.approx(2.302585) and worst["spread"] == 0.0


def test_a_maximised_objective_is_a_loss_with_its_sign_turned() -> None:
    made = read("reported", **{"objectives.f2.direction": "max"})
    assert made.reference == (140.0, -50.0)
    assert made.losses({"f1": 1.0, "f2": 60.0, "c1": 0.0}) == (1.0, -60.0)


def test_a_constraint_is_missed_by_so_much_in_its_own_unit() -> None:
    made = read("reported", **{"constraints.c1": {"max": 2}, "constraints.c2": {"min": 5}})
    assert [(bound.direction, bound.limit) for bound in made.constraints] == [("min", 2.0), ("max", 5.0)]
    assert made.violations({"c1": 3.0, "c2": 1.0}) == (1.0, 4.0)
    assert max(made.violations({"c1": 2.0, "c2": 5.0})) <= 0.0
    assert read("measured", **{"constraints.nll": {"max": 2}}).constraints[0].unit == "nats"


def test_a_view_is_chosen_with_on() -> None:
    made = read("views")
    assert [(each.measure, each.on) for each in made.objectives] == [("error", "upright"), ("error", "rotated")]


def test_weights_over_a_list_of_settings_follow_it() -> None:
    views = ["upright", "mirrored", "inverted", "rotated"]
    made = read("views", **{"trainer.views": views})
    (weights,) = made.space.dimensions
    assert weights.names == tuple(views)
    assert read("views", **{"trainer.views": views[:2], "objectives": {"error": {"on": "mirrored"}}}).space.width == 1


def test_every_trainer_can_be_asked_for_its_seconds() -> None:
    for kind in ("measured", "reported", "program"):
        made = read(kind, **{"objectives.seconds": {}})
        assert made.objectives[-1] == Objective(
            name="seconds", direction="min", unit="s", limit=60.0, measure="seconds"
        )


def test_code_that_cannot_stack_trains_one_trial_at_a_time() -> None:
    assert read("program", **{"budget.population": 8}).capacity == 1
    assert read("measured", **{"budget.population": 8}).capacity == 8


def test_a_command_may_use_every_name_that_a_trial_has() -> None:
    command = "t {rate} {weights.a} {seed} {steps} {checkpoint} '{{\"a\": 1}}'"
    assert read("program", **{"trainer.command": command}).settings == {"command": command}


def test_only_a_trainer_that_declares_it_chooses_from_our_components() -> None:
    plain = read("program", **{"space.optimizer": ["adam", "lbfgs"], "space.merge": "soup"})
    assert {"optimizer", "merge"} <= {node.name for node in plain.space.nodes}
    ours = read("program", **{"space.optimizer": "all"})
    assert "optimizer.sgd.momentum" in ours.space.columns


def test_the_first_points_are_the_defaults_and_then_those_that_are_named() -> None:
    made = read("program", **{"start.points": [{"rate": 0.25}]})
    assert made.start == ({"rate": 0.25, "weights.a": 0.5, "weights.b": 0.5},)
    declared = read("measured", **{"start.points": [{"divergence": {"name": "alpha", "order": 1.0}}]})
    assert [params["divergence"] for params in declared.start] == ["forward_kl", "alpha"]
    assert declared.start[1]["divergence.alpha.order"] == 1.0
    assert read("measured", **{"start.defaults": False}).start == ()


# A user's own function -----------------------------------------------------------------------------------------------

Module = Callable[[str], str]
COUNT = iter(range(1000))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """Source -> the name of a module in a folder that only a study file there makes known."""

    def write(source: str) -> str:
        name = f"own{next(COUNT)}"
        (tmp_path / f"{name}.py").write_text(source)
        return name

    monkeypatch.setattr("sys.path", [*sys.path])  # reading a study adds the folder of its file
    return write


def of_function(tmp_path: Path, reference: str) -> Study:
    path = tmp_path / "own.toml"
    space, objectives = "space = {rate = {low = 0, high = 1}}", "objectives = {error = {limit = 1}}"
    path.write_text(f'trainer = {{name = "{reference}"}}\n{space}\n{objectives}')
    return study.read(path)


def test_a_function_is_found_beside_the_study_file(module: Module, tmp_path: Path) -> None:
    name = module("def train(trial): ...")
    made = of_function(tmp_path, f"{name}:train")
    assert (made.trainer, made.settings) == ("trainers.external", {"function": f"{name}:train"})


@pytest.mark.parametrize(
    ("source", "function", "message"),
    [
        (
            "def train(trial): ...",
            "trian",
            r"name: expected a function in own\d+, got 'trian'\. Did you mean 'train'\?",
        ),
        ("def train(trial): ...", "", r"name: expected a function in own\d+, got ''"),
        ("train = 3", "train", r"name: expected a function in own\d+, got 'train'"),
        (
            "import nothing_like_it",
            "train",
            r"name: expected own\d+ to import, got \"ModuleNotFoundError: No module named ",
        ),
        ("def train(trial:", "train", r"name: expected own\d+ to import, got .SyntaxError: "),
        ("1 / 0", "train", r"name: expected own\d+ to import, got 'ZeroDivisionError: division by zero'"),
        ("import sys\nsys.exit(2)", "train", r"name: expected own\d+ to import, got 'SystemExit: 2'"),
    ],
)
def test_a_mistake_in_a_function_is_found_before_it_runs(
    source: str, function: str, message: str, module: Module, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=rf"^own\.toml \[trainer\] {message}"):
        of_function(tmp_path, f"{module(source)}:{function}")


# The schema ----------------------------------------------------------------------------------------------------------


def complaints(value: Any, rule: dict[str, Any], whole: dict[str, Any], where: str = "") -> list[str]:
    """As much of JSON schema as ours needs: what of ``value`` is not as ``rule`` says."""
    if "$ref" in rule:
        return complaints(value, whole["$defs"][rule["$ref"].rsplit("/", 1)[-1]], whole, where)
    if "anyOf" in rule:
        tried = [complaints(value, each, whole, where) for each in rule["anyOf"]]
        return [] if [] in tried else min(tried, key=len)
    if "enum" in rule and value not in rule["enum"]:
        return [f"{where}: {value!r} is none of {rule['enum']}"]
    kinds = {"object": dict, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}
    kind = rule.get("type")
    if kind and (not isinstance(value, kinds[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return [f"{where}: {value!r} is no {kind}"]
    found = []
    if "minimum" in rule and value < rule["minimum"]:
        found.append(f"{where}: {value!r} is below {rule['minimum']}")
    if "pattern" in rule and not re.search(rule["pattern"], value):
        found.append(f"{where}: {value!r} does not match")
    if isinstance(value, dict):
        known, other = rule.get("properties", {}), rule.get("additionalProperties", True)
        found += [f"{where}: {key} is missing" for key in rule.get("required", []) if key not in value]
        for key, each in value.items():
            if key in known:
                found += complaints(each, known[key], whole, f"{where}.{key}")
            elif other is False:
                found.append(f"{where}: {key} is not known")
            elif isinstance(other, dict):
                found += complaints(each, other, whole, f"{where}.{key}")
    return found


@pytest.mark.parametrize("name", study.shipped())
def test_the_schema_accepts_every_shipped_study(name: str) -> None:
    schema = study.schema()
    assert complaints(tomllib.loads(study.find(name).read_text()), schema, schema) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"objektives": {}}, r"objektives is not known"),
        ({"trainer": ...}, r"trainer is missing"),
        ({"budget.trials": 0}, r"\.budget\.trials: 0 is below 1"),
        ({"budget.trails": 3}, r"trails is not known"),
        ({"objectives.error.direction": "down"}, r"'down' is none of \['min', 'max'\]"),
        ({"run": {"device": "cude"}}, r"'cude' does not match"),
        ({"seed": "1"}, r"'1' is no integer"),
        ({"stop": "halving"}, r"'halving' is "),
        ({"merge": {}}, r"evaluations is missing"),
    ],
)
def test_the_schema_refuses_what_the_file_may_not_hold(changes: dict[str, Any], complaint: str) -> None:
    schema = study.schema()
    assert re.search(complaint, "\n".join(complaints(table("measured", **changes), schema, schema)))
    with pytest.raises(StudyError, match=r"^study "):
        read("measured", **changes)


def test_the_schema_accepts_what_the_file_may_hold() -> None:
    schema = study.schema()
    assert schema["$schema"].startswith("http://json-schema.org/")
    for kind in TABLES:
        assert complaints(table(kind), schema, schema) == []
    extras = {"merge": {"evaluations": 3}, "budget.minutes": 0.5, "name": "x", "run": {"device": "cuda:1"}}
    for changes in ({"stop": "off"}, {"stop": False}, extras):
        assert complaints(table("measured", **changes), schema, schema) == []
        assert read("measured", **changes)


def test_every_component_named_in_a_shipped_study_is_there() -> None:
    for name in study.shipped():
        made = study.read(name).table
        assert made.proposer.name in components.names("proposer")
        assert made.stop.rule in [*components.names("stop"), "off"]
