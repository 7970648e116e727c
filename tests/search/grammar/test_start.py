"""The grammar of the first points: however they are written, and every mistake by name."""

from typing import Any

import pytest

from search import grammar
from search.errors import StudyError
from search.grammar.start import point, start
from search.space import Params, Space

TABLE: dict[str, Any] = {
    "learning_rate": {"low": 1e-4, "high": 1, "log": True, "default": 0.1},
    "depth": {"low": 1, "high": 4, "integer": True},
    "momentum": {"low": 0, "high": 1},
    "weights": {"simplex": ["labels", "teacher"]},
    "model": {
        "choice": {
            "mlp": {"width": {"low": 8, "high": 64, "integer": True, "default": 16}},
            "cnn": {"pool": {"choice": {"max": {"size": {"low": 2, "high": 4, "integer": True}}, "mean": {}}}},
        },
        "default": "mlp",
    },
    "activation": ["relu", "gelu"],
    "temperature": 2.0,
}
USUAL: Params = {
    "learning_rate": 0.1, "depth": 3, "momentum": 0.5, "weights.labels": 0.5, "weights.teacher": 0.5,
    "model": "mlp", "model.mlp.width": 16, "activation": "relu", "temperature": 2.0,
}  # fmt: skip
FREE = {name: entry for name, entry in TABLE.items() if name in ("depth", "momentum", "activation")}


def of(table: dict[str, Any] = TABLE, *constraints: str) -> Space:
    return grammar.read(table, {}, origin="trainers.mine", file="a.toml", constraints=constraints)


def read(given: dict[str, Any]) -> Params:
    return point(of(), given, "a.toml [start] point 1")


def changed(**values: Any) -> Params:
    return USUAL | values


def test_what_is_left_out_has_its_default_or_is_in_the_middle() -> None:
    assert read({}) == USUAL == of().usual
    assert read({"learning_rate": 0.5, "depth": 1}) == changed(learning_rate=0.5, depth=1)


def cnn(size: int) -> Params:
    kept = {name: value for name, value in USUAL.items() if not name.startswith("model")}
    return kept | {"model": "cnn", "model.cnn.pool": "max", "model.cnn.pool.max.size": size}


@pytest.mark.parametrize(
    "given",
    [
        {"model": {"name": "cnn", "pool": {"name": "max", "size": 2}}},
        {"model": {"name": "cnn", "pool": {"size": 2}}},  # the first option, since none is the default
        {"model": "cnn", "model.cnn.pool": "max", "model.cnn.pool.max.size": 2},
        {"model": {"name": "cnn", "pool": "max"}, "model.cnn.pool.max.size": 2},
    ],
)
def test_a_point_is_written_nested_or_flat(given: dict[str, Any]) -> None:
    assert read(given) == cnn(2)


def test_weights_are_written_nested_or_flat_and_what_is_left_out_weighs_nothing() -> None:
    expected = changed(**{"weights.labels": 0.2, "weights.teacher": 0.8})
    assert read({"weights": {"labels": 0.2, "teacher": 0.8}}) == expected
    assert read({"weights.labels": 0.2, "weights.teacher": 0.8}) == expected
    assert read({"weights": {"teacher": 1}}) == changed(**{"weights.labels": 0.0, "weights.teacher": 1.0})


def test_a_trial_s_own_params_are_a_point_flat_and_nested() -> None:
    space = of()
    for params in (cnn(4), changed(momentum=0.25)):
        assert read(params) == read(space.nest(params)) == params


def test_a_real_number_is_one_however_it_is_written() -> None:
    assert type(read({"momentum": 1})["momentum"]) is float


def test_points_come_in_their_order_after_the_defaults_and_none_twice() -> None:
    one, other = {"depth": 1}, {"depth": 2, "momentum": 0.5}
    found = start(of(), [one, other, {"depth": 2}, {}, {"depth": 1}], defaults=True, file="a.toml")
    assert list(found) == [USUAL, changed(depth=1), changed(depth=2)]
    assert start(of(), [one, other], defaults=False, file="a.toml") == (changed(depth=1), changed(depth=2))
    assert start(of(), [one, {}], defaults=False, file="a.toml") == (changed(depth=1), USUAL)


