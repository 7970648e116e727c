"""The grammar of ``[space]``: each kind of entry, what a trainer declares under it, and every mistake by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search import components, grammar
from search.errors import StudyError
from search.space import Choice, Fixed, Float, Integer, Simplex, Space

DECLARED = {
    "temperature": {"low": 1.0, "high": 8.0, "log": True, "default": 2.0},
    "weights": {"simplex": ["labels", "teacher"], "default": {"labels": 0.5, "teacher": 0.5}},
    "divergence": {"choice": "all", "default": "forward_kl"},
    "target": {"choice": "all", "family": "divergence", "default": "alpha"},
    "depth": {"low": 1, "high": 4, "integer": True, "default": 2},
    "activation": {"choice": ["relu", "gelu"], "default": "relu"},
    "batch": 64,
}


def read(declared: dict[str, Any] | None = None, /, **table: Any) -> Space:
    return grammar.read(table, declared or {}, origin="trainers.distill", file="a.toml")


def only(**table: Any) -> Any:
    (node,) = read(**table).nodes
    return node


def under(**table: Any) -> Any:
    """The entry's node where the trainer declares it."""
    (name,) = table
    return {node.name: node for node in read(DECLARED, **table).nodes}[name]


def test_a_range_is_a_real_number() -> None:
    assert only(x={"low": 0, "high": 2}) == Float(name="x", low=0.0, high=2.0)
    assert only(x={"low": 1e-4, "high": 1, "log": True, "default": 0.1}) == Float(
        name="x", low=1e-4, high=1.0, log=True, default=0.1
    )


def test_a_range_of_whole_numbers_says_so() -> None:
    assert only(x={"low": 1, "high": 4, "integer": True}) == Integer(name="x", low=1, high=4)
    assert only(x={"low": 1.0, "high": 64, "integer": True, "log": True}) == Integer(name="x", low=1, high=64, log=True)


def test_a_list_is_a_choice_between_plain_values() -> None:
    assert only(x=["relu", "gelu"]) == Choice(name="x", options=("relu", "gelu"))
    assert only(x=[16, 32]) == Choice(name="x", options=(16, 32))
    assert only(x={"choice": [True, False], "default": True}) == Choice(name="x", options=(True, False), default=True)


def test_options_may_have_dimensions_of_their_own() -> None:
    inner = {"mlp": {"width": {"low": 8, "high": 64, "integer": True}, "bias": True}, "linear": {}}
    made = only(model={"choice": inner})
    width = Integer(name="model.mlp.width", low=8, high=64)
    bias = Fixed(name="model.mlp.bias", value=True)
    assert made == Choice(name="model", options=("mlp", "linear"), spaces={"mlp": (width, bias)}, named=True)


def test_names_in_a_simplex_are_weights() -> None:
    assert only(w={"simplex": ["a", "b"]}) == Simplex(name="w", names=("a", "b"))
    default = {"a": 0.2, "b": 0.8}
    assert only(w={"simplex": ["a", "b"], "default": default}) == Simplex(name="w", names=("a", "b"), default=default)


@pytest.mark.parametrize("value", [2.0, 3, "cosine", False])
def test_a_plain_value_is_fixed(value: Any) -> None:
    assert only(x=value) == Fixed(name="x", value=value)


def test_all_of_a_family_is_every_file_of_its_folder_with_its_own_dimensions() -> None:
    made = only(divergence="all")
    assert made.options == tuple(components.names("divergence")) and made.named
    assert {"alpha", "forward_kl", "reverse_kl", "jensen_shannon"} <= set(made.options)
    (order,) = made.spaces["alpha"]
    assert (order.name, order.origin) == ("divergence.alpha.order", "objectives.divergences.alpha")
    assert "forward_kl" not in made.spaces


def test_names_of_a_family_are_plain_words_to_a_trainer_that_declares_nothing() -> None:
    assert only(optimizer=["adam", "lbfgs"]) == Choice(name="optimizer", options=("adam", "lbfgs"))
    assert only(optimizer="adam") == Fixed(name="optimizer", value="adam")
    assert only(optimizer={"family": "optimizer", "choice": ["sgd"]}).spaces["sgd"][0].name == "optimizer.sgd.momentum"


