import itertools

import numpy as np
import pytest

from search.errors import SearchError
from search.pareto.attainment import attained, attainment


def by_definition(fronts, needed):
    """All points whose coordinates occur, kept where enough fronts reach them, and of those the least."""
    rows = np.vstack(fronts)
    grid = [np.unique(column) for column in rows.T]
    kept = []
    for point in itertools.product(*grid):
        count = sum(any(all(a <= b for a, b in zip(row, point, strict=True)) for row in front) for front in fronts)
        if count >= needed:
            kept.append(point)
    least = [p for p in kept if not any(q != p and all(a <= b for a, b in zip(q, p, strict=True)) for q in kept)]
    return sorted(least)


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_the_surface_is_that_of_the_definition_ties_included(seed, m):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    fronts = [rng.integers(0, 6, (int(rng.integers(1, 6)), m)).astype(float) for _ in range(n)]
    for needed in range(1, n + 1):
        for share in (needed / n, (needed - 0.5) / n):
            found = attainment(fronts, share=share)
            assert found.tolist() == [list(p) for p in by_definition(fronts, needed)], f"{seed=} {needed=} of {n}"
            assert (attained(fronts, found) >= needed / n - 1e-12).all()


@pytest.mark.parametrize("m", [2, 4])
def test_the_share_that_attains_a_point_is_counted(m):
    rng = np.random.default_rng(m)
    fronts = [rng.integers(0, 5, (4, m)).astype(float) for _ in range(9)]
    points = rng.integers(0, 6, (30, m)).astype(float)
    counts = [sum(bool((front <= point).all(axis=1).any()) for front in fronts) for point in points]
    assert attained(fronts, points).tolist() == [count / 9 for count in counts]
    assert len(set(counts)) > 3


def test_one_search_attains_its_own_front():
    front = [[0.0, 3.0], [1.0, 1.0], [3.0, 0.0], [2.0, 2.0]]
    assert attainment([front]).tolist() == front[:3]


def test_an_empty_front_attains_nothing_but_counts():
    fronts = [np.empty((0, 2)), [[1.0, 1.0]], [[0.0, 2.0]]]
    assert attainment(fronts, share=2 / 3).tolist() == [[1.0, 2.0]]
    assert attainment(fronts, share=1.0).shape == (0, 2)
    assert attained(fronts, [[1, 2]]).tolist() == [2 / 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: attainment([]), r"fronts: expected one at least, got 0"),
        (lambda: attainment([[[1, 2]]], share=0), r"share: expected a number above 0, at most 1, got 0"),
        (lambda: attainment([[[1, 2]], [[1, 2, 3]]]), r"front 1: expected"),
        (lambda: attainment([[[1, 2, 3, 4]]]), r"fronts: expected at most three objectives, got 4.* attained\(\)"),
        (lambda: attained([[[1, 2]]], [[1, 2, 3]]), r"points: expected"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(SearchError, match=message):
        call()
