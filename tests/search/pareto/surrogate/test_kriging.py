from dataclasses import replace

import numpy as np
import pytest

from search.pareto.coefficients._design import design
from search.pareto.surrogate import kriging, quadratic
from search.pareto.surrogate.kriging import fit

SWEEP = np.linspace(0, 1, 11)[:, None]
TOLD = [0, 2, 5, 8, 10]


def r2(truth, mean):
    return 1 - ((mean - truth) ** 2).sum(axis=0) / ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)


def collapsing(seed):
    """Accuracies (11, 4) of task arithmetic over its one coefficient: they rise, saturate and collapse."""
    rng = np.random.default_rng(seed)
    rise = rng.normal(0.3, 0.6, size=4) + rng.uniform(2, 5, size=4) * SWEEP
    fall = (rng.uniform(0.4, 0.9, size=4) - SWEEP) / rng.uniform(0.06, 0.15, size=4)
    return 0.02 + 0.97 / (1 + np.exp(-rise)) / (1 + np.exp(-fall))


@pytest.mark.parametrize("seed", range(3))
def test_a_collapse_is_followed_where_a_quadratic_fails(seed):
    truth, rest = collapsing(seed), np.setdiff1d(np.arange(11), TOLD)
    ours, theirs = (
        module.fit(SWEEP[TOLD], truth[TOLD], bounds=[(0, 1)] * 4).predict(SWEEP[rest])[0]
        for module in (kriging, quadratic)
    )
    assert r2(truth[rest], ours).mean() > 0.98 and r2(truth[rest], ours).min() > 0.95, f"{seed=}"
    assert ((ours - truth[rest]) ** 2).mean() < 0.25 * ((theirs - truth[rest]) ** 2).mean(), f"{seed=}"


def test_a_ridge_of_collapse_between_members_is_found():
    def accuracy(points):
        near = ((points[:, None] - np.eye(3)) ** 2).sum(axis=2).min(axis=1, keepdims=True)
        return 1 / (1 + np.exp(3 * (1 - np.exp(-near / 0.2)) - 2 * points.mean(axis=1, keepdims=True)))

    points, unseen = design(3, 30, simplex=False, seed=0), design(3, 200, simplex=False, seed=1)
    missed = []
    for module in (kriging, quadratic):
        mean, _ = module.fit(points, accuracy(points), bounds=[(0, 1)]).predict(unseen)
        missed.append(np.sqrt(np.mean((mean - accuracy(unseen)) ** 2)))
    assert missed[0] < 0.6 * missed[1]


def test_of_one_merge_nothing_is_known_but_its_values():
    fitted = fit([[0.2, 0.8]], [[0.4, 3.0]], bounds=[(0, 1), None])
    mean, deviation = fitted.predict(design(2, 5, simplex=False, seed=0))
    np.testing.assert_allclose(mean, [[0.4, 3.0]] * 5)
    assert np.isposinf(deviation).all() and np.isposinf(fitted.error).all() and np.isneginf(fitted.r2).all()


def test_the_error_is_that_of_its_left_out_predictions():
    """Without a link: of the mix of the closed forms, in the metric's unit."""
    points = design(2, 12, simplex=False, seed=0)
    metric = np.sin(5 * points[:, :1]) + points[:, 1:]
    fitted = fit(points, metric)
    (column,) = fitted.columns
    mix = sum(share * p.left_out()[0] for share, p in zip(column.shares, column.processes, strict=True))
    missed = column.scale * (mix - column.processes[0].values)
    assert fitted.error[0] == pytest.approx(np.sqrt(np.mean(missed**2)))
    assert fitted.r2[0] == pytest.approx(1 - np.mean(missed**2) / metric.var())
    errors = [np.mean((p.left_out()[0] - p.values) ** 2) for p in column.processes]
    np.testing.assert_allclose(column.shares, (1 / np.array(errors)) / sum(1 / e for e in errors), rtol=1e-6)