def test_without_any_default_there_is_no_point_of_defaults() -> None:
    assert start(of(FREE), [], defaults=True, file="a.toml") == ()
    assert len(start(of({**FREE, "depth": {**FREE["depth"], "default": 2}}), [], defaults=True, file="a.toml")) == 1


def test_defaults_that_break_a_constraint_give_way_but_a_point_that_is_given_does_not() -> None:
    space = of(TABLE, "depth + 4 * momentum <= 4")
    (first,) = start(space, [], defaults=True, file="a.toml")
    assert space.feasible(first) and first == space.usual != USUAL
    assert point(space, {"momentum": 0.2}, "here")["momentum"] == 0.2
    message = (
        r"^here: expected depth \+ 4 \* momentum <= 4, got \{'depth': 4, 'momentum': 0\.5\}\. What a point leaves out"
    )
    with pytest.raises(StudyError, match=message):
        point(space, {"depth": 4}, "here")


MISTAKES = [
    ({"lerning_rate": 1}, r" lerning_rate: expected one of learning_rate, .*, got 'lerning_rate'\. Did you mean 'lea"),
    ({"learning_rate": 2}, r" learning_rate: expected a number in \[0\.0001, 1\] log, got 2\."),
    ({"learning_rate": "fast"}, r" learning_rate: expected a number in .*, got 'fast'"),
    ({"learning_rate": {"low": 1}}, r" learning_rate: expected a number in .*, got \{'low': 1\}"),
    ({"depth": 2.0}, r" depth: expected a whole number in 1\.\.4, got 2\.0"),
    ({"activation": "glu"}, r" activation: expected one of relu, gelu, got 'glu'"),
    ({"activation": {"name": "glu"}}, r" activation\.name: expected one of relu, gelu, got 'glu'"),
    ({"activation": {"slope": 1}}, r" activation slope: expected nothing here, got 'slope'"),
    ({"weights": {"labels": 0.5}}, r" weights: expected weights that sum to one: .*, got \(0\.5, 0\.0\)"),
    ({"weights": {"labels": "x", "teacher": 1}}, r" weights: expected weights that sum to one"),
    ({"weights": {"lables": 1}}, r" weights\.lables: expected one of labels, teacher, got 'lables'\. Did you mean"),
    ({"weights": 0.5}, r" weights: expected a table with weights of labels, teacher, got 0\.5"),
    ({"model.cnn.pool": {"name": "max"}}, r" model\.cnn\.pool: expected model = cnn, without which it does not exist"),
    ({"model": "vit"}, r" model: expected one of mlp, cnn, got 'vit'"),
    ({"model": {"name": "vit"}}, r" model\.name: expected one of mlp, cnn, got 'vit'"),
    ({"model": {"widht": 8}}, r" model widht: expected one of width, got 'widht'\. Did you mean 'width'\?"),
    ({"model": {"name": "cnn", "width": 8}}, r" model width: expected one of pool, got 'width'"),
    (
        {"model.cnn.pool": "max"},
        r" model\.cnn\.pool: expected model = cnn, without which it does not exist, got 'mlp'\. What a point",
    ),
    ({"model": {"name": "mlp", "width": 4}}, r" model\.mlp\.width: expected a whole number in 8\.\.64, got 4"),
    ({"temperature": 3.0}, r" temperature: expected 2\.0, since it is not searched, got 3\.0"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), MISTAKES)
def test_every_mistake_has_its_message(given: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=r"^a\.toml \[start\] point 1" + message):
        read(given)


def test_the_point_with_a_mistake_is_told_by_its_place() -> None:
    with pytest.raises(StudyError, match=r"^a\.toml \[start\] point 2 depth: expected a whole number in 1\.\.4, got 9"):
        start(of(), [{"depth": 1}, {"depth": 9}], defaults=True, file="a.toml")
