"""A point well inside, against what is known of small polytopes and against all points of small lattices."""

from itertools import product

import numpy as np
import pytest

from search.space.interior import interior

NONE = np.zeros((0, 2))


def box(n: int, high: float = 1.0, *, whole: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(n), np.full(n, high), np.full(n, whole)


def test_in_a_triangle_it_is_away_from_all_sides() -> None:
    found = interior(*box(2), NONE, np.array([[1.0, 1.0]]), np.array([1.0]))
    assert (found >= 0.1).all() and found.sum() <= 0.9


def test_weights_sum_to_one() -> None:
    found = interior(*box(3), np.ones((1, 3)), np.array([[-1.0, 0.0, 0.0]]), np.array([-0.9]))
    assert found.sum() == pytest.approx(1.0, abs=1e-12)
    assert found[0] > 0.9 and (found > 0).all()


def test_what_two_constraints_leave_as_one_value_is_exact() -> None:
    rows = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -3.0], [-1.0, 3.0]])
    found = interior(*box(2), NONE, rows, np.array([0.9, -0.9, 0.1, -0.1]))
    np.testing.assert_allclose(found, [0.7, 0.2], rtol=1e-12)


def test_small_numbers_are_as_exact_as_large_ones() -> None:
    low, high = np.array([1e-9, 1e3]), np.array([1e-6, 1e6])
    rows = np.array([[1e9, -1e-3], [-1e9, 1e-3]])
    found = interior(low, high, np.zeros(2, dtype=bool), NONE, rows, np.array([0.0, 0.0]))
    assert found[0] * 1e12 == pytest.approx(found[1], rel=1e-12)


def test_a_real_number_follows_a_whole_one() -> None:
    rows = np.array([[10.0, -1.0], [-10.0, 1.0]])
    found = interior(np.zeros(2), np.array([1.0, 10.0]), np.array([False, True]), NONE, rows, np.array([0.0, 0.0]))
    assert found[1] == round(found[1]) and found[0] == pytest.approx(found[1] / 10, rel=1e-12)


@pytest.mark.parametrize(
    ("rows", "bounds"),
    [
        ([[1.0, 0.0]], [-0.1]),
        ([[1.0, 1.0], [-1.0, -1.0]], [0.5, -0.6]),
        ([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0]], [-0.5, 0.6, 1.6, -1.6]),
    ],
)
def test_what_is_empty_has_none(rows: list[list[float]], bounds: list[float]) -> None:
    assert interior(*box(2), NONE, np.array(rows), np.array(bounds)) is None


def test_an_equation_that_only_fractions_solve_has_none_of_whole_numbers() -> None:
    rows, bounds = np.array([[2.0, 2.0], [-2.0, -2.0]]), np.array([7.0, -7.0])
    assert interior(*box(2, 5.0), NONE, rows, bounds) is not None
    assert interior(*box(2, 5.0, whole=True), NONE, rows, bounds) is None


def test_it_is_found_exactly_where_a_lattice_has_a_point(rng: np.random.Generator) -> None:
    lattice = np.array(list(product(range(5), repeat=3)), dtype=np.float64)
    seen = set()
    for _ in range(60):
        rows = rng.integers(-3, 4, (3, 3)).astype(float)
        rows[np.abs(rows).sum(axis=1) == 0, 0] = 1.0
        bounds = rng.integers(-12, 4, 3).astype(float)
        inside = (lattice @ rows.T <= bounds).all(axis=1)
        found = interior(*box(3, 4.0, whole=True), np.zeros((0, 3)), rows, bounds)
        assert (found is not None) == inside.any()
        if found is not None:
            assert any((found == point).all() for point in lattice[inside])
        seen.add(inside.any())
    assert seen == {True, False}
