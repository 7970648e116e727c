"""Two fronts against each other, by counting cells of a grid on which every number lies."""

import itertools

import numpy as np
import pytest

from search.errors import SearchError
from search.pareto.compare import exclusive, slabs, surviving, welch

CELLS = 6  # along each objective


def dominated(losses, m):
    """The cells of the grid, by their lower corners, that some point dominates."""
    cells = itertools.product(range(CELLS), repeat=m)
    return {cell for cell in cells if any((point <= cell).all() for point in losses)}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("m", [1, 2, 3])
def test_volumes_are_counts_of_cells_with_ties_and_points_beyond_the_reference(m, seed):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, CELLS + 1, (7, m)), rng.integers(0, CELLS + 1, (5, m))
    first, second = dominated(one, m), dominated(other, m)
    expected = len(first - second), len(second - first)
    corner = np.full(m, CELLS)
    assert exclusive(one, other, corner) == pytest.approx(expected)
    for j in range(m):
        found = slabs(one, other, corner, j)
        assert (sum(s.first for s in found), sum(s.second for s in found)) == pytest.approx(expected)
        for slab in found:
            inside = [{cell for cell in cells if slab.low <= cell[j] < slab.high} for cells in (first, second)]
            assert slab.first == pytest.approx(len(inside[0] - inside[1]))
            assert slab.second == pytest.approx(len(inside[1] - inside[0]))


def test_neighbouring_slabs_have_different_winners():
    rng = np.random.default_rng(0)
    along = rng.random((2, 20))
    fronts = [np.column_stack([x, (1 - np.sqrt(x)) + 0.1 * rng.random(20)]) for x in along]
    found = slabs(*fronts, [1.2, 1.2], 0)
    signs = [np.sign(slab.first - slab.second) for slab in found]
    assert len(found) > 3 and all(a != b for a, b in itertools.pairwise(signs))
    assert all(a.high == b.low for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("seed", range(4))
def test_who_survives_is_dominated_by_nobody(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 4, (9, 3)), rng.integers(0, 4, (8, 3))
    for row, kept in zip(one, surviving(one, other), strict=True):
        assert kept == (not any((rival <= row).all() and (rival < row).any() for rival in other))


def test_an_interval_of_two_means_holds_the_truth_as_often_as_it_says():
    rng, held = np.random.default_rng(0), 0
    for _ in range(2000):
        low, high = welch(rng.normal(1.0, 0.5, 4), rng.normal(0.3, 2.0, 6))
        held += low <= 0.7 <= high
    assert 0.87 < held / 2000 < 0.93


def test_an_interval_needs_two_of_each():
    with pytest.raises(SearchError, match=r"welch: expected two numbers of each at least, got \(2, 1\)"):
        welch([1.0, 2.0], [1.0])
    assert welch([1.0, 1.0], [0.5, 0.5]) == (0.5, 0.5)