def test_the_deviation_is_that_of_the_mix():
    points = design(2, 9, simplex=False, seed=0)
    fitted = fit(points, np.sin(5 * points[:, :1]) + points[:, 1:])
    (column,) = fitted.columns
    unseen = design(2, 20, simplex=False, seed=5)
    means, deviations = np.array(
        [p.predict((unseen - fitted.shift) / fitted.scale) for p in column.processes]
    ).swapaxes(0, 1)
    second = column.shares @ (deviations**2 + means**2) - (column.shares @ means) ** 2
    assert np.abs(means[0] - means[1]).max() > 0.5 * deviations.min()
    np.testing.assert_allclose(fitted.predict(unseen)[1][:, 0], column.scale * np.sqrt(second), rtol=1e-6)


def test_through_a_link_the_deviation_is_that_of_the_metric():
    """By a million draws: the accuracy is bent, so its slope at the median would not do."""
    points = design(2, 6, simplex=False, seed=0)
    accuracy = 1 / (1 + np.exp(-6 * np.sin(5 * points[:, :1]) - 4 * points[:, 1:]))
    fitted = fit(points, accuracy, bounds=[(0, 1)])
    (column,) = fitted.columns
    one = replace(column, processes=column.processes[:1], shares=np.ones(1))
    unseen = np.array([[0.7, 0.2]])
    middle, deviation = column.processes[0].predict((unseen - fitted.shift) / fitted.scale)
    drawn = middle + deviation * np.random.default_rng(0).normal(size=1_000_000)
    away = column.link.metric(column.shift + column.scale * drawn) - one.metric([(middle, deviation)])[0]
    assert one.metric([(middle, deviation)])[1][0] == pytest.approx(np.sqrt(np.mean(away**2)), rel=0.02)


def test_values_on_a_bound_move_off_it_by_half_a_count():
    points = design(2, 12, simplex=False, seed=0)
    fitted = fit(points, np.ones((12, 1)), bounds=[(0, 1)], count=50)
    np.testing.assert_allclose(fitted.predict(points)[0], 1 - 0.5 / 50)


def test_the_error_foretells_that_at_unseen_merges():
    ratios = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        points = rng.uniform(size=(80, 2))
        metric = np.sin(rng.uniform(2, 6) * points[:, :1]) * points[:, 1:] + 0.05 * rng.normal(size=(80, 1))
        fitted = fit(points[:20], metric[:20])
        ratios.append(np.sqrt(np.mean((fitted.predict(points[20:])[0] - metric[20:]) ** 2)) / fitted.error[0])
    assert 0.6 < np.median(ratios) < 1.6


def test_the_deviation_grows_away_from_what_was_evaluated():
    points = design(2, 14, simplex=False, seed=0)
    fitted = fit(points, np.sin(5 * points[:, :1]) + points[:, 1:] ** 2)
    _, deviation = fitted.predict([points[5], [3.0, 3.0]])
    assert deviation[1, 0] > 10 * deviation[0, 0]


def test_the_order_of_rows_changes_no_bit():
    points = design(3, 20, simplex=True, seed=0)
    values = np.hstack([np.sin(4 * points[:, :1]), points[:, 1:2] ** 2])
    order = np.random.default_rng(0).permutation(20)
    one, other = fit(points, values), fit(points[order], values[order])
    np.testing.assert_array_equal(one.predict(points), other.predict(points))


@pytest.mark.parametrize("factor, shift", [(1e-3, 0.0), (1e3, 5.0), (1.0, -40.0)])
def test_the_unit_and_the_origin_of_coefficients_do_not_matter(factor, shift):
    points = design(2, 14, simplex=False, seed=0)
    values = np.sin(4 * points[:, :1]) + points[:, 1:]
    expected = fit(points, values).predict(points + 0.1)[0]
    found = fit(factor * points + shift, values).predict(factor * (points + 0.1) + shift)[0]
    np.testing.assert_allclose(found, expected, atol=1e-4)
