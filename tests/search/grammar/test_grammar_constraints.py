"""The grammar of constraints between parameters: what each text means, and every mistake by name."""

from typing import Any

import pytest

from search import grammar
from search.errors import StudyError
from search.space import LinearConstraint, Space

TABLE: dict[str, Any] = {
    "a": {"low": 0, "high": 1},
    "b-2": {"low": 1, "high": 9, "integer": True},
    "heads": [2, 4, 8],
    "activation": ["relu", "gelu"],
    "bias": True,
    "shift": 0.5,
    "weights": {"simplex": ["x", "y"]},
    "model": {"choice": {"mlp": {"width": {"low": 1, "high": 9}}, "cnn": {"depth": {"low": 1, "high": 9}}}},
}


def read(*texts: str) -> Space:
    return grammar.read(TABLE, {}, origin="trainers.mine", file="a.toml", constraints=texts)


def only(text: str) -> LinearConstraint:
    (found,) = read(text).constraints
    return found


@pytest.mark.parametrize(
    ("text", "coefficients", "bound"),
    [
        ("a <= 0.5", {"a": 1.0}, 0.5),
        ("a >= 0.5", {"a": -1.0}, -0.5),
        ("0.5 >= a", {"a": 1.0}, 0.5),
        ("a + b-2 <= 8", {"a": 1.0, "b-2": 1.0}, 8.0),
        ("2 * a - b-2 <= 3", {"a": 2.0, "b-2": -1.0}, 3.0),
        ("- a + -2 * b-2 >= -9", {"a": 1.0, "b-2": 2.0}, 9.0),
        ("a <= b-2", {"a": 1.0, "b-2": -1.0}, 0.0),
        ("a + 1 <= 1e1 * a + b-2 + 0.5", {"a": -9.0, "b-2": -1.0}, -0.5),
        ("weights.x >= 0.2", {"weights.x": -1.0}, -0.2),
        ("model.mlp.width - heads <= shift", {"model.mlp.width": 1.0, "heads": -1.0, "shift": -1.0}, 0.0),
        ("a - a + b-2 <= 5", {"b-2": 1.0}, 5.0),
    ],
)
def test_a_text_means_a_sum_and_its_bound(text: str, coefficients: dict[str, float], bound: float) -> None:
    found = only(text)
    assert dict(found.coefficients) == coefficients
    assert found.bound == pytest.approx(bound, abs=1e-15)
    assert found.text == text == str(found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", r"terms on both sides of one <= or >=, got 'a'\. Write it with blanks between all words"),
        ("a < 1", r"terms on both sides of one <= or >=, got 'a < 1'"),
        ("0 <= a <= 1", r"terms on both sides of one <= or >="),
        ("a<=1", r"terms on both sides of one <= or >=, got 'a<=1'\. Write it with blanks"),
        ("<= 1", r"a term, got 'nothing'"),
        ("a <=", r"a term, got 'nothing'"),
        ("a + <= 1", r"a term, got 'nothing'"),
        ("1 <= 2", r"one of a, .* among its terms, got '1 <= 2'"),
        ("a <= a", r"one of a, .* among its terms"),
        ("a+b-2 <= 1", r"one of a, .*, got 'a\+b-2'"),
        ("2a <= 1", r"one of a, .*, got '2a'\. "),
        ("a * 2 <= 1", r"\+ or - after a, got '\*'\. Write it with blanks between all words, as in 2 \* a"),
        ("2 * 3 <= a", r"one of a, .*, got '3'"),
        ("2 * <= a", r"one of a, .*, got 'nothing'"),
        ("a b-2 <= 1", r"\+ or - after a, got 'b-2'"),
        ("a <= inf", r"one of a, .*, got 'inf'"),
        ("wieghts.x <= 1", r"one of a, .*, got 'wieghts\.x'\. Did you mean 'weights\.x'\?"),
        ("weights <= 1", r"one of a, .*, got 'weights'"),
        ("activation <= 1", r"one of a, .*, got 'activation'"),
        ("bias <= 1", r"one of a, .*, got 'bias'"),
        ("model.mlp.width <= model.cnn.depth",
         r"numbers that can exist together, got 'model = cnn and model = mlp'\."),
    ],
)  # fmt: skip
def test_every_mistake_has_its_message(text: str, message: str) -> None:
    with pytest.raises(StudyError, match=r"^a\.toml parameter_constraints '.*': expected " + message) as raised:
        read(text)
    assert f"parameter_constraints {text!r}: " in str(raised.value)


def test_constraints_that_leave_nothing_are_a_mistake_and_named() -> None:
    with pytest.raises(
        StudyError,
        match=r"^a\.toml parameter_constraints: expected constraints that leave some point, got \['a >= 2'\]\.$",
    ):
        read("b-2 <= 8", "a >= 2")


def test_without_constraints_a_space_is_what_it_was() -> None:
    assert read().constraints == () and read() == Space(read().nodes)
