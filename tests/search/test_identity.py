"""What makes two studies the same study, and which changes leave the trials of the past valid."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from search import identity, study
from tests.search.studies import changed

BASE: dict[str, Any] = {
    "name": "same",
    "trainer": {"name": "distill"},
    "space": {
        "learning_rate": {"low": 1e-3, "high": 1e-1},
        "divergence": ["forward_kl", "alpha"],
        "optimizer": {"choice": ["sgd", "muon"], "sgd": {"momentum": 0.9}},
    },
    "objectives": {"error": {}, "ece": {"bins": 10}},
    "constraints": {"nll": {"max": 2.0}},
    "budget": {"trials": 8, "steps": 80, "rungs": 4},
    "merge": {"evaluations": 9},
}
OWN: dict[str, Any] = {  # a program, whose space is all the study's
    "name": "own",
    "trainer": {"command": "train"},
    "space": {
        "x": {"low": 0.0, "high": 1.0},
        "depth": {"low": 1, "high": 4, "integer": True},
        "model": {"choice": {"mlp": {"width": {"low": 8, "high": 64, "integer": True}}, "cnn": {}}},
        "kind": ["a"],
        "weights": {"simplex": ["a", "b"]},
    },
    "objectives": {"error": {"limit": 1.0}},
}
WIDER_MODEL = {"choice": {**OWN["space"]["model"]["choice"], "vit": {"heads": {"low": 1, "high": 8, "integer": True}}}}
MIX = {"choice": {"a": {"r": {"low": 0, "high": 1}}, "b": {}}}
DEEPER_MODEL = {"choice": {**OWN["space"]["model"]["choice"], "vit": {"mix": MIX}}}
BETWEEN = changed(OWN, {"parameter_constraints": ["x + 2 * depth <= 6", "weights.a >= 0.2"]})
OTHER_CNN = {"choice": {"mlp": OWN["space"]["model"]["choice"]["mlp"], "cnn": {"width": {"low": 8, "high": 64}}}}


def defined(table: dict[str, Any]) -> identity.Definition:
    return identity.definition(study.read(table))


def reordered(value: Any) -> Any:
    """The same tables with their keys the other way round; a list's order is its meaning and stays."""
    return {key: reordered(value[key]) for key in reversed(value)} if isinstance(value, dict) else value


SAME = {
    "keys in another order": reordered(BASE),
    "defaults written out": changed(
        BASE,
        {
            "seed": 0,
            "repeats": False,
            "trainer.batch": 64,
            "trainer.label_noise": 0.05,
            "objectives.error": {"measure": "error", "direction": "min", "limit": 1, "unit": "share"},
            "constraints.nll.measure": "nll",
            "budget.population": 16,
            "budget.repeats": 0,
            "proposer": {"name": "ehvi"},
            "stop": {"rule": "front", "audit": 0.05, "risk": 0.05, "minimum": 12},
            "merge": {"evaluations": 9, "parents": 3, "rule": "task_arithmetic"},
        },
    ),
    "what the trainer declares written out": changed(
        BASE,
        {
            "space.learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
            "space.divergence": {"choice": ["forward_kl", "alpha"], "alpha": {"order": {"low": -1, "high": 2}}},
            "space.temperature": 2,
        },
    ),
    "words and clocks": changed(
        BASE,
        {"description": "Another text.", "budget.minutes": 5, "run": {"device": "cpu", "trial_minutes": 1}},
    ),
}


@pytest.mark.parametrize("how", SAME)
def test_files_that_mean_the_same_are_the_same_study(how: str) -> None:
    one, other = defined(BASE), defined(SAME[how])
    assert identity.changes(one, other) == []
    assert identity.digest(one) == identity.digest(other)


