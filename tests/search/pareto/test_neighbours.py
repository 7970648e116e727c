import numpy as np
import pytest

from search.errors import SearchError
from search.pareto.belief import of_repeats
from search.pareto.dominance import is_nondominated
from search.pareto.neighbours import MOST, left_out, posterior
from search.pareto.surrogate import _process
from search.pareto.uncertainty import intervals, on_front


def world(seed, n=40, noise=0.15):
    """Places (n, 2), smooth true losses (n, 2), and one to three evaluations of each."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 2))
    behind = x[:, 1] ** 2 / 2
    truth = np.stack([x[:, 0] + 0.3 * behind, 1 - np.sqrt(x[:, 0]) + behind], axis=1)
    return x, truth, [row + noise * rng.normal(size=(int(rng.integers(1, 4)), 2)) for row in truth]


def kernel(points, logs):
    """The process's covariance between points, by its definition, without noise."""
    k = points.shape[1]
    far = (((points[:, None] - points[None]) / np.exp(logs[:k])) ** 2).sum(axis=2)
    root = np.sqrt(5 * far)
    return 4.0 + np.exp(logs[k]) * (1 + root + root**2 / 3) * np.exp(-root)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_said_of_each_is_what_a_process_without_it_predicts(seed):
    points, _, groups = world(seed, n=20)
    y, v = np.array([group[:, 0].mean() for group in groups]), np.array([0.02 / len(group) for group in groups])
    mean, variance = left_out(points, y, v)
    scale = y.std()
    found = _process.fit(points - points.mean(axis=0), (y - y.mean()) / scale, trend=False)
    untold = max(np.exp(found.logs[-1]) - (v / scale**2).mean(), 0.0)
    whole = kernel(points, found.logs)
    for i in range(len(y)):
        rest = np.delete(np.arange(len(y)), i)
        known = whole[np.ix_(rest, rest)] + np.diag(v[rest] / scale**2 + untold)
        weights = np.linalg.solve(known, whole[rest, i])
        expected = y.mean() + scale * weights @ ((y[rest] - y.mean()) / scale)
        left = scale**2 * (whole[i, i] - whole[rest, i] @ weights + untold)
        assert mean[i] == pytest.approx(expected, abs=1e-5), f"{seed=} {i=}"
        assert variance[i] == pytest.approx(left, rel=1e-3, abs=1e-7), f"{seed=} {i=}"


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
    rows, found, covariance = posterior(x, mean, np.full((len(x), 2, 2), 0.01) * np.eye(2))
    assert rows.tolist() == list(range(MOST)) and found.shape == (MOST, 2) and covariance.shape == (MOST, 2, 2)


def test_few_and_what_does_not_vary_is_left_as_it_is():
    assert len(posterior(np.zeros((7, 1)), np.zeros((7, 2)), np.zeros((7, 2, 2)))[0]) == 0
    groups = [[[1.0, 2.0]] * 2] * 9
    belief = of_repeats(groups, points=np.arange(9.0)[:, None])
    assert (belief.mean == [1.0, 2.0]).all() and (belief.deviation == 0).all()


def test_places_of_the_wrong_number_are_refused():
    with pytest.raises(SearchError, match=r"points: expected one row a configuration, shape \(2, f\), got \(1, 1\)"):
        of_repeats([[[1.0], [2.0]], [[1.0]]], points=[[0.0]])