def test_a_dimension_of_another_name_can_be_of_a_family() -> None:
    made = only(target={"family": "divergence", "choice": ["alpha", "forward_kl"]})
    assert [node.name for node in made.spaces["alpha"]] == ["target.alpha.order"]
    assert under(target="tsallis").spaces["tsallis"][0].name == "target.tsallis.order"
    assert under(target="all").options == tuple(components.names("divergence"))


def test_a_single_component_keeps_its_own_dimensions() -> None:
    made = under(divergence="alpha")
    assert made.options == ("alpha",) and not made.width
    assert [type(node) for node in made.spaces["alpha"]] == [Float]


@pytest.mark.parametrize(
    "order, expected",
    [
        (0.25, Fixed(name="divergence.alpha.order", value=0.25)),
        ([0.0, 0.5], Choice(name="divergence.alpha.order", options=(0.0, 0.5))),
    ],
)
def test_a_component_can_be_overridden_from_the_study(order: Any, expected: Any) -> None:
    made = under(divergence={"choice": ["forward_kl", "alpha"], "alpha": {"order": order}})
    assert made.spaces["alpha"] == (expected,)


def test_part_of_a_range_can_be_overridden() -> None:
    (order,) = under(divergence={"choice": "all", "alpha": {"order": {"high": 1.0}}}).spaces["alpha"]
    assert (order.low, order.high) == (-1.0, 1.0)
    assert order.origin == "study over objectives.divergences.alpha"
    assert (under(temperature={"low": 2.0}).low, under(temperature={"low": 2.0}).log) == (2.0, True)


def test_an_empty_table_is_what_the_trainer_declares() -> None:
    temperature = under(temperature={})
    assert temperature == Float(name="temperature", low=1.0, high=8.0, log=True, default=2.0, origin="trainers.distill")
    assert under(weights={}).names == ("labels", "teacher")
    assert under(divergence={}).options == tuple(components.names("divergence"))
    assert under(activation={}).options == ("relu", "gelu")


def test_a_declared_family_keeps_all_its_members_when_one_of_them_is_overridden() -> None:
    made = under(divergence={"alpha": {"order": 0.5}})
    assert made.options == tuple(components.names("divergence"))
    assert made.spaces["alpha"] == (Fixed(name="divergence.alpha.order", value=0.5),)
    assert isinstance(made.spaces["tsallis"][0], Float)


def test_what_the_study_leaves_alone_is_fixed_at_its_default() -> None:
    space = read(DECLARED, temperature=3.0)
    nodes = {node.name: node for node in space.nodes}
    assert list(nodes)[0] == "temperature" and set(nodes) == set(DECLARED)
    assert nodes["depth"] == Fixed(name="depth", value=2, origin="default of trainers.distill")
    assert nodes["batch"] == Fixed(name="batch", value=64, origin="default of trainers.distill")
    assert nodes["divergence"].options == ("forward_kl",)
    assert space.dimensions == ()
    assert space.nest(space.decode([]))["target"] == {"name": "alpha", "order": 0.5}


def test_weights_can_be_fixed_and_a_name_left_out_weighs_nothing() -> None:
    assert under(weights={"labels": 0.3, "teacher": 0.7}).value == {"labels": 0.3, "teacher": 0.7}
    assert under(weights={"labels": 1}).value == {"labels": 1.0, "teacher": 0.0}


def test_fixed_and_searched_weights_are_nested_alike() -> None:
    fixed, searched = read(DECLARED, weights={"labels": 1}), read(DECLARED, weights={})
    assert fixed.nest(fixed.decode([]))["weights"] == {"labels": 1.0, "teacher": 0.0}
    assert searched.nest(searched.decode([0.0]))["weights"] == {"labels": 1.0, "teacher": 0.0}