@pytest.mark.parametrize(
    "texts",
    [
        ["weights.a >= 0.2", "x + 2 * depth <= 6"],
        ["12 >= 4 * depth + 2 * x", "0.2 - weights.a <= 0"],
        ["x + 2 * depth <= 6", "weights.a >= 0.2", "weights.a >= 0.1", "x + 2 * depth <= 7"],
    ],
)
def test_constraints_that_mean_the_same_are_the_same_however_they_are_written(texts: list[str]) -> None:
    one, other = defined(BETWEEN), defined(changed(BETWEEN, {"parameter_constraints": texts}))
    assert identity.changes(one, other) == [] and identity.digest(one) == identity.digest(other)


EXPECTED = changed(
    OWN,
    {
        "space.x.prior": {"center": 0.5, "spread": 0.1},
        "space.model.prior": {"mlp": 3},
        "space.weights.prior": {"center": {"a": 1}, "concentration": 4},
    },
)
FIELDS = {"space/x/prior", "space/model/prior", "space/weights/prior"}


@pytest.mark.parametrize(("old", "new"), [(OWN, EXPECTED), (EXPECTED, OWN)])
def test_what_is_expected_of_values_does_not_change_which_study_it_is(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = identity.changes(defined(old), defined(new))
    assert {each.field for each in found} == FIELDS and all(each.safe for each in found)


def test_priors_that_say_the_same_are_the_same() -> None:
    other = changed(
        EXPECTED, {"space.model.prior": {"mlp": 6, "cnn": 2}, "space.weights.prior.center": {"b": 0, "a": 1}}
    )
    assert identity.changes(defined(EXPECTED), defined(other)) == []
    nearer = identity.changes(defined(EXPECTED), defined(changed(EXPECTED, {"space.x.prior.spread": 0.2})))
    assert [(each.field, each.safe) for each in nearer] == [("space/x/prior", True)]


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ({}, {"points": [{"x": 0.5}]}, {"start.points", "start.defaults"}),
        ({"points": [{"x": 0.5}]}, {"points": [{"x": 0.5}, {"x": 0.25}]}, {"start.points"}),
        ({"points": [{"x": 0.5}]}, {}, {"start.points", "start.defaults"}),
        ({"defaults": False, "points": [{"depth": 1}]}, {"points": [{"depth": 1}]}, {"start.defaults"}),
    ],
)
def test_what_is_tried_first_may_change(old: dict[str, Any], new: dict[str, Any], fields: set[str]) -> None:
    found = identity.changes(defined({**OWN, "start": old}), defined({**OWN, "start": new}))
    assert {each.field for each in found} == fields and all(each.safe for each in found)


def test_first_points_are_the_same_nested_and_flat() -> None:
    nested = {**OWN, "start": {"points": [{"model": {"name": "mlp", "width": 16}, "weights": {"a": 1}}]}}
    flat = {**OWN, "start": {"points": [{"weights.a": 1.0, "model.mlp.width": 16, "model": "mlp", "x": 0.5}]}}
    assert identity.changes(defined(nested), defined(flat)) == []
    assert "start" not in defined({**OWN, "start": {"defaults": True}})


def test_a_study_without_constraints_is_what_it_was_before_there_were_any() -> None:
    assert "parameter_constraints" not in defined(OWN)


def test_all_is_the_list_of_all() -> None:
    everything = defined(changed(BASE, {"space.divergence": "all"}))
    listed = list(everything["space"]["divergence"]["options"])
    assert identity.digest(defined(changed(BASE, {"space.divergence": listed}))) == identity.digest(everything)


def test_where_a_study_comes_from_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "same.toml"
    path.write_text(
        'trainer.name = "distill"\nspace.learning_rate = {low = 1e-3, high = 0.1}\n'
        "[objectives.error]\n[objectives.ece]\n"
    )
    table = {key: BASE[key] for key in ("name", "trainer")} | {
        "space": {"learning_rate": BASE["space"]["learning_rate"]},
        "objectives": {"error": {}, "ece": {}},
    }
    assert identity.changes(identity.definition(study.read(path)), defined(table)) == []


def test_the_definition_is_plain_data_that_survives_json() -> None:
    one = defined(BASE)
    assert json.loads(json.dumps(one)) == one
    assert identity.digest(json.loads(json.dumps(one))) == identity.digest(one)
    assert len(identity.digest(one)) == 64


