import numpy as np
import pytest
from scipy.optimize import least_squares

from search.errors import SearchError
from search.pareto.coefficients._design import design
from search.pareto.links import Link
from search.pareto.surrogate import quadratic as module
from search.pareto.surrogate.quadratic import fit

SEEDS = range(5)
BOUNDS = [None, (0.0, 1.0), (0.0, None), (None, 2.0)]


def link_of(pair):
    low, high = pair or (None, None)
    return Link(-np.inf if low is None else low, np.inf if high is None else high)


def full_terms(points):
    k = points.shape[1]
    products = [points[:, i] * points[:, j] for i in range(k) for j in range(i, k)]
    return np.stack([np.ones(len(points)), *points.T, *products], axis=1)


def truth(k, m, seed, scale=1.0):
    """m random quadratics of k coefficients, on the line of the link."""
    rng = np.random.default_rng(seed)
    weights = scale * rng.normal(size=((k + 1) * (k + 2) // 2, m))
    return lambda points: full_terms(points) @ weights


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("simplex", [False, True])
@pytest.mark.parametrize("pair", BOUNDS)
def test_a_quadratic_is_recovered_exactly_from_samples_of_it(pair, simplex, seed):
    k = 3
    terms = k * (k + 1) // 2 if simplex else (k + 1) * (k + 2) // 2
    link, quadratic = link_of(pair), truth(k, 2, seed)
    points = design(k, terms + 3, simplex=simplex, seed=seed)
    surrogate = fit(points, link.metric(quadratic(points)), bounds=[pair] * 2)
    unseen = design(k, 50, simplex=simplex, seed=seed + 100)
    mean, deviation = surrogate.predict(unseen)
    np.testing.assert_allclose(mean, link.metric(quadratic(unseen)), rtol=1e-6, atol=1e-8, err_msg=f"{seed=}")
    assert (deviation < 1e-6).all() and (surrogate.error < 1e-6).all(), f"{seed=}"
    assert surrogate.r2 == pytest.approx(1.0)
    assert surrogate.simplex == simplex


@pytest.mark.parametrize("simplex, terms", [(False, 10), (True, 6)])
def test_exactly_as_many_merges_as_terms_interpolate_with_unknown_error(simplex, terms):
    points, quadratic = design(3, terms, simplex=simplex, seed=0), truth(3, 1, 0)
    surrogate = fit(points, quadratic(points))
    mean, deviation = surrogate.predict(points)
    np.testing.assert_allclose(mean, quadratic(points), atol=1e-9)
    assert np.isposinf(surrogate.error).all() and np.isneginf(surrogate.r2).all() and np.isposinf(deviation).all()


@pytest.mark.parametrize("simplex, terms", [(False, 10), (True, 6)])
def test_fewer_merges_than_terms_are_refused_with_the_number_that_is_missing(simplex, terms):
    points = design(3, terms - 2, simplex=simplex, seed=0)
    message = rf"coefficients: expected at least {terms} evaluated merges.*, got {terms - 2}\..* 2 more"
    with pytest.raises(SearchError, match=message):
        fit(points, np.zeros((terms - 2, 1)))


def test_merges_that_do_not_determine_the_quadratic_are_refused():
    line = np.linspace(0, 1, 20)[:, None] * [[1.0, 2.0]]
    with pytest.raises(
        SearchError, match=r"merges that determine 6 terms, got 3\. Some merges repeat, or lie on one line"
    ):
        fit(line, np.zeros((20, 1)))
    with pytest.raises(SearchError, match=r"merges that determine 6 terms, got 4"):
        fit(np.repeat(design(2, 4, simplex=False, seed=0), 4, axis=0), np.zeros((16, 1)))


def noisy(k, pair, seed, n):
    rng = np.random.default_rng(seed)
    points = design(k, n, simplex=False, seed=seed)
    metric = link_of(pair).metric(truth(k, 1, seed, scale=0.7)(points) + 0.2 * rng.normal(size=(n, 1)))
    return points, metric


def refit(points, metric, link, polished):
    """The oracle: plain least squares on the line of the link, then SciPy's on the metric itself."""
    terms = full_terms(points)
    weights = np.linalg.lstsq(terms, link.real(metric), rcond=None)[0]
    if polished:
        weights = least_squares(
            lambda w: link.metric(terms @ w) - metric,
            weights,
            jac=lambda w: link.slope(terms @ w)[:, None] * terms,
            x_scale=1.0, ftol=1e-15, xtol=1e-15, gtol=1e-15,
        ).x  # fmt: skip
    return weights


def left_out_error(points, metric, link, polished):
    rest = []
    for i in range(len(points)):
        weights = refit(np.delete(points, i, axis=0), np.delete(metric, i), link, polished)
        rest.append(metric[i] - link.metric(full_terms(points[[i]]) @ weights)[0])
    return np.sqrt(np.mean(np.square(rest)))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pair", BOUNDS)
def test_the_error_is_that_of_refitting_without_each_row(pair, seed):
    points, metric = noisy(2, pair, seed, n=14)
    link = link_of(pair)
    surrogate = fit(points, metric, bounds=[pair])
    errors = [left_out_error(points, metric[:, 0], link, polished) for polished in (True, False)]
    assert surrogate.error[0] == pytest.approx(min(errors), rel=1e-5), f"{seed=}"
    assert surrogate.r2[0] == pytest.approx(1 - min(errors) ** 2 / metric.var(), rel=1e-4), f"{seed=}"
    weights = refit(points, metric[:, 0], link, polished=errors[0] <= errors[1])
    unseen = design(2, 30, simplex=False, seed=9)
    expected = link.metric(full_terms(unseen) @ weights)
    np.testing.assert_allclose(surrogate.predict(unseen)[0][:, 0], expected, atol=1e-5, err_msg=f"{seed=}")


def test_both_ways_to_fit_a_link_are_taken_by_their_left_out_error():
    kept = []
    for seed in range(6):
        points, metric = noisy(2, (0.0, 1.0), seed, n=14)
        errors = [left_out_error(points, metric[:, 0], Link(0.0, 1.0), polished) for polished in (True, False)]
        kept.append(errors[0] < errors[1])
    assert any(kept) and not all(kept)


def test_without_a_link_no_step_is_taken_and_no_row_is_refitted(monkeypatch):
    monkeypatch.setattr(module, "polish", None)
    points, metric = noisy(2, None, 0, n=14)
    assert np.isfinite(fit(points, metric).error).all()


@pytest.mark.parametrize("pair", BOUNDS)
def test_the_deviation_is_right_on_average_for_unseen_merges(pair):
    ratios = []
    for seed in range(20):
        points, metric = noisy(2, pair, seed, n=30)
        surrogate = fit(points[:20], metric[:20], bounds=[pair])
        mean, deviation = surrogate.predict(points[20:])
        ratios.append(np.sqrt(np.mean(((metric[20:] - mean) / deviation) ** 2)))
    assert 0.6 < np.median(ratios) < 1.6


def test_the_deviation_is_its_formula():
    points, metric = noisy(2, None, 0, n=14)
    terms = full_terms(points)
    covariance = np.linalg.inv(terms.T @ terms)
    leverage = np.einsum("ip,pq,iq->i", terms, covariance, terms)
    left_out = (metric[:, 0] - terms @ covariance @ terms.T @ metric[:, 0]) / (1 - leverage)
    sigma = np.sqrt(np.mean(left_out**2 * (1 - leverage)))
    _, deviation = fit(points, metric).predict(points)
    np.testing.assert_allclose(deviation[:, 0], sigma * np.sqrt(1 + leverage))


def test_the_deviation_grows_away_from_what_was_evaluated():
    points, metric = noisy(2, None, 1, n=14)
    _, deviation = fit(points, metric).predict([[0.5, 0.5], [3.0, 3.0]])
    assert deviation[1, 0] > 3 * deviation[0, 0]


@pytest.mark.parametrize("value", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("pair", [None, (0.0, 1.0), (0.0, None)])
def test_a_metric_that_does_not_vary_is_predicted_everywhere(pair, value):
    points = design(2, 12, simplex=False, seed=0)
    surrogate = fit(points, np.full((12, 1), value), bounds=[pair], count=1000)
    mean, deviation = surrogate.predict(points)
    np.testing.assert_allclose(mean, value, atol=2e-3)
    assert np.isfinite(deviation).all() and surrogate.r2.tolist() == [1.0]


@pytest.mark.parametrize("seed", SEEDS)
def test_saturated_metrics_give_finite_predictions_within_their_bounds(seed):
    rng = np.random.default_rng(seed)
    points = design(3, 25, simplex=False, seed=seed)
    accuracy = np.round(np.clip(1.2 - 1.5 * points.sum(axis=1, keepdims=True) / 3 + rng.normal(size=(25, 1)), 0, 1), 2)
    surrogate = fit(points, accuracy, bounds=[(0, 1)], count=100)
    mean, deviation = surrogate.predict(design(3, 200, simplex=False, seed=99))
    assert ((mean >= 0) & (mean <= 1)).all() and np.isfinite(deviation).all(), f"{seed=}"
    assert surrogate.error[0] < 1.0


def test_each_metric_has_its_own_link_and_its_own_fit():
    points = design(2, 12, simplex=False, seed=0)
    real = truth(2, 2, 0)(points)
    values = np.stack([real[:, 0], Link(0.0, 1.0).metric(real[:, 1])], axis=1)
    both = fit(points, values, bounds=[None, (0, 1)])
    alone = [fit(points, values[:, [j]], bounds=[pair]) for j, pair in enumerate([None, (0, 1)])]
    for j in range(2):
        np.testing.assert_allclose(both.predict(points)[0][:, [j]], alone[j].predict(points)[0])


def test_the_unit_of_a_loss_does_not_change_its_fit():
    points, metric = noisy(2, (0.0, None), 3, n=14)
    small, large = (fit(points, factor * metric, bounds=[(0, None)]) for factor in (1e-6, 1e6))
    np.testing.assert_allclose(large.predict(points)[0], 1e12 * small.predict(points)[0], rtol=1e-5)
    np.testing.assert_allclose(large.r2, small.r2, rtol=1e-5)


def test_a_fit_on_the_simplex_refuses_what_is_not_on_it():
    points = design(2, 8, simplex=True, seed=0)
    surrogate = fit(points, points**2)
    with pytest.raises(SearchError, match=r"coefficients: expected a sum of one, as in the fit, got 1\.5"):
        surrogate.predict([[0.5, 0.5], [0.5, 1.0]])
    with pytest.raises(SearchError, match=r"coefficients: expected one row a point, shape \(n, 2\), got \(1, 3\)"):
        surrogate.predict([[1, 0, 0]])
    assert surrogate.predict(np.zeros((0, 2)))[0].shape == (0, 2)


def test_tables_that_do_not_belong_together_are_refused():
    points = design(2, 8, simplex=False, seed=0)
    with pytest.raises(SearchError, match=r"values: expected one row for each of 8 merges, got \(7, 1\)"):
        fit(points, np.zeros((7, 1)))
    with pytest.raises(SearchError, match=r"bounds: expected one pair for each of 1 metrics, got 2"):
        fit(points, np.zeros((8, 1)), bounds=[None, None])
    with pytest.raises(SearchError, match=r"values row 0: expected finite numbers, got \[nan\]"):
        fit(points, np.full((8, 1), np.nan))
    with pytest.raises(SearchError, match=r"values: expected metrics between 0 and 1, got 2\.0"):
        fit(points, np.full((8, 1), 2.0), bounds=[(0, 1)])


def test_nothing_is_written_to_or_shared(frozen):
    points = design(2, 8, simplex=False, seed=0)
    surrogate = fit(frozen(points), frozen(np.abs(points)), bounds=[(0, 1), (0, None)])
    surrogate.predict(frozen(points))
    assert not np.shares_memory(fit(points, points).coefficients, points)
