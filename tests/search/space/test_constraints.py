"""One linear constraint: where it is asked, when it holds, and how it is told from others."""

import pytest

from search.space import LinearConstraint


def made(*terms: tuple[str, float], bound: float) -> LinearConstraint:
    return LinearConstraint("text", terms, bound)


def test_it_holds_up_to_its_bound() -> None:
    both = made(("a", 1.0), ("b", 2.0), bound=8.0)
    assert both.holds({"a": 2, "b": 3}) and both.holds({"a": -1.5, "b": 0.0})
    assert not both.holds({"a": 3, "b": 3})


def test_it_is_asked_only_where_all_that_it_names_exists() -> None:
    both = made(("a", 1.0), ("b", 1.0), bound=1.0)
    assert both.applies({"a": 5, "b": 0, "c": 1}) and not both.applies({"a": 5})
    assert both.holds({"a": 5}) and both.holds({}) and not both.holds({"a": 5, "b": 0})


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_only_the_rounding_of_floats_is_forgiven(scale: float) -> None:
    tenths = made(*((f"x{i}", 1.0) for i in range(3)), bound=0.3 * scale)
    point = {f"x{i}": 0.1 * scale for i in range(3)}
    assert sum(point.values()) > 0.3 * scale or scale != 1.0
    assert tenths.holds(point)
    assert tenths.holds(point | {"x0": 0.1 * scale * (1 + 1e-9)})
    assert not tenths.holds(point | {"x0": 0.1 * scale * (1 + 1e-8)})


def test_at_zero_only_the_grain_is_forgiven() -> None:
    zero = made(("a", 1.0), bound=0.0)
    assert zero.holds({"a": 0.0}) and not zero.holds({"a": 1e-300})
    assert zero.holds({"a": 1e-15}, grain=1e-14) and not zero.holds({"a": 1e-13}, grain=1e-14)


@pytest.mark.parametrize(
    ("terms", "bound", "expected"),
    [
        ([("a", 1.0), ("b", 1.0)], 8.0, ("a + b <=", 8.0)),
        ([("b", 1.0), ("a", 1.0)], 8.0, ("a + b <=", 8.0)),
        ([("b", 3.0), ("a", 3.0)], 24.0, ("a + b <=", 8.0)),
        ([("a", -1.0)], -0.2, ("a >=", 0.2)),
        ([("a", 2.0), ("b", -1.0)], 3.0, ("a - 0.5 * b <=", 1.5)),
        ([("a", -2.0), ("b", 1.0)], 0.0, ("a - 0.5 * b >=", 0.0)),
    ],
)
def test_however_it_is_written_it_has_one_canonical_form(
    terms: list[tuple[str, float]], bound: float, expected: tuple[str, float]
) -> None:
    assert made(*terms, bound=bound).canonical == expected
