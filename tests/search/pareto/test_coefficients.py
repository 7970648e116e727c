from types import SimpleNamespace

import numpy as np
import pytest

from search.errors import SearchError
from search.pareto.coefficients import design, propose
from search.pareto.hypervolume import greedy, hypervolume
from search.pareto.surrogate.quadratic import fit

SEEDS = range(4)


def bowls(points):
    """One loss a model: the squared distance to that model's corner. Their Pareto set is the simplex."""
    points = np.asarray(points)
    return ((points[:, None] - np.eye(points.shape[1])) ** 2).sum(axis=2)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [2, 3, 8])
@pytest.mark.parametrize("simplex", [False, True])
def test_a_design_is_the_models_the_centre_and_then_points_inside(simplex, k, seed):
    found = design(k, 40, simplex=simplex, seed=seed)
    assert found.shape == (40, k) and (found >= 0).all() and (found <= 1).all()
    np.testing.assert_array_equal(found[:k], np.eye(k))
    np.testing.assert_array_equal(found[k], np.full(k, 1 / k if simplex else 0.5))
    if simplex:
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
    assert len(np.unique(found.round(9), axis=0)) == 40, f"{seed=}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [2, 4, 8])
@pytest.mark.parametrize("simplex", [False, True])
def test_a_design_of_as_many_points_as_terms_determines_a_quadratic(simplex, k, seed):
    n = k * (k + 1) // 2 if simplex else (k + 1) * (k + 2) // 2
    points = design(k, n, simplex=simplex, seed=seed)
    assert fit(points, bowls(points)).simplex == simplex


@pytest.mark.parametrize("k", [2, 3, 5])
def test_points_on_the_simplex_are_uniform(k):
    """Each share of a uniform point on the simplex is Beta(1, k - 1): P(share > x) = (1 - x)^(k - 1)."""
    inside = design(k, 4096 + k + 1, simplex=True, seed=0)[k + 1 :]
    for x in (0.1, 0.4, 0.7):
        np.testing.assert_allclose((inside > x).mean(axis=0), (1 - x) ** (k - 1), atol=0.01)


def test_a_design_is_cut_where_few_points_are_asked_for():
    np.testing.assert_array_equal(design(3, 2, simplex=True, seed=0), np.eye(3)[:2])
    assert design(3, 0, simplex=False, seed=0).shape == (0, 3)
    assert design(1, 3, simplex=False, seed=0)[:2].tolist() == [[1.0], [0.5]]


def test_a_seed_repeats_and_another_one_differs():
    np.testing.assert_array_equal(design(3, 9, simplex=True, seed=4), design(3, 9, simplex=True, seed=4))
    assert (design(3, 9, simplex=True, seed=4)[4:] != design(3, 9, simplex=True, seed=5)[4:]).any()


def test_too_few_models_are_refused():
    with pytest.raises(SearchError, match=r"models: expected at least 2 to merge, got 1"):
        design(1, 3, simplex=True, seed=0)
    with pytest.raises(SearchError, match=r"models: expected at least 1 to merge, got 0"):
        design(0, 3, simplex=False, seed=0)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("simplex", [False, True])
@pytest.mark.parametrize("k", [2, 3])
def test_proposals_add_most_of_what_the_best_new_merges_could(k, simplex, seed):
    known = design(k, 12, simplex=simplex, seed=seed)
    given, reference = bowls(known), np.full(k, 2.0)
    found = propose(fit(known, given), 4, simplex=simplex, seed=seed, given=given, reference=reference)
    dense = bowls(design(k, 2000, simplex=True, seed=99))  # the Pareto set
    best = dense[greedy(dense, reference, 4, given=given)]
    start = hypervolume(given, reference)
    reached = hypervolume(np.vstack([given, bowls(found)]), reference) - start
    assert reached > 0.95 * (hypervolume(np.vstack([given, best]), reference) - start) > 0, f"{seed=}"


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("simplex", [False, True])
def test_proposals_are_inside_distinct_and_new_round_after_round(simplex, seed):
    known = design(3, 12, simplex=simplex, seed=seed)
    for _ in range(3):
        losses = bowls(known)
        found = propose(fit(known, losses), 5, simplex=simplex, seed=seed, given=losses, reference=[2.0] * 3)
        assert found.shape == (5, 3) and (found >= 0).all() and (found <= 1).all()
        if simplex:
            np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
        known = np.vstack([known, found])
        distance = np.linalg.norm(known[:, None] - known, axis=2)[np.triu_indices(len(known), 1)]
        assert distance.min() > 1e-6, f"{seed=}"


@pytest.mark.parametrize("simplex", [False, True])
def test_the_best_merge_is_not_proposed_again(simplex):
    known = design(2, 9, simplex=simplex, seed=0)
    surrogate = fit(known, bowls(known)[:, :1])  # best at the first model, which was evaluated
    (found,) = propose(surrogate, 1, simplex=simplex, seed=0, given=None, reference=[2.0])
    distance = np.linalg.norm(found - [1.0, 0.0])
    assert 1e-6 < distance < 0.1


@pytest.mark.parametrize("simplex", [False, True])
def test_the_same_seed_proposes_the_same(simplex):
    known = design(2, 9, simplex=simplex, seed=0)
    ask = dict(simplex=simplex, seed=3, given=None, reference=[2.0, 2.0])
    surrogate = fit(known, bowls(known))
    np.testing.assert_array_equal(propose(surrogate, 3, **ask), propose(surrogate, 3, **ask))


def test_where_nothing_is_gained_the_farthest_of_the_predicted_front_come():
    known = design(2, 9, simplex=False, seed=0)
    unbeatable = np.array([[-1.0, -1.0]])
    found = propose(fit(known, bowls(known)), 3, simplex=False, seed=0, given=unbeatable, reference=[2.0, 2.0])
    assert len(np.unique(found, axis=0)) == 3
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=0.1)


def test_where_the_predicted_front_is_one_point_others_come_too():
    known = design(2, 9, simplex=False, seed=0)
    same = np.repeat(bowls(known)[:, :1], 2, axis=1)
    found = propose(fit(known, same), 4, simplex=False, seed=0, given=None, reference=[2.0, 2.0])
    assert len(np.unique(found, axis=0)) == 4


def test_any_surrogate_that_predicts_will_do_and_its_lines_between_corners_are_screened():
    def sharp(points):
        """Good only on the middle of one edge, which no Sobol point hits."""
        here = np.linalg.norm(points - [0.5, 0.5, 0.0], axis=1, keepdims=True) < 1e-3
        return np.where(here, 0.0, 0.9).repeat(2, axis=1), np.ones((len(points), 2))

    surrogate = SimpleNamespace(coefficients=np.eye(3), predict=sharp)
    found = propose(surrogate, 1, simplex=True, seed=0, given=None, reference=[1.0, 1.0])
    np.testing.assert_allclose(found, [[0.5, 0.5, 0.0]], atol=1e-12)


def test_more_proposals_than_candidates_are_refused():
    known = design(2, 9, simplex=True, seed=0)
    with pytest.raises(SearchError, match=r"q: expected at most \d+ new merges, got 100000"):
        propose(fit(known, bowls(known)), 100_000, simplex=True, seed=0, given=None, reference=[2.0, 2.0])
