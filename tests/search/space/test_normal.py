"""The normal distribution between two ends, against scipy's, and out to where scipy's differences are 0."""

import numpy as np
import pytest
from scipy import integrate, stats

from search.space import normal

CASES = [(0.3, 0.1, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0), (2.0, 50.0, 1.0, 3.0), (-3.0, 0.01, -5.0, 40.0)]
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def oracle(center: float, deviation: float, low: float, high: float) -> stats.rv_continuous:
    return stats.truncnorm((low - center) / deviation, (high - center) / deviation, center, deviation)


@every_case
def test_its_density_is_that_of_the_normal_between_the_ends(case: tuple[float, ...]) -> None:
    low, high = case[2:]
    for at in np.linspace(low, high, 7):
        expected = oracle(*case).logpdf(at) + np.log(high - low)
        assert normal.log_density(at, *case) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@every_case
def test_the_masses_of_parts_are_those_of_the_normal_and_sum_to_one(case: tuple[float, ...]) -> None:
    edges = np.linspace(*case[2:], 12)
    shares = [np.exp(normal.log_mass(start, end, *case)) / 11 for start, end in zip(edges, edges[1:], strict=False)]
    assert sum(shares) == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(shares, np.diff(oracle(*case).cdf(edges)), rtol=1e-7, atol=1e-12)


@every_case
def test_draws_follow_it(case: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    drawn = [normal.draw(*case, rng) for _ in range(3000)]
    assert stats.kstest(drawn, oracle(*case).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("start", "end"), [(-1.0, 2.0), (3.0, 3.1), (-8.0, -7.5), (29.9, 30.1), (35.0, 36.0), (-37.0, -36.0)]
)
def test_the_probability_of_an_interval_is_exact_far_out_as_well(start: float, end: float) -> None:
    shift = max(min(abs(start), abs(end)) if start * end > 0 else 0.0, 0.0) ** 2 / 2  # taken out, so that nothing is 0
    mass, _ = integrate.quad(lambda x: np.exp(shift - x**2 / 2) / np.sqrt(2 * np.pi), start, end, epsrel=1e-12)
    assert normal.log_between(start, end) == pytest.approx(np.log(mass) - shift, rel=1e-8)


def test_a_thousand_deviations_away_it_is_still_finite_and_falls() -> None:
    far = [normal.log_between(x, x + 1.0) for x in (10.0, 100.0, 1000.0, 10_000.0)]
    assert np.isfinite(far).all() and far == sorted(far, reverse=True)