def test_the_definition_holds_what_components_declare() -> None:
    one = defined(BASE)
    assert one["space"]["divergence.alpha.order"] == {
        "kind": "float", "low": -1.0, "high": 2.0, "log": False, "when": "divergence = alpha",
    }  # fmt: skip
    assert one["space"]["optimizer.sgd.momentum"] == {"kind": "fixed", "value": 0.9, "when": "optimizer = sgd"}
    assert one["space"]["temperature"] == {"kind": "fixed", "value": 2.0, "when": ""}
    assert one["objectives"]["ece"]["settings"] == {"bins": 10}


def test_a_component_that_declares_another_range_makes_another_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two folders hold a module of one name: what counts is what it declares."""
    source = "SPACE = {{'order': {{'low': 0.0, 'high': {high}}}}}\ndef divergence(p, q, *, order): ...\n"
    digests, ranges = [], []
    for high in (1.0, 2.0):
        folder = tmp_path / str(high) / "declared_twice"
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "mine.py").write_text(source.format(high=high))
        with monkeypatch.context() as patch:
            patch.syspath_prepend(folder.parent)
            patch.delitem(sys.modules, "declared_twice", raising=False)
            one = defined(changed(BASE, {"space.divergence": ["forward_kl", "declared_twice.mine"]}))
        digests.append(identity.digest(one))
        ranges.append(one["space"]["divergence.declared_twice.mine.order"]["high"])
    assert ranges == [1.0, 2.0]
    assert digests[0] != digests[1]


RANGE = ("kind", "low", "high", "log", "when")

# Changes: what of, to what, which fields it shows in, and whether the past stays valid.
SAFE: list[tuple[dict[str, Any], dict[str, Any], set[str]]] = [
    (BASE, {"budget.trials": 9}, {"budget.trials"}),
    (BASE, {"merge.evaluations": 10}, {"merge.evaluations"}),
    (BASE, {"space.learning_rate.low": 1e-4}, {"space/learning_rate/low"}),
    (BASE, {"space.learning_rate.high": 0.2}, {"space/learning_rate/high"}),
    (OWN, {"space.x": {"low": -1, "high": 2}}, {"space/x/low", "space/x/high"}),
    (OWN, {"space.depth.high": 8}, {"space/depth/high"}),
    (OWN, {"space.model.choice.mlp.width.high": 128}, {"space/model.mlp.width/high"}),
    (BASE, {"space.divergence": ["forward_kl", "alpha", "jeffreys"]}, {"space/divergence/options"}),
    (BASE, {"space.divergence": ["jeffreys", "alpha", "forward_kl"]}, {"space/divergence/options"}),
    (
        BASE,
        {"space.divergence": ["forward_kl", "alpha", "tsallis"]},
        {"space/divergence/options", *(f"space/divergence.tsallis.order/{key}" for key in RANGE)},
    ),
    (
        OWN,
        {"space.model": WIDER_MODEL},
        {"space/model/options", *(f"space/model.vit.heads/{key}" for key in RANGE)},
    ),
    (
        OWN,
        {"space.model": DEEPER_MODEL},
        {
            "space/model/options",
            *(f"space/model.vit.mix/{key}" for key in ("kind", "options", "when")),
            *(f"space/model.vit.mix.a.r/{key}" for key in RANGE),
        },
    ),
    (BETWEEN, {"parameter_constraints": ["x + 2 * depth <= 6"]}, {"parameter_constraints.weights.a >="}),
    (
        BETWEEN,
        {"parameter_constraints": ["x + 2 * depth <= 7", "weights.a >= 0.1"]},
        {"parameter_constraints.depth + 0.5 * x <=", "parameter_constraints.weights.a >="},
    ),
    (
        changed(BASE, {"merge": ...}),
        {"merge": {"evaluations": 9}},
        {"merge.evaluations", "merge.rule", "merge.parents", "merge.method"},
    ),
]
UNSAFE: list[tuple[dict[str, Any], dict[str, Any], set[str]]] = [
    (BASE, {"name": "other"}, {"name"}),
    (BASE, {"seed": 1}, {"seed"}),
    (BASE, {"repeats": True}, {"repeats"}),
    (BASE, {"trainer.batch": 32}, {"trainer.batch"}),
    (OWN, {"trainer.command": "train --fast"}, {"trainer.command"}),
    (BASE, {"budget.trials": 7}, {"budget.trials"}),
    (BASE, {"budget.steps": 160}, {"budget.steps"}),
    (BASE, {"budget.rungs": 2}, {"budget.rungs"}),
    (BASE, {"budget.population": 4}, {"budget.population"}),
    (BASE, {"merge.evaluations": 8}, {"merge.evaluations"}),
    (BASE, {"merge.parents": 2}, {"merge.parents"}),
    (BASE, {"merge.rule": "linear"}, {"merge.rule"}),
    (BASE, {"merge": ...}, {"merge.evaluations", "merge.rule", "merge.parents", "merge.method"}),
    (BASE, {"proposer.name": "sobol"}, {"proposer.name"}),
    (BASE, {"stop": "off"}, {"stop.rule"}),
    (BASE, {"stop.risk": 0.1}, {"stop.risk"}),
    (BASE, {"objectives.error.limit": 0.5}, {"objectives/error/limit"}),
    (BASE, {"objectives.error.direction": "max", "objectives.error.limit": 1}, {"objectives/error/direction"}),
    (BASE, {"objectives.ece.bins": 20}, {"objectives/ece/settings"}),
    (BASE, {"objectives.ece": ...}, {"objectives/ece/name", "objectives/ece/measure"}),
    (BASE, {"objectives.brier": {}}, {"objectives/brier/name", "objectives/brier/measure"}),
    (BASE, {"constraints.nll.max": 3.0}, {"constraints/nll/limit"}),
    (BASE, {"constraints": {}}, {"constraints/nll/name", "constraints/nll/limit"}),
    (BASE, {"space.learning_rate.low": 2e-3}, {"space/learning_rate/low"}),
    (BASE, {"space.learning_rate.high": 0.05}, {"space/learning_rate/high"}),
    (BASE, {"space.learning_rate.log": False}, {"space/learning_rate/log"}),
    (BASE, {"space.learning_rate": 0.01}, {"space/learning_rate/kind", "space/learning_rate/value"}),
    (BASE, {"space.temperature": {}}, {"space/temperature/kind", "space/temperature/low"}),
    (BASE, {"space.temperature": 3.0}, {"space/temperature/value"}),
    (BASE, {"space.divergence": ["forward_kl", "jeffreys"]}, {"space/divergence/options"}),
    (BASE, {"space.divergence": ["alpha"]}, {"space/divergence/options"}),
    (BASE, {"space.optimizer.sgd.momentum": 0.5}, {"space/optimizer.sgd.momentum/value"}),
    (BASE, {"space.optimizer.sgd": {}}, {"space/optimizer.sgd.momentum/kind", "space/optimizer.sgd.momentum/low"}),
    (OWN, {"space.depth.low": 2}, {"space/depth/low"}),
    (OWN, {"space.depth": {"low": 1, "high": 4}}, {"space/depth/kind"}),
    (OWN, {"space.kind": ["a", "b"]}, {"space/kind/options"}),  # with one option it was no dimension
    (OWN, {"space.kind": ["b"]}, {"space/kind/options"}),
    (changed(OWN, {"space.kind": [1, 2]}), {"space.kind": ["1", "2", "3"]}, {"space/kind/options"}),
    (OWN, {"space.weights.simplex": ["a", "b", "c"]}, {"space/weights/names"}),
    (OWN, {"space.y": {"low": 0, "high": 1}}, {"space/y/kind", "space/y/low", "space/y/high"}),
    (OWN, {"space.x": ...}, {"space/x/kind", "space/x/low", "space/x/high"}),
    (OWN, {"parameter_constraints": ["x + 2 * depth <= 6"]}, {"parameter_constraints.depth + 0.5 * x <="}),
    (
        BETWEEN,
        {"parameter_constraints": ["x + 2 * depth <= 5", "weights.a >= 0.2"]},
        {"parameter_constraints.depth + 0.5 * x <="},
    ),
    (
        BETWEEN,
        {"parameter_constraints": ["x + 2 * depth <= 6", "weights.a >= 0.3"]},
        {"parameter_constraints.weights.a >="},
    ),
    (OWN, {"space.model": OTHER_CNN}, {"space/model.cnn.width/kind"}),  # an old option gets a dimension
]


def named(value: object) -> str:
    """The same in every process: a set's order is not."""
    return str(sorted(value) if isinstance(value, set) else value)[:40]


