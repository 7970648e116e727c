"""What is forecast of unfinished trials: exact where nothing is uncertain, and as uncertain as it turns out to be."""

from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from search import curves as learning
from search.curves import forecast, joint
from tests.search.stop.families import FAMILIES, curves, cut

Floats = NDArray[np.float64]


def test_finished_trials_are_their_own_forecast_and_unseen_ones_have_none(rng: Generator) -> None:
    for family in FAMILIES:
        made, _ = cut(curves(family, rng), rng)
        made[:2] = np.nan
        mean, deviation = forecast(made)
        ended = np.isfinite(made[:, -1]).all(axis=1)
        np.testing.assert_array_equal(mean[ended], made[ended, -1])
        assert (deviation[ended] == 0).all()
        assert np.isnan(mean[:2]).all() and np.isnan(deviation[:2]).all()
        open_ = ~ended & (np.arange(len(made)) >= 2)
        assert np.isfinite(mean[open_]).all() and (deviation[open_] > 0).all()


def test_a_change_that_every_trial_makes_is_forecast_exactly(rng: Generator) -> None:
    """Each rung takes the same from all, so the neighbours agree; half of what is forecast stays in doubt."""
    steps = rng.normal(size=(1, 6, 2))
    made = rng.normal(size=(30, 1, 2)) + 0.2 * steps.cumsum(axis=1)
    truth = made[:, -1].copy()
    until = rng.integers(1, 6, 30)
    for row in range(10, 30):
        made[row, until[row] :] = np.nan
    mean, _ = forecast(made)
    np.testing.assert_allclose(mean, truth, atol=1e-2)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_deviations_are_those_that_turn_out(family: str) -> None:
    """Of standardised errors, at most one in ten is beyond 1.96, which would be one in twenty of normal ones; and the
    deviations are no larger than they need be: a plain guess that nothing changes any more errs by more."""
    rng = np.random.default_rng(5)
    scores, errors, plain = [], [], []
    for _ in range(12):
        full = curves(family, rng)
        made, _ = cut(full, rng)
        mean, deviation = forecast(made)
        calm = np.isfinite(full).all(axis=(1, 2)) & (np.abs(full[:, -1]) < 10).all(axis=1)  # it did not explode
        open_ = np.flatnonzero(np.isnan(made[:, -1]).any(axis=1) & calm)
        now = made[open_, learning.last_rung(made)[open_]]
        scores.append((full[open_, -1] - mean[open_]) / deviation[open_])
        errors.append(full[open_, -1] - mean[open_])
        plain.append(full[open_, -1] - now)
    assert (np.abs(np.concatenate(scores)) > 1.96).mean() <= 0.1
    noise = 1.0 if family in ("noisy", "wandering", "diverging") else 0.8  # what is random is in both
    assert np.median(np.abs(np.concatenate(errors))) <= noise * np.median(np.abs(np.concatenate(plain)))


def test_later_rungs_are_forecast_better(rng: Generator) -> None:
    full = np.concatenate([curves("power", rng) for _ in range(2)])
    deviations = []
    for seen in range(1, 8):
        made = full.copy()
        made[48:, seen:] = np.nan
        deviations.append(np.median(forecast(made)[1][48:]))
    assert deviations[0] > 2 * deviations[-1]
    assert sum(b < a for a, b in zip(deviations, deviations[1:], strict=False)) >= 4


def test_before_anyone_is_further_the_deviation_is_the_spread_between_trials(rng: Generator) -> None:
    made = np.full((16, 8, 2), np.nan)
    made[:, 0] = rng.normal(size=(16, 2)) * [1.0, 100.0]
    mean, deviation = forecast(made)
    np.testing.assert_array_equal(mean, made[:, 0])
    assert (deviation > made[:, 0].std(axis=0) / 2).all()


def test_a_trial_that_surprised_before_is_trusted_less(rng: Generator) -> None:
    made = rng.normal(size=(40, 1, 1)) + 0.01 * rng.normal(size=(40, 8, 1))
    made[20:, 5:] = np.nan
    calm = forecast(made)[1][20]
    made[20, :5, 0] = made[20, 4, 0] + np.array([0.2, -0.2, 0.2, -0.2, 0.0])
    assert forecast(made)[1][20] > 1.3 * calm


def test_errors_are_joint_over_objectives(rng: Generator) -> None:
    """Two losses that always move together, and two that do not."""
    for together in (True, False):
        moves = 0.1 * rng.normal(size=(60, 6, 2))
        moves[..., 1] = moves[..., 0] if together else moves[..., 1]
        made = rng.normal(size=(60, 1, 2)) + moves.cumsum(axis=1)
        made[30:, 3:] = np.nan
        _, covariance = joint(made, np.arange(30, 60))
        correlation = covariance[:, 0, 1] / np.sqrt(covariance[:, 0, 0] * covariance[:, 1, 1])
        assert np.median(correlation) > 0.8 if together else abs(np.median(correlation)) < 0.5


def test_covariances_are_positive_and_units_and_order_do_not_matter(rng: Generator) -> None:
    for family in FAMILIES:
        made, asking = cut(curves(family, rng), rng)
        mean, covariance = joint(made, asking)
        assert (np.linalg.eigvalsh(covariance) > 0).all()
        scale = 2.0 ** rng.integers(-20, 20, 2)
        moved, wider = joint(made * scale, asking)
        np.testing.assert_allclose(moved, mean * scale, rtol=1e-9)
        np.testing.assert_allclose(wider, covariance * scale[:, None] * scale, rtol=1e-9)
        order = rng.permutation(len(made))
        turned, deviation = forecast(made[order])
        np.testing.assert_allclose(turned, forecast(made)[0][order], rtol=1e-6, atol=1e-9)


