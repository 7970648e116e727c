from dataclasses import replace

import numpy as np
import pytest

from search.errors import SearchError
from search.pareto.belief import expecting, of_repeats
from search.pareto.dominance import is_nondominated
from search.pareto.hypervolume import hypervolume
from search.pareto.neighbours import MOST, posterior
from search.pareto.surrogate import _process
from search.pareto.uncertainty import draws, hypervolume_interval, intervals, on_front


def world(seed, n=40, noise=0.15, edge=1.0):
    """Places (n, 2), smooth true losses (n, 2), and one to three evaluations of each; the front is at x_1 = 0."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 2)) * [1.0, edge]
    behind = x[:, 1] ** 2 / 2
    truth = np.stack([x[:, 0] + 0.3 * behind, 1 - np.sqrt(x[:, 0]) + behind], axis=1)
    return x, truth, [row + noise * rng.normal(size=(int(rng.integers(1, 4)), 2)) for row in truth]


def kernel(points, logs):
    """The process's covariance between points, by its definition, without noise."""
    k = points.shape[1]
    far = (((points[:, None] - points[None]) / np.exp(logs[:k])) ** 2).sum(axis=2)
    root = np.sqrt(5 * far)
    return 4.0 + np.exp(logs[k]) * (1 + root + root**2 / 3) * np.exp(-root)


def evaluated(groups, spread):
    """The means (n, 2) of the evaluations, and the covariance (n, 2, 2) of each."""
    return np.array([group.mean(axis=0) for group in groups]), np.array([spread / len(group) for group in groups])


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_values_with_errors_tell_of_normal_losses(seed):
    """By precisions: (S^-1 + V^-1)^-1, S from the kernel's definition, V from errors that come together."""
    points, _, groups = world(seed, n=20)
    y, v = evaluated(groups, np.array([[0.02, 0.01], [0.01, 0.03]]))
    rows, mean, joint = posterior(points, y, v)
    assert rows.tolist() == list(range(20))
    before, error = np.zeros((40, 40)), np.zeros((40, 40))
    for j in range(2):
        scale = y[:, j].std()
        found = _process.fit(points - points.mean(axis=0), (y[:, j] - y[:, j].mean()) / scale, trend=False)
        untold = max(np.exp(found.logs[-1]) - (v[:, j, j] / scale**2).mean(), 0.0)
        before[j::2, j::2] = scale**2 * (kernel(points, found.logs) + (untold + 1e-7) * np.eye(20))
    for i in range(20):
        error[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = v[i]
    expected = np.linalg.inv(np.linalg.inv(before) + np.linalg.inv(error))
    np.testing.assert_allclose(joint, expected, atol=1e-5, err_msg=f"{seed=}")
    away = (y - y.mean(axis=0)).ravel()
    told = y.mean(axis=0) + (expected @ np.linalg.solve(error, away)).reshape(20, 2)
    np.testing.assert_allclose(mean, told, atol=1e-3, err_msg=f"{seed=}")


def test_one_more_evaluation_of_one_tells_of_its_neighbours_too():
    points, _, groups = world(0, n=20)
    belief = of_repeats(groups, points=points)
    rows, factor = belief.together
    joint, noise = factor @ factor.T, belief.noise[4] @ belief.noise[4].T
    told = np.zeros((2, len(joint)))
    told[:, 8:10] = np.eye(2)
    after = np.linalg.inv(np.linalg.inv(joint + 1e-9 * np.eye(len(joint))) + told.T @ np.linalg.inv(noise) @ told)
    sure = expecting(belief, 4)
    np.testing.assert_allclose(sure.together[1] @ sure.together[1].T, after, atol=1e-6)
    np.testing.assert_allclose(
        sure.root @ sure.root.transpose(0, 2, 1), [after[i : i + 2, i : i + 2] for i in range(0, 40, 2)], atol=1e-6
    )
    assert (sure.deviation < belief.deviation).all()


def test_draws_have_the_joint_covariance():
    points, _, groups = world(1, n=12)
    belief = of_repeats(groups, points=points)
    rows, factor = belief.together
    exact = replace(belief, freedom=np.full(belief.mean.shape, np.inf))
    drawn = draws(exact, samples=20_000).reshape(20_000, -1)
    expected = factor @ factor.T
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), expected, atol=0.04 * np.diag(expected).max())