@pytest.mark.parametrize(("base", "change", "fields"), SAFE, ids=named)
def test_more_of_the_same_leaves_the_past_valid(base: dict[str, Any], change: dict[str, Any], fields: set[str]) -> None:
    found = identity.changes(defined(base), defined(changed(base, change)))
    assert {each.field for each in found} == fields
    assert all(each.safe for each in found), [str(each) for each in found if not each.safe]


@pytest.mark.parametrize(("base", "change", "fields"), UNSAFE, ids=named)
def test_any_other_change_does_not(base: dict[str, Any], change: dict[str, Any], fields: set[str]) -> None:
    found = identity.changes(defined(base), defined(changed(base, change)))
    assert fields <= {each.field for each in found}
    assert not all(each.safe for each in found)


@pytest.mark.parametrize(("base", "change", "fields"), [*SAFE, *UNSAFE], ids=named)
def test_changes_are_listed_exactly_where_digests_differ(
    base: dict[str, Any], change: dict[str, Any], fields: set[str]
) -> None:
    one, other = defined(base), defined(changed(base, change))
    assert identity.digest(one) != identity.digest(other)
    assert identity.changes(one, other) and identity.changes(other, one)
    assert identity.changes(other, other) == []


def test_a_change_back_is_never_safe_if_the_change_was() -> None:
    """Except for what only adds merges and trials, where less is less."""
    for base, change, _ in SAFE:
        back = identity.changes(defined(changed(base, change)), defined(base))
        assert not all(each.safe for each in back), change