def test_a_step_is_the_weighted_regression_it_says(rng: Generator) -> None:
    """One trial, one objective, by the definition with numpy's own least squares."""
    full = curves("power", rng, n=40)[..., :1]
    rung, own = 3, 39
    made = np.arange(30)
    value, before = full[[own], rung], full[[own], rung] - full[[own], rung - 1]
    change, covariance, slopes = learning._step(full, made, rung, value, before, np.array([own]), np.ones(1))
    start, past = full[made, rung, 0], full[made, rung, 0] - full[made, rung - 1, 0]
    after = full[made, rung + 1, 0] - start
    spread = learning._spread
    distance = ((value[0, 0] - start) / spread(start[:, None])) ** 2 + (
        (before[0, 0] - past) / spread(past[:, None])
    ) ** 2
    reach = np.sort(distance)[learning.NEIGHBOURS - 1]
    weight = np.exp(-(distance - distance.min()) / reach)
    weight /= weight.sum()
    alike = 1 / (weight**2).sum()
    usual, level = weight @ past, weight @ after
    common = learning._slope(after[:, None], past[:, None], rung, np.zeros(1))[0]
    drawn = learning.OWN_SLOPE / alike * (weight @ (past - usual) ** 2)
    rows = np.r_[np.sqrt(weight) * (past - usual), np.sqrt(drawn)]
    slope = np.linalg.lstsq(
        rows[:, None], np.r_[np.sqrt(weight) * (after - level), np.sqrt(drawn) * common], rcond=None
    )[0]
    np.testing.assert_allclose(change[0, 0], level + slope[0] * (before[0, 0] - usual))
    np.testing.assert_allclose(slopes[0, 0], slope[0])
    rest = after - level - slope[0] * (past - usual)
    residual = (alike * (weight @ rest**2) + learning.POOLED * (after**2).mean()) / (
        max(alike - learning.FREEDOM, 0.5) + learning.POOLED
    )
    lever = 1 + (1 + min((before[0, 0] - usual) ** 2 / (rows**2).sum(), 9.0)) / alike
    np.testing.assert_allclose(covariance[0, 0, 0], residual * lever)


def test_an_error_of_a_change_goes_on_into_the_next_one_by_its_slope(monkeypatch: Any) -> None:
    """Steps of known slopes and residuals: the deviation is that of the sum of the simulated changes."""
    rng = np.random.default_rng(2)
    slopes, spread = np.array([0.0, 0.7, -0.4, 0.9]), np.array([1.0, 0.5, 0.8, 0.3])
    root = np.array([[1.0, 0.0], [0.6, 0.8]])  # the errors of the two objectives are correlated

    def step(
        curves: Floats, made: Any, rung: int, value: Floats, before: Floats, *rest: Any
    ) -> tuple[Floats, Floats, Floats]:
        slope = np.array([slopes[rung], slopes[rung] / 2])
        return (
            before * slope,
            np.tile(spread[rung] ** 2 * root @ root.T, (len(value), 1, 1)),
            np.tile(slope, (len(value), 1)),
        )

    monkeypatch.setattr(learning, "_step", step)
    made = np.zeros((5, 5, 2))
    made[0, 1:] = np.nan
    _, covariance = learning._chain(made, learning.last_rung(made), np.array([0]), np.array([0]))
    value, change = np.zeros((400_000, 2)), np.zeros((400_000, 2))
    for slope, width in zip(slopes, spread, strict=True):
        change = change * [slope, slope / 2] + width * rng.standard_normal(value.shape) @ root.T
        value = value + change
    np.testing.assert_allclose(covariance[0], np.cov(value.T), rtol=0.02)


def test_only_the_nearest_count_when_there_are_many(rng: Generator, monkeypatch: Any) -> None:
    made, asking = cut(curves("noisy", rng, n=300), rng)
    few = joint(made, asking)
    monkeypatch.setattr(learning, "NEAREST", 10_000)
    every = joint(made, asking)
    assert not np.array_equal(few[0], every[0])
    width = np.sqrt(np.diagonal(every[1], axis1=1, axis2=2))
    assert (np.abs(few[0] - every[0]) < width).mean() > 0.95


def test_a_missed_rung_is_filled_in_on_a_straight_line(rng: Generator) -> None:
    made, _ = cut(curves("power", rng), rng)
    ended = np.flatnonzero(np.isfinite(made[:, -1]).all(axis=1))[0]
    made[ended, 3] = (made[ended, 2] + made[ended, 4]) / 2
    holed = made.copy()
    holed[ended, 3] = np.nan
    for one, other in zip(forecast(holed), forecast(made), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_an_explosion_says_little_of_those_that_did_not_explode(rng: Generator) -> None:
    made = rng.normal(size=(60, 1, 1)) + 0.05 * rng.normal(size=(60, 6, 1))
    made[40:, 3:] = np.nan
    calm = forecast(made)[1][40:]
    made[:4, 3:] = 1e6
    assert np.median(forecast(made)[1][40:]) < 10 * np.median(calm)
