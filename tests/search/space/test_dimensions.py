"""Each dimension on its own: its unit interval, its ends, its corners."""

import numpy as np
import pytest
from scipy import stats

from search.space import Choice, Float, Integer, Simplex

LABELS = ("ada", "bet", "cal", "dio", "eta", "fig")


@pytest.mark.parametrize("low, high", [(1, 7), (-3, 3), (0, 1), (5, 40)])
def test_every_integer_is_as_likely_as_any_other(low: int, high: int) -> None:
    dimension = Integer(name="depth", low=low, high=high)
    drawn = [dimension.decode(np.array([u])) for u in np.random.default_rng(0).random(20_000)]
    counts = np.bincount(np.array(drawn) - low, minlength=high - low + 1)
    assert len(counts) == high - low + 1
    assert stats.chisquare(counts).pvalue > 1e-3


def test_every_integer_of_a_logarithmic_range_has_the_cell_between_its_halves() -> None:
    dimension = Integer(name="width", low=1, high=100, log=True)
    drawn = np.array([dimension.decode(np.array([u])) for u in np.random.default_rng(0).random(20_000)])
    edges = np.log(np.arange(1, 102) - 0.5)
    expected = np.diff(edges) / (edges[-1] - edges[0]) * len(drawn)
    assert stats.chisquare(np.bincount(drawn, minlength=101)[1:], expected).pvalue > 1e-3


def test_every_option_is_as_likely_as_any_other() -> None:
    dimension = Choice(name="activation", options=("relu", "gelu", "tanh"))
    drawn = [dimension.options.index(dimension.decode(np.array([u]))) for u in np.random.default_rng(1).random(9_000)]
    assert stats.chisquare(np.bincount(drawn)).pvalue > 1e-3


@pytest.mark.parametrize("k", [2, 3, 6])
def test_every_corner_of_the_simplex_is_reached_and_survives(k: int) -> None:
    dimension = Simplex(name="weights", names=LABELS[:k])
    for corner in np.eye(k):
        assert dimension.decode(dimension.encode(tuple(corner))) == tuple(corner)
    assert {dimension.decode(np.array(unit)) for unit in np.ndindex(*(2,) * (k - 1))} == set(map(tuple, np.eye(k)))


@pytest.mark.parametrize("log", [False, True])
def test_both_ends_of_a_range_are_reached(log: bool) -> None:
    real = Float(name="learning_rate", low=1e-4, high=0.3, log=log)
    whole = Integer(name="depth", low=1, high=9, log=log)
    assert real.decode(np.zeros(1)) == pytest.approx(1e-4, rel=1e-12)
    assert real.decode(np.ones(1)) == pytest.approx(0.3, rel=1e-12)
    assert (whole.decode(np.zeros(1)), whole.decode(np.ones(1))) == (1, 9)


def test_a_logarithmic_range_has_its_geometric_middle_in_the_middle() -> None:
    assert Float(name="x", low=1e-4, high=1.0, log=True).decode(np.array([0.5])) == pytest.approx(1e-2)


def test_an_integer_at_its_end_still_moves() -> None:
    rng = np.random.default_rng(0)
    dimension = Integer(name="depth", low=1, high=3)
    assert all(dimension.mutate(end, rng, 1e-6) == 2 for end in (1, 3) for _ in range(20))