def test_of_a_crowd_at_the_edge_the_hypervolume_is_met_more_often_if_they_err_together():
    """Drawn one by one some of many are always lucky, and the best of them lie beyond the edge."""
    held = {}
    for alike in (True, False):
        inside = []
        for seed in range(30):
            points, truth, groups = world(seed, edge=0.3)
            belief = of_repeats(groups, points=points)
            low, _, high = hypervolume_interval(
                belief if alike else replace(belief, together=None), [2, 2], samples=128
            )
            inside.append(low <= hypervolume(truth, [2, 2]) <= high)
        held[alike] = np.mean(inside)
    assert held[True] > held[False] + 0.2, held  # 0.9 is what is said: here it is .5 instead of .2


def test_neighbours_bring_the_losses_nearer_to_the_truth_and_the_front_too():
    missed, brier, inside = {}, {}, []
    for near in (False, True):
        errors, squares = [], []
        for seed in range(6):
            points, truth, groups = world(seed)
            belief = of_repeats(groups, points=points if near else None)
            errors.append(np.abs(belief.mean - truth).mean())
            squares.append(((on_front(belief, samples=256) - is_nondominated(truth)) ** 2).mean())
            low, high = intervals(belief)
            inside += [((low <= truth) & (truth <= high)).mean()] if near else []
        missed[near], brier[near] = np.mean(errors), np.mean(squares)
    assert missed[True] < 0.7 * missed[False]
    assert brier[True] < 0.8 * brier[False]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.06)


def test_places_that_tell_nothing_do_no_harm():
    ratio = []
    for seed in range(6):
        points, truth, groups = world(seed)
        lost = np.random.default_rng(seed).permutation(points)
        errors = [np.abs(of_repeats(groups, points=at).mean - truth).mean() for at in (None, lost)]
        ratio.append(errors[1] / errors[0])
    assert np.mean(ratio) < 1.05, ratio


def test_who_is_nowhere_is_as_without_places():
    points, _, groups = world(0)
    points[3:6] = np.nan
    near, plain = of_repeats(groups, points=points), of_repeats(groups)
    assert (near.mean[3:6] == plain.mean[3:6]).all() and (near.root[3:6] == plain.root[3:6]).all()
    assert not np.isclose(near.mean[:3], plain.mean[:3]).any()


def test_of_many_those_of_the_best_ranks_have_neighbours():
    rng = np.random.default_rng(0)
    x = rng.random((MOST + 40, 1))
    mean = np.hstack([x, 1 - x + 3 * (np.arange(len(x)) >= MOST)[:, None]])
    rows, found, joint = posterior(x, mean, np.full((len(x), 2, 2), 0.01) * np.eye(2))
    assert rows.tolist() == list(range(MOST)) and found.shape == (MOST, 2) and joint.shape == (2 * MOST, 2 * MOST)


def test_few_and_what_does_not_vary_is_left_as_it_is():
    assert len(posterior(np.zeros((7, 1)), np.zeros((7, 2)), np.zeros((7, 2, 2)))[0]) == 0
    groups = [[[1.0, 2.0]] * 2] * 9
    belief = of_repeats(groups, points=np.arange(9.0)[:, None])
    assert (belief.mean == [1.0, 2.0]).all() and (belief.deviation == 0).all()


def test_places_of_the_wrong_number_are_refused():
    with pytest.raises(SearchError, match=r"points: expected one row a configuration, shape \(2, f\), got \(1, 1\)"):
        of_repeats([[[1.0], [2.0]], [[1.0]]], points=[[0.0]])
