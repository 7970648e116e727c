import numpy as np
import pytest
from scipy.optimize import approx_fprime

from search.pareto.surrogate import _process as module
from search.pareto.surrogate._process import Process, fit

K = 3


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, size=(12, K))
    values = np.sin(4 * points[:, 0]) + points[:, 1] ** 2 + 0.1 * rng.normal(size=12)
    return points, (values - values.mean()) / values.std()


def logs(trend):
    return np.log([0.5, 0.8, 2.0, 0.7, 0.01, *([3.0, 5.0] if trend else [])])


def covariance(left, right, trend):
    """By definition, one pair at a time, without noise."""
    lengths, bumps, line, curve = np.array([0.5, 0.8, 2.0]), 0.7, 3.0 * trend, 5.0 * trend

    def pair(a, b):
        r = np.sqrt(5 * (((a - b) / lengths) ** 2).sum())
        return 4.0 + bumps * (1 + r + r * r / 3) * np.exp(-r) + line * (a @ b) + curve * (a @ b) ** 2

    return np.array([[pair(a, b) for b in right] for a in left])


@pytest.mark.parametrize("trend", [False, True])
def test_predictions_are_those_of_the_conditional_normal_law(table, trend):
    points, values = table
    unseen = np.random.default_rng(1).uniform(-1, 1, size=(7, K))
    mean, deviation = Process(points, values, logs(trend)).predict(unseen)
    inside, cross = covariance(points, points, trend) + 0.01 * np.eye(12), covariance(unseen, points, trend)
    variance = np.diag(covariance(unseen, unseen, trend) - cross @ np.linalg.solve(inside, cross.T)) + 0.01
    np.testing.assert_allclose(mean, cross @ np.linalg.solve(inside, values), rtol=1e-5)
    np.testing.assert_allclose(deviation, np.sqrt(variance), rtol=1e-5)


@pytest.mark.parametrize("trend", [False, True])
def test_what_is_left_out_is_predicted_as_by_a_process_without_it(table, trend):
    points, values = table
    mean, deviation = Process(points, values, logs(trend)).left_out()
    for i in range(12):
        rest = Process(np.delete(points, i, axis=0), np.delete(values, i), logs(trend))
        expected = rest.predict(points[[i]])
        np.testing.assert_allclose((mean[i], deviation[i]), np.ravel(expected), rtol=1e-5)


@pytest.mark.parametrize("trend", [False, True])
def test_the_slopes_of_the_covariance_are_its_differences(table, trend):
    points, _ = table
    weights = np.random.default_rng(2).normal(size=(12, 12))
    found = [(weights * slope).sum() for slope in module._covariance(points, logs(trend))[1]]
    expected = approx_fprime(logs(trend), lambda x: (weights * module._covariance(points, x)[0]).sum(), 1e-6)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def density(points, values, logs, trend):
    """Minus the logarithm of the posterior density, but for constants, written out."""
    k, priors = points.shape[1], [module.BUMPS, module.NOISE, *([module.LINE, module.CURVE] if trend else [])]
    full = module._covariance(points, logs)[0]
    apart = logs[:k] - 0.5 * np.log(k)
    cost = 0.5 * values @ np.linalg.solve(full, values) + 0.5 * np.linalg.slogdet(full)[1]
    law = module.TOGETHER**2 * np.ones((k, k)) + module.APART**2 * np.eye(k)
    cost += 0.5 * apart @ np.linalg.solve(law, apart)
    return cost + sum(0.5 * ((x - p[0]) / p[1]) ** 2 for x, p in zip(logs[k:], priors, strict=True))


@pytest.mark.parametrize("trend", [False, True])
def test_nothing_near_the_fit_has_more_posterior_density(table, trend):
    points, values = table
    found = fit(points, values, trend=trend).logs
    best = density(points, values, found, trend)
    assert best < density(points, values, logs(trend), trend)
    for step in 0.05 * np.vstack([np.eye(len(found)), -np.eye(len(found))]):
        assert density(points, values, found + step, trend) > best


def test_a_coefficient_that_does_not_matter_gets_a_longer_length():
    points = np.random.default_rng(0).uniform(-0.5, 0.5, size=(60, 2))
    values = np.sin(9 * points[:, 0])
    lengths = np.exp(fit(points, values / values.std(), trend=False).logs[:2])
    assert lengths[1] > 1.5 * lengths[0]


def test_repeated_points_that_disagree_are_noise():
    points = np.repeat(np.linspace(-0.5, 0.5, 5)[:, None], 8, axis=0)
    values = np.tile([1.0, -1.0], 20)
    found = fit(points, values, trend=True)
    mean, deviation = found.predict(points[::8])
    assert np.abs(mean).max() < 0.2 and 0.8 < deviation.min() <= deviation.max() < 1.2


@pytest.mark.parametrize("n", [1, 2, 5])
def test_points_that_all_repeat_still_have_a_fit(n):
    found = fit(np.zeros((n, 2)), np.zeros(n), trend=True)
    mean, deviation = found.predict(np.ones((1, 2)))
    assert mean[0] == 0 and 0 < deviation[0] < np.inf
