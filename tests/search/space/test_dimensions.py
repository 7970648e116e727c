"""Each dimension on its own: its unit interval, its ends, its corners, its prior."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from search.space import Choice, Dimension, Float, Integer, Near, Simplex

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


PRIORS: dict[str, Dimension] = {
    "real": Float(name="x", low=-1.0, high=3.0, prior=Near(2.5, 0.4)),
    "logarithmic": Float(name="x", low=1e-4, high=1.0, log=True, prior=Near(3e-3, np.log(3.0))),
    "whole": Integer(name="x", low=1, high=9, prior=Near(3.2, 1.5)),
    "logarithmic and whole": Integer(name="x", low=1, high=40, log=True, prior=Near(1.0, np.log(4.0))),
    "choice": Choice(name="x", options=("a", "b", "c"), prior=(0.2, 0.5, 0.3)),
    "weights": Simplex(name="x", names=LABELS[:3], prior=(6.0, 5.0, 2.0)),
}
every_prior = pytest.mark.parametrize("kind", PRIORS)


@every_prior
def test_over_uniform_values_the_prior_is_a_density(kind: str) -> None:
    """The mean of exp(log_prior) under the uniform distribution is 1, to the error of a mean of so many."""
    dimension, rng = PRIORS[kind], np.random.default_rng(0)
    values = np.exp([dimension.log_prior(dimension.decode(rng.random(dimension.width))) for _ in range(20_000)])
    assert abs(values.mean() - 1.0) < 4.0 * values.std() / np.sqrt(len(values))


@every_prior
def test_draws_have_the_density_that_is_said(kind: str) -> None:
    """For any f, the mean of f over draws is that of f times the density over uniform values."""
    dimension, rng = PRIORS[kind], np.random.default_rng(1)
    uniform = [dimension.decode(rng.random(dimension.width)) for _ in range(20_000)]
    drawn = [dimension.draw(rng) for _ in range(20_000)]
    density = np.exp([dimension.log_prior(value) for value in uniform])
    for power in (1, 2):
        one = np.array([dimension.encode(value) for value in drawn]) ** power
        other = np.array([dimension.encode(value) for value in uniform]) ** power * density[:, None]
        error = np.sqrt((one.var(axis=0) + other.var(axis=0)) / len(drawn))
        assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 4.0 * error).all()


@every_prior
def test_a_draw_is_a_value_and_every_value_has_a_finite_density(kind: str) -> None:
    dimension, rng = PRIORS[kind], np.random.default_rng(2)
    for _ in range(200):
        assert dimension.mistake(dimension.draw(rng)) is None
    corners = [dimension.decode(np.array(unit, dtype=float)) for unit in np.ndindex(*(2,) * dimension.width)]
    assert np.isfinite([dimension.log_prior(value) for value in corners]).all()


def test_the_most_expected_value_has_the_highest_density() -> None:
    assert max(range(1, 10), key=PRIORS["whole"].log_prior) == 3
    rate = PRIORS["logarithmic"]
    assert max(np.geomspace(1e-4, 1.0, 401), key=rate.log_prior) == pytest.approx(3e-3, rel=0.03)
    assert [round(float(np.exp(PRIORS["choice"].log_prior(option))), 9) for option in "abc"] == [0.6, 1.5, 0.9]


def test_the_probabilities_of_whole_numbers_sum_to_one() -> None:
    whole = PRIORS["whole"]
    assert sum(np.exp(whole.log_prior(value)) / 9 for value in range(1, 10)) == pytest.approx(1.0, rel=1e-12)


@every_prior
def test_without_a_prior_draws_are_uniform_and_all_densities_are_alike(kind: str) -> None:
    dimension, rng = replace(PRIORS[kind], prior=None), np.random.default_rng(3)
    drawn = np.array([dimension.encode(dimension.draw(rng)) for _ in range(2000)])
    uniform = np.array([dimension.encode(dimension.decode(rng.random(dimension.width))) for _ in range(2000)])
    for one, other in zip(drawn.T, uniform.T, strict=True):
        assert stats.ks_2samp(one, other).pvalue > 1e-3
    assert {dimension.log_prior(dimension.draw(rng)) for _ in range(20)} == {0.0}
