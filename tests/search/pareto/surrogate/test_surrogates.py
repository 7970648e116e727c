"""What every surrogate keeps to: a file of the folder is held to it from the moment that it is there."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from search.errors import SearchError
from search.pareto import surrogate
from search.pareto.coefficients._design import design
from search.pareto.links import Link

FOLDER = Path(surrogate.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
BOUNDS = [None, (0.0, 1.0), (0.0, None), (None, 2.0)]
SEEDS = range(3)

every = pytest.mark.parametrize("fit", [import_module(f"{surrogate.__name__}.{name}").fit for name in NAMES], ids=NAMES)


def link_of(pair):
    low, high = pair or (None, None)
    return Link(-np.inf if low is None else low, np.inf if high is None else high)


def smooth(points, seed, scale=0.7):
    """A random quadratic of the coefficients, (n, 1): what every surrogate can represent."""
    rng = np.random.default_rng(seed)
    k = points.shape[1]
    products = [points[:, i] * points[:, j] for i in range(k) for j in range(i, k)]
    terms = np.stack([np.ones(len(points)), *points.T, *products], axis=1)
    return scale * terms @ rng.normal(size=(terms.shape[1], 1))


def noisy(k, pair, seed, n):
    points = design(k, n, simplex=False, seed=seed)
    noise = np.random.default_rng(seed + 50).normal(size=(n, 1))
    return points, link_of(pair).metric(smooth(points, seed) + 0.2 * noise)


def test_the_surrogates_are_found():
    assert {"kriging", "quadratic"} <= set(NAMES)


@every
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("simplex", [False, True])
@pytest.mark.parametrize("pair", BOUNDS)
def test_a_quadratic_of_the_link_is_recovered(fit, pair, simplex, seed):
    link = link_of(pair)
    points, unseen = (design(3, n, simplex=simplex, seed=s) for n, s in ((24, seed), (60, seed + 100)))
    fitted = fit(points, link.metric(smooth(points, seed)), bounds=[pair])
    truth = link.metric(smooth(unseen, seed))
    mean, deviation = fitted.predict(unseen)
    # a prior shrinks: a hundredth of the spread, where plain least squares has nothing left to be wrong by
    assert np.sqrt(np.mean((mean - truth) ** 2)) < 0.02 * truth.std(), f"{seed=}"
    assert fitted.error[0] < 0.1 * truth.std() and fitted.r2[0] > 0.98, f"{seed=}"
    assert mean.shape == deviation.shape == (60, 1) and np.isfinite(deviation).all()


@every
@pytest.mark.parametrize("pair", BOUNDS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 12])
def test_few_merges_are_enough_or_the_missing_are_counted(fit, n, pair):
    points = design(3, n, simplex=False, seed=0)
    values = np.hstack([link_of(pair).metric(smooth(points, seed)) for seed in SEEDS])
    try:
        fitted = fit(points, values, bounds=[pair] * 3)
    except SearchError as refusal:
        needed = int(re.search(r"at least (\d+) evaluated merges", str(refusal)).group(1))
        assert n < needed and f"Evaluate {needed - n} more" in str(refusal)
        return
    mean, deviation = fitted.predict(design(3, 50, simplex=False, seed=9))
    assert np.isfinite(mean).all() and (deviation >= 0).all()
    known = np.isfinite(fitted.error)
    assert (np.isfinite(deviation).all(axis=0) == known).all() and (np.isfinite(fitted.r2) == known).all()
    assert (fitted.error >= 0).all() and (fitted.r2 <= 1.0).all()


@every
@pytest.mark.parametrize("seed", SEEDS)
def test_predictions_keep_the_bounds(fit, seed):
    rng = np.random.default_rng(seed)
    points = design(3, 25, simplex=False, seed=seed)
    accuracy = np.round(np.clip(1.2 - 0.5 * points.sum(axis=1, keepdims=True) + rng.normal(size=(25, 1)), 0, 1), 2)
    values = np.hstack([accuracy, accuracy, -accuracy])
    fitted = fit(points, values, bounds=[(0, 1), (0, None), (None, 0)], count=100)
    mean, deviation = fitted.predict(3.0 * design(3, 200, simplex=False, seed=99) - 1.0)
    assert (mean[:, :2] >= 0).all() and (mean[:, 0] <= 1).all() and (mean[:, 2] <= 0).all(), f"{seed=}"
    assert np.isfinite(mean).all() and np.isfinite(deviation).all()


@every
@pytest.mark.parametrize("pair", BOUNDS)
def test_the_deviation_is_right_on_average_for_unseen_merges(fit, pair):
    ratios = []
    for seed in range(16):
        points, metric = noisy(2, pair, seed, n=30)
        mean, deviation = fit(points[:20], metric[:20], bounds=[pair]).predict(points[20:])
        ratios.append(np.sqrt(np.mean(((metric[20:] - mean) / deviation) ** 2)))
    assert 0.6 < np.median(ratios) < 1.6


@every
@pytest.mark.parametrize("pair", BOUNDS)
def test_the_order_of_rows_does_not_matter(fit, pair):
    points, metric = noisy(2, pair, 1, n=16)
    order = np.random.default_rng(0).permutation(16)
    one, other = fit(points, metric, bounds=[pair]), fit(points[order], metric[order], bounds=[pair])
    unseen = design(2, 30, simplex=False, seed=9)
    for ours, theirs in zip(one.predict(unseen), other.predict(unseen), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(one.error, other.error, rtol=1e-5)


@every
@pytest.mark.parametrize("value", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("pair", [None, (0.0, 1.0), (0.0, None)])
def test_a_metric_that_does_not_vary_is_predicted_everywhere(fit, pair, value):
    points = design(2, 12, simplex=False, seed=0)
    fitted = fit(points, np.full((12, 1), value), bounds=[pair], count=1000)
    mean, deviation = fitted.predict(points)
    np.testing.assert_allclose(mean, value, atol=2e-3)
    assert (deviation < 2e-3).all() and fitted.r2.tolist() == [1.0]


@every
def test_repeated_rows_agree_or_average(fit):
    points, metric = noisy(2, (0.0, 1.0), 3, n=14)
    once = fit(points, metric, bounds=[(0, 1)])
    twice = fit(np.vstack([points, points]), np.vstack([metric, metric]), bounds=[(0, 1)])
    assert np.isfinite(twice.predict(points)[1]).all()
    assert np.sqrt(np.mean((twice.predict(points)[0] - metric) ** 2)) < 1.5 * once.error[0]
    apart = fit(np.vstack([points, points]), np.vstack([metric + 0.05, metric - 0.05]))
    assert np.abs(apart.predict(points)[0] - metric).mean() < 0.08


@every
def test_each_metric_has_its_own_link_and_its_own_fit(fit):
    points = design(2, 12, simplex=False, seed=0)
    pairs = [None, (0.0, 1.0), (0.0, None)]
    values = np.hstack([link_of(pair).metric(smooth(points, seed)) for seed, pair in enumerate(pairs)])
    together = fit(points, values, bounds=pairs)
    for j, pair in enumerate(pairs):
        alone = fit(points, values[:, [j]], bounds=[pair])
        np.testing.assert_allclose(together.predict(points)[0][:, [j]], alone.predict(points)[0], rtol=1e-4)
        assert together.error[j] == pytest.approx(alone.error[0], rel=1e-2, abs=1e-6)


@every
@pytest.mark.parametrize("pair", [None, (0.0, None)])
def test_the_unit_of_a_metric_does_not_matter(fit, pair):
    points, metric = noisy(2, (0.0, None), 3, n=14)
    small, large = (fit(points, factor * metric, bounds=[pair]) for factor in (1e-6, 1e6))
    np.testing.assert_allclose(large.predict(points)[0], 1e12 * small.predict(points)[0], rtol=1e-4)
    np.testing.assert_allclose(large.predict(points)[1], 1e12 * small.predict(points)[1], rtol=1e-4)


@every
def test_the_same_table_gives_the_same_surrogate(fit):
    points, metric = noisy(2, (0.0, 1.0), 3, n=14)
    one, other = (fit(points, metric, bounds=[(0, 1)]).predict(points) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@every
def test_what_cannot_be_fitted_or_asked_is_refused(fit):
    points = design(2, 8, simplex=False, seed=0)
    with pytest.raises(SearchError, match=r"values: expected one row for each of 8 merges, got \(7, 1\)"):
        fit(points, np.zeros((7, 1)))
    with pytest.raises(SearchError, match=r"bounds: expected one pair for each of 1 metrics, got 2"):
        fit(points, np.zeros((8, 1)), bounds=[None, None])
    with pytest.raises(SearchError, match=r"values row 0: expected finite numbers, got \[nan\]"):
        fit(points, np.full((8, 1), np.nan))
    with pytest.raises(SearchError, match=r"values: expected metrics between 0 and 1, got 2\.0"):
        fit(points, np.full((8, 1), 2.0), bounds=[(0, 1)])
    with pytest.raises(SearchError, match=r"coefficients: expected at least one evaluated merge, got 0"):
        fit(np.zeros((0, 2)), np.zeros((0, 1)))
    with pytest.raises(SearchError, match=r"coefficients: expected one row a point, shape \(n, 2\), got \(1, 3\)"):
        fit(points, points).predict([[1, 0, 0]])


@every
def test_nothing_is_written_to_or_shared(fit, frozen):
    points = design(2, 8, simplex=False, seed=0)
    fitted = fit(frozen(points), frozen(np.abs(points)), bounds=[(0, 1), (0, None)])
    fitted.predict(frozen(points))
    np.testing.assert_array_equal(fitted.coefficients, points)
    assert not np.shares_memory(fit(points, points).coefficients, points)
    assert fitted.predict(np.zeros((0, 2)))[0].shape == (0, 2)