def test_a_user_module_is_a_component_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "__init__.py").touch()
    (tmp_path / "lab" / "mine.py").write_text(
        'SPACE = {"order": {"low": 0.0, "high": 1.0}}\n\ndef divergence(p, q, *, order):\n    raise AssertionError\n'
    )
    (tmp_path / "lab" / "empty.py").write_text('"""Nothing here."""\n')
    (tmp_path / "lab" / "computed.py").write_text("SPACE = dict(a=1)\n\ndef divergence(p, q):\n    return 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    made = under(divergence=["forward_kl", "lab.mine"])
    assert made.spaces["lab.mine"] == (Float(name="divergence.lab.mine.order", low=0.0, high=1.0, origin="lab.mine"),)
    space = read({"divergence": {"choice": "all"}}, divergence=["lab.mine"])
    assert space.nest({"divergence": "lab.mine", "divergence.lab.mine.order": 0.5}) == {
        "divergence": {"name": "lab.mine", "order": 0.5}
    }
    with pytest.raises(
        StudyError, match=r"divergence: expected a module that defines divergence\(\.\.\.\), got 'lab\.empty'"
    ):
        under(divergence=["lab.empty"])
    with pytest.raises(StudyError, match=r"divergence: expected SPACE of lab\.computed to be a plain literal table"):
        under(divergence=["lab.computed"])


MISTAKES = [
    ({"x": {"lo": 0, "high": 1}}, r"x\.lo: expected one of low, high, .*, got 'lo'\. Did you mean 'low'\?"),
    ({"x": {"low": 0}}, r"x: expected high, since a range needs low and high, got"),
    ({"x": {}}, r"x: expected low, since a range needs low and high, got \{\}"),
    ({"x": {"low": "0", "high": 1}}, r"x\.low: expected a finite number, got '0'"),
    ({"x": {"low": 0, "high": float("inf")}}, r"x\.high: expected a finite number, got inf"),
    ({"x": {"low": True, "high": 2}}, r"x\.low: expected a finite number, got True"),
    ({"x": {"low": 1, "high": 1}}, r"x: expected low < high, got 'low = 1, high = 1'"),
    ({"x": {"low": 1, "high": 2, "log": "yes"}}, r"x\.log: expected true or false, got 'yes'"),
    ({"x": {"low": 0, "high": 1, "log": True}}, r"x\.low: expected a number above 0, since log = true, got 0"),
    (
        {"x": {"low": 0.5, "high": 2, "integer": True}},
        r"x: expected whole numbers for low and high, .* got \(0\.5, 2\)",
    ),
    ({"x": {"low": 0, "high": 1, "default": 5}}, r"x\.default: expected a number in \[0, 1\], got 5"),
    (
        {"x": {"low": 1, "high": 4, "integer": True, "default": 1.5}},
        r"x\.default: expected a whole number in 1\.\.4, got 1\.5",
    ),
    ({"x": []}, r"x: expected a list of options, got \[\]"),
    ({"x": {"choice": "all"}}, r"x: expected a list of options, got 'all'"),
    ({"x": [[1, 2], [3]]}, r"x: expected plain values as options, got \[1, 2\]"),
    ({"x": ["a", "a"]}, r"x: expected options that differ, got \['a', 'a'\]"),
    ({"x": [1, True]}, r"x: expected options that differ, got \[1, True\]"),
    ({"x": {"choice": ["a", "b"], "default": "c"}}, r"x\.default: expected one of a, b, got 'c'"),
    ({"x": {"choice": {"a": 3}}}, r"x\.a: expected a table of this option's own dimensions, got 3"),
    (
        {"x": {"choice": ["mlp"], "mpl": {}}},
        r"x\.mpl: expected one of mlp, default, prior, got 'mpl'\. Did you mean 'mlp'\?",
    ),
    ({"x": {"simplex": ["a"]}}, r"x\.simplex: expected a list of at least two names, got \['a'\]"),
    ({"x": {"simplex": ["a", "a"]}}, r"x\.simplex: expected names that differ, got \['a', 'a'\]"),
    ({"x": {"simplex": ["a", "b"], "defalt": 1}}, r"x\.defalt: expected one of simplex, default, prior, got 'defalt'"),
    (
        {"x": {"simplex": ["a", "b"], "default": {"a": 1}}},
        r"x\.default: expected a weight for each of a, b, summing to one",
    ),
    (
        {"x": {"simplex": ["a", "b"], "default": 3}},
        r"x\.default: expected a weight for each of a, b, summing to one, got 3",
    ),
    ({"x": None}, r"x: expected a table, a list of options or a fixed value"),
    ({"x": float("nan")}, r"x: expected a finite number, got nan"),
    ({"x": [float("inf"), 1.0]}, r"x: expected a finite number, got inf"),
    ({"a.b": 1}, r"a\.b: expected a name of letters, digits, '_' and '-', got 'a\.b'"),
    ({"d": {"choice": "all", "family": "divergance"}}, r"d\.family: expected one of .* Did you mean 'divergence'\?"),
]

MISTAKES_UNDER_A_TRAINER = [
    (
        {"divergence": "forward_lk"},
        r"divergence: expected one of alpha, .* got 'forward_lk'\. Did you mean 'forward_kl'\?",
    ),
    (
        {"divergence": ["nowhere.mine"]},
        r"divergence: expected a module that Python can find, got 'nowhere\.mine'\. It is looked",
    ),
    (
        {"temperature": {"simplex": ["a", "b"]}},
        r"temperature\.simplex: expected no simplex, but a number or a choice, got",
    ),
    ({"divergence": [1]}, r"divergence: expected names of components, got 1"),
    ({"divergence": []}, r'divergence: expected a list of options, or "all", got \[\]'),
    (
        {"divergence": {"choice": ["alpha"], "alpha": {"ordre": 1}}},
        r"divergence\.alpha\.ordre: expected one of order, got 'ordre'\. Did you mean 'order'\?",
    ),
    ({"temprature": 2.0}, r"temprature: expected one of .* got 'temprature'\. Did you mean 'temperature'\?"),
    ({"temperature": "hot"}, r"temperature: expected a number, or a table with low and high, got 'hot'"),
    ({"temperature": True}, r"temperature: expected a number, or a table with low and high, got True"),
    ({"temperature": [1.0, "hot"]}, r"temperature: expected a number, or a table with low and high, got 'hot'"),
    ({"temperature": {"low": 0}}, r"temperature\.low: expected a number above 0, since log = true, got 0"),
    ({"depth": 2.5}, r"depth: expected a whole number, or a table with low and high, got 2\.5"),
    ({"activation": "glu"}, r"activation: expected one of relu, gelu, got 'glu'\. Did you mean 'gelu'\?"),
    ({"activation": ["relu", "glu"]}, r"activation: expected one of relu, gelu, got 'glu'\. Did you mean 'gelu'\?"),
    (
        {"weights": 0.5},
        r"weights: expected weights of labels, teacher: \{\}, or a table with numbers that sum to one, got 0\.5",
    ),
    (
        {"weights": [0.5, 0.5]},
        r"weights: expected weights of labels, teacher: \{\}, or a table with numbers that sum to one, got 0\.5",
    ),
    (
        {"weights": {"labels": 0.5}},
        r"weights: expected weights that are not negative and sum to one, got \{'labels': 0\.5\}",
    ),
    (
        {"weights": {"labels": 1.5, "teacher": -0.5}},
        r"weights: expected weights that are not negative and sum to one, got",
    ),
    ({"weights": {"labels": True}}, r"weights: expected weights that are not negative and sum to one, got"),
    (
        {"weights": {"labels": 0.5, "techer": 0.5}},
        r"weights\.techer: expected one of labels, teacher, got 'techer'\. Did you",
    ),
    (
        {"weights": {"simplex": ["labels", "techer"]}},
        r"weights\.simplex: expected the names labels, teacher, got \['labels', 'techer'\]",
    ),
]


@pytest.mark.parametrize("table, message", MISTAKES)
def test_every_mistake_has_its_message(table: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=r"^a\.toml \[space\] " + message):
        read(**table)


@pytest.mark.parametrize("table, message", MISTAKES_UNDER_A_TRAINER)
def test_every_mistake_against_what_a_trainer_declares_has_its_message(table: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=r"^a\.toml \[space\] " + message):
        read(DECLARED, **table)


def test_a_declaration_without_default_asks_for_an_entry() -> None:
    with pytest.raises(StudyError, match=r"rate: expected an entry, since trainers\.distill gives it no default"):
        read({"rate": {"low": 0.0, "high": 1.0}, "depth": 2}, depth=3)


def test_one_entry_can_be_read_on_its_own() -> None:
    assert grammar.node("x", [1, 2], file="a.toml") == Choice(name="x", options=(1, 2))


def test_every_shipped_component_declares_a_space_that_can_be_read() -> None:
    for family in components.FAMILIES:
        for name in components.names(family):
            declared = components.describe(family, name, where=name).space
            made = grammar.read(
                {key: {} for key, entry in declared.items() if isinstance(entry, dict)},
                declared,
                origin=name,
                file=name,
            )
            params = made.sample(np.random.default_rng(0))
            assert made.validate(params, where=name) == params
