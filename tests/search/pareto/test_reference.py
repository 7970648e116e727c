"""The reference point that nobody stated."""

import numpy as np
import pytest

from search.pareto.dominance import is_nondominated
from search.pareto.reference import reference

NONE = np.zeros((4, 0))
UNKNOWN = [np.nan, np.nan]


def test_it_is_a_tenth_of_the_range_beyond_the_nadir_of_the_front():
    losses = [[0.0, 4.0], [1.0, 3.0], [2.0, 0.0], [9.0, 9.0]]  # the last is dominated, and so does not count
    np.testing.assert_allclose(reference(losses, NONE, UNKNOWN), [2.2, 4.4])


def test_a_stated_limit_stays_and_what_lies_beyond_it_is_on_no_front():
    losses = [[0.0, 4.0], [1.0, 3.0], [2.0, 0.0], [-5.0, 90.0]]
    np.testing.assert_allclose(reference(losses, NONE, [np.nan, 50.0]), [2.2, 50.0])
    np.testing.assert_allclose(reference(losses, NONE, [7.0, 8.0]), [7.0, 8.0])


def test_what_breaks_a_constraint_does_not_count_while_something_keeps_it():
    losses = [[0.0, 4.0], [1.0, 3.0], [2.0, 0.0], [-5.0, 90.0]]
    np.testing.assert_allclose(reference(losses, [[0.0], [-1.0], [0.0], [0.1]], UNKNOWN), [2.2, 4.4])
    np.testing.assert_allclose(reference(losses, np.ones((4, 1)), UNKNOWN), [2.7, 99.0])


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([[1.0, 2.0], [3.0, 7.0]], [1.2, 2.5]),  # one point: the range of all
        ([[1.0, -2.0]], [1.1, -1.8]),  # one trial: its size
        ([[0.0, 0.0]], [0.1, 0.1]),
        ([[1.0, 0.0], [1.0, 0.0]], [1.1, 0.1]),
    ],
)
def test_where_the_front_has_no_range_something_wider_serves(losses, expected):
    np.testing.assert_allclose(reference(losses, np.zeros((len(losses), 0)), UNKNOWN), expected)


def test_without_trials_it_is_nought():
    assert reference(np.zeros((0, 2)), np.zeros((0, 0)), [np.nan, 3.0]).tolist() == [0.0, 3.0]


def test_every_point_of_the_front_counts_and_no_unit_matters(rng):
    for m in (1, 2, 3, 5):
        losses = rng.normal(size=(30, m)).round(1)  # with ties
        found = reference(losses, np.zeros((30, 0)), np.full(m, np.nan))
        assert (losses[is_nondominated(losses)] < found).all()
        scale, shift = 10.0 ** rng.integers(-3, 4, m), rng.normal(size=m)
        moved = reference(losses * scale + shift, np.zeros((30, 0)), np.full(m, np.nan))
        np.testing.assert_allclose(moved, found * scale + shift, rtol=1e-9, atol=1e-9)
