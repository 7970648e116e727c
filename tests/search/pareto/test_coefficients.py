"""Searches of coefficients: what holds for each of them, and what for the parts that they share."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from search import components
from search.errors import SearchError
from search.pareto.coefficients import Seen, bayesian_map, cma_es, kriging, nested_map, outputs
from search.pareto.coefficients import map as plain
from search.pareto.coefficients._design import FIRST, design
from search.pareto.coefficients._screen import front, promising
from search.pareto.hypervolume import greedy, hypervolume
from search.pareto.surrogate.quadratic import fit

SEEDS = range(4)
ALL = components.names("coefficients")
PREDICT = [name for name in ALL if hasattr(importlib.import_module(f"search.pareto.coefficients.{name}"), "surrogate")]
THRESHOLDS = np.linspace(0.03, 0.97, 40)


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
    np.testing.assert_array_equal(found[k], np.full(k, 1 / k))
    if not simplex and k > 2:
        np.testing.assert_array_equal(found[k + 1], np.full(k, 0.5))
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


def said(points):
    """(n, k) -> (n, p): what models say that are merged so, smooth in the coefficients."""
    smooth = np.hstack([points, points**2, np.sin(points.sum(axis=1, keepdims=True))])
    return smooth.astype(np.float32)


def measured(rows):
    """(n, p) -> (n, m): the bowls, which are nowhere flat."""
    k = (rows.shape[1] - 1) // 2
    return bowls(rows[:, :k].astype(np.float64))


def counted(rows):
    """(n, p) -> (n, m): shares of examples that a model gets wrong, which jump."""
    k = (rows.shape[1] - 1) // 2
    return (rows[:, :k, None] ** 2 < THRESHOLDS).mean(axis=2)


def told(points, *, simplex=False, measure=measured, seed=0, evaluations=30, **more):
    points = np.asarray(points, dtype=float)
    k = points.shape[1]
    return Seen(
        coefficients=points, losses=measure(said(points)), reference=np.full(k, 2.0), simplex=simplex, seed=seed,
        free=k, evaluations=evaluations, outputs=said(points), measure=measure, **more,
    )  # fmt: skip


def walked(name, k, *, q=2, **known):
    """What a search has seen at its end, from the models on."""
    search = importlib.import_module(f"search.pareto.coefficients.{name}")
    seen = told(np.eye(k), **known)
    while (left := seen.evaluations + k - len(seen.coefficients)) > 0:
        found = search.propose(seen, min(q, left))
        if not len(found):
            break
        assert len(found) <= min(q, left)
        seen = told(np.vstack([seen.coefficients, found]), **known)
    return seen


def reached(seen, measure=measured):
    """The share of the hypervolume that as many of the best merges hold together."""
    k = seen.k
    dense = np.vstack([np.eye(k), design(k, 3000, simplex=True, seed=99)])
    if not seen.simplex:
        dense = np.vstack([dense, design(k, 3000, simplex=False, seed=99)])
    best = measure(said(dense))
    rows = greedy(best, seen.reference, len(seen.coefficients))
    return hypervolume(seen.losses, seen.reference) / hypervolume(best[rows], seen.reference)


@pytest.mark.parametrize("simplex", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_a_search_asks_for_new_merges_inside_within_its_budget_and_says_the_same_again(name, simplex):
    seen = walked(name, 3, simplex=simplex, seed=1, evaluations=14)
    points = seen.coefficients
    assert 3 < len(points) <= 17 and (points >= 0).all() and (points <= 1).all()
    if simplex:
        np.testing.assert_allclose(points.sum(axis=1), 1.0, atol=1e-9)
    distance = np.linalg.norm(points[:, None] - points, axis=2)[np.triu_indices(len(points), 1)]
    assert distance.min() > 1e-7
    np.testing.assert_array_equal(points, walked(name, 3, simplex=simplex, seed=1, evaluations=14).coefficients)


@pytest.mark.parametrize("name", ALL)
def test_a_merge_that_failed_is_not_asked_again(name):
    search, seen = importlib.import_module(f"search.pareto.coefficients.{name}"), told(np.eye(2))
    for turn in range(12):
        if not len(found := search.propose(seen, 1)):
            break
        assert np.linalg.norm(seen.tried - found, axis=1).min() > 1e-7
        failed = seen.failed.reshape(-1, 2)
        if turn == 5:
            seen = replace(seen, failed=found)
        else:
            seen = told(np.vstack([seen.coefficients, found]), failed=failed)
    assert len(seen.failed)


@pytest.mark.parametrize("simplex", [False, True])
@pytest.mark.parametrize("name", PREDICT)
def test_a_search_that_predicts_reaches_more_of_the_front_than_an_even_design(name, simplex):
    found = reached(walked(name, 3, simplex=simplex))
    assert found > (0.93 if "map" in name else 0.98)  # half of what MAP evaluates is its design
    if not simplex:  # there the even design is nearly the best front
        assert found > reached(told(design(3, 33, simplex=False, seed=0))) + 0.02


def test_outputs_foresee_a_count_of_errors_that_no_surrogate_of_the_count_does():
    seen = told(design(2, 16, simplex=False, seed=0), measure=counted)
    fresh = design(2, 200, simplex=False, seed=7)[4:]
    truth = counted(said(fresh))
    errors = {each: np.abs(each.surrogate(seen).predict(fresh) - truth).mean() for each in (outputs, kriging, plain)}
    assert errors[outputs] < 0.25 * errors[kriging] and errors[outputs] < 0.25 * errors[plain]


@pytest.mark.parametrize("simplex", [False, True])
def test_what_outputs_predict_of_left_out_rows_is_what_a_fit_without_them_predicts(simplex):
    points = design(3, 14, simplex=simplex, seed=2)
    rows = said(points)
    whole = outputs.Smoother(points, rows, simplex=simplex, quadratic=True)
    for out in (0, 7, 13):
        kept = np.arange(14) != out
        alone = outputs.Smoother(points[kept], rows[kept], simplex=simplex, quadratic=True, lengths=[whole.length])
        expected = rows[out] - (alone.weights(points[[out]]) @ rows[kept])[0]
        np.testing.assert_allclose((whole.left_out @ rows)[out], expected, atol=1e-4)


def test_without_outputs_their_search_says_what_it_needs():
    with pytest.raises(SearchError, match=r"outputs: expected the outputs of every evaluated merge"):
        outputs.propose(replace(told(design(2, 9, simplex=False, seed=0)), outputs=None), 1)


@pytest.mark.parametrize("search", [plain, bayesian_map])
def test_a_quadratic_says_at_once_how_many_evaluations_it_needs(search):
    expected = r"evaluations: expected at least 7, since a quadratic in 3 coefficients has 10 terms, got 6"
    with pytest.raises(SearchError, match=expected):
        search.propose(told(np.eye(3), evaluations=6), 2)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_angles_and_directions_are_inverse(k):
    points = design(k, 50, simplex=False, seed=3)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    np.testing.assert_allclose(bayesian_map._direction(bayesian_map._angles(points)), unit, atol=1e-12)


def test_a_tournament_ends_with_a_good_model_of_each_preference():
    seen = walked("nested_map", 3, evaluations=60)
    assert (
        seen.losses.sum(axis=1).min() < 1.05 * bowls(np.full((1, 3), 1 / 3)).sum() < seen.losses[:3].sum(axis=1).min()
    )
    assert len(nested_map.propose(seen, 1)) == 0


def test_evolution_finds_a_good_mean_of_all_losses():
    seen = walked("cma_es", 3, evaluations=60)
    assert seen.losses.mean(axis=1).min() < 1.02 * bowls(np.full((1, 3), 1 / 3)).mean()
    assert seen.losses.mean(axis=1).min() < seen.losses[:3].mean(axis=1).min()
    assert len(cma_es.propose(seen, 4)) > 0


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("simplex", [False, True])
@pytest.mark.parametrize("k", [2, 3])
def test_proposals_add_most_of_what_the_best_new_merges_could(k, simplex, seed):
    seen = told(design(k, 12, simplex=simplex, seed=seed), simplex=simplex, seed=seed)
    found = promising(plain.surrogate(seen).predict, seen, 4)
    dense = bowls(design(k, 2000, simplex=True, seed=99))  # the Pareto set
    best = dense[greedy(dense, seen.reference, 4, given=seen.losses)]
    start = hypervolume(seen.losses, seen.reference)
    gained = hypervolume(np.vstack([seen.losses, bowls(found)]), seen.reference) - start
    assert gained > 0.95 * (hypervolume(np.vstack([seen.losses, best]), seen.reference) - start) > 0, f"{seed=}"


def test_what_is_given_is_gained_upon_and_where_nothing_is_gained_the_farthest_come():
    seen = told(design(2, 9, simplex=False, seed=0))
    beaten = replace(seen, given=np.array([[-1.0, -1.0]]))
    found = promising(plain.surrogate(seen).predict, beaten, 3)
    assert len(np.unique(found, axis=0)) == 3
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=0.1)
    half = replace(seen, given=bowls(np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]])))
    assert (promising(plain.surrogate(seen).predict, half, 3)[:, 0] < 0.6).all()


def test_a_predicted_front_is_of_untried_merges_that_hold_most_together():
    seen = told(design(2, 9, simplex=True, seed=0), simplex=True)
    found = front(plain.surrogate(seen).predict, seen, 20)
    assert len(found) == 20
    dense = bowls(design(2, 2000, simplex=True, seed=1))
    best = hypervolume(dense[greedy(dense, seen.reference, 20)], seen.reference)
    assert hypervolume(bowls(found), seen.reference) > 0.99 * best


def test_lines_between_corners_are_screened_though_no_sobol_point_hits_them():
    def sharp(points):
        """Good only on the middle of one edge."""
        here = np.linalg.norm(points - [0.5, 0.5, 0.0], axis=1, keepdims=True) < 1e-3
        return np.where(here, 0.0, 0.9).repeat(3, axis=1)

    found = promising(sharp, told(np.eye(3), simplex=True), 1)
    np.testing.assert_allclose(found, [[0.5, 0.5, 0.0]], atol=1e-3)


def test_a_search_that_fits_after_every_batch_begins_with_few_points():
    seen = walked("outputs", 3, evaluations=FIRST)
    np.testing.assert_array_equal(seen.coefficients, design(3, 3 + FIRST, simplex=False, seed=0))