@pytest.mark.parametrize(
    "change",
    [
        {"interest.limits": {"error": 0.1}},
        {"interest.weights": {"ece": 2.0}},
        {"prior.studies": ["first"]},
        {"budget.repeats": 0.2},
    ],
)
def test_what_is_looked_at_next_may_change_to_and_fro(change: dict[str, Any]) -> None:
    one, other = defined(BASE), defined(changed(BASE, change))
    assert identity.digest(one) != identity.digest(other)
    for found in (identity.changes(one, other), identity.changes(other, one)):
        assert found and all(each.safe for each in found)


def test_one_and_true_are_two_options_although_python_takes_them_for_equal() -> None:
    one, other = defined(changed(OWN, {"space.kind": [0, 1]})), defined(changed(OWN, {"space.kind": [False, True]}))
    assert identity.digest(one) != identity.digest(other)
    (found,) = identity.changes(one, other)
    assert found.field == "space/kind/options" and not found.safe


def test_a_change_is_shown_as_from_what_to_what() -> None:
    found = identity.changes(defined(BASE), defined(changed(BASE, {"budget.trials": 9, "objectives.brier": {}})))
    shown = [str(each) for each in found]
    assert "budget.trials: 8 -> 9" in shown
    assert 'objectives/brier/measure: (none) -> "brier"' in shown


def test_the_changes_come_in_the_order_of_the_newer_study() -> None:
    found = identity.changes(defined(BASE), defined(changed(BASE, {"seed": 1, "budget.trials": 9, "trainer.batch": 8})))
    assert [each.field for each in found] == ["seed", "trainer.batch", "budget.trials"]
