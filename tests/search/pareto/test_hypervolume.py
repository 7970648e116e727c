from itertools import combinations, product

import numpy as np
import pytest

from search.errors import SearchError
from search.pareto import hypervolume as module
from search.pareto.hypervolume import contributions, curve, greedy, hypervolume, is_exact

SEEDS = range(6)


def by_inclusion_and_exclusion(losses, reference):
    losses = [x for x in np.asarray(losses, dtype=float) if (x < reference).all()]
    return sum(
        (-1) ** (size + 1) * np.prod(reference - np.max(some, axis=0))
        for size in range(1, len(losses) + 1)
        for some in combinations(losses, size)
    )


def by_counting_cells(losses, side):
    """Integer losses: how many unit cells of [0, side]^m have a point at or below their lower corner."""
    return sum(
        any(all(x <= cell) for x in losses)
        for cell in (np.array(corner) for corner in product(range(side), repeat=losses.shape[1]))
    )


def sphere(n, m, seed):
    """n mutually non-dominated points."""
    points = np.abs(np.random.default_rng(seed).normal(size=(n, m)))
    return 1.05 - points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("m", [1, 2, 3, 5, 6])
def test_hypervolume_is_that_of_inclusion_and_exclusion(m, seed):
    losses = np.random.default_rng(seed).uniform(0, 1.2, (8, m))
    expected = by_inclusion_and_exclusion(losses, np.ones(m))
    assert hypervolume(losses, np.ones(m)) == pytest.approx(expected, rel=1e-9, abs=1e-12), f"{seed=}"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_hypervolume_of_tied_integers_counts_cells(m, seed):
    losses = np.random.default_rng(seed).integers(0, 5, (12, m))
    assert hypervolume(losses, np.full(m, 4.0)) == by_counting_cells(losses, 4), f"{seed=}"


def test_hypervolume_of_a_staircase_has_a_closed_form():
    n = 1000
    losses = np.stack([np.arange(n), np.arange(n)[::-1]], axis=1)
    assert hypervolume(losses, [n, n]) == n * (n + 1) / 2


def test_points_not_strictly_below_the_reference_count_for_nothing():
    assert hypervolume([[1, 0], [0, 1], [2, -5]], [1, 1]) == 0.0
    assert hypervolume(np.zeros((0, 3)), np.ones(3)) == 0.0
    assert hypervolume([[0.5], [0.25]], [1]) == 0.75


def test_the_size_rule_decides_between_exact_and_estimated(monkeypatch):
    asked = []
    exact, estimated = module.moocore.hypervolume, module.moocore.hv_approx
    monkeypatch.setattr(module.moocore, "hypervolume", lambda *a, **k: asked.append("exact") or exact(*a, **k))
    monkeypatch.setattr(module.moocore, "hv_approx", lambda *a, **k: asked.append(k["method"]) or estimated(*a, **k))
    for n, m in ((1100, 4), (50, 9), (51, 9)):
        hypervolume(sphere(n, m, seed=0), np.full(m, 1.1))
        assert set(asked) == {"exact" if is_exact(n, m) else "DZ2019-MC"}, (n, m)
        asked.clear()
    dominated = np.vstack([np.zeros((1, 9)), sphere(60, 9, seed=0) + 0.01])
    assert hypervolume(dominated, np.full(9, 2.0)) == pytest.approx(2.0**9)
    assert asked == ["exact"], "only non-dominated points count for the rule"


def test_an_estimate_is_near_the_exact_volume(monkeypatch):
    losses = sphere(40, 7, seed=1)
    exact = hypervolume(losses, np.full(7, 1.1))
    monkeypatch.setattr(module, "EXACT_POINTS", {})
    assert hypervolume(losses, np.full(7, 1.1)) == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_a_contribution_is_what_is_lost_without_the_row(m, seed):
    rng = np.random.default_rng(seed)
    for losses in (rng.uniform(0, 1.1, (15, m)), rng.integers(0, 4, (15, m)) / 3.5):
        total = hypervolume(losses, np.ones(m))
        lost = [total - hypervolume(np.delete(losses, i, axis=0), np.ones(m)) for i in range(len(losses))]
        np.testing.assert_allclose(contributions(losses, np.ones(m)), lost, atol=1e-12, err_msg=f"{seed=}")


def test_equal_and_dominated_rows_contribute_exactly_nothing():
    losses = np.repeat(sphere(5, 3, seed=0), 2, axis=0)
    assert not contributions(losses, [1.1] * 3).any()
    assert contributions(np.zeros((0, 2)), [1, 1]).shape == (0,)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("m", [1, 2, 3, 4, 6])
def test_the_curve_is_the_hypervolume_recomputed_and_never_falls(m, seed):
    rng = np.random.default_rng(seed)
    for losses in (rng.uniform(0, 1.2, (40, m)), rng.integers(0, 4, (40, m)) / 3.0):
        found = curve(losses, np.ones(m))
        expected = [hypervolume(losses[: i + 1], np.ones(m)) for i in range(len(losses))]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=f"{seed=}")
        assert (np.diff(found) >= 0).all(), f"{seed=}"


def test_the_curve_computes_no_volume_for_a_row_that_is_dominated(monkeypatch):
    asked = []
    volume = module._volume
    monkeypatch.setattr(module, "_volume", lambda *a: asked.append(a) or volume(*a))
    losses = np.vstack([[[0.0, 0.0]], np.random.default_rng(0).uniform(0, 1, (500, 2)), [[0.0, 0.0]]])
    assert curve(losses, [1, 1])[-1] == 1.0
    assert len(asked) == 1


def test_the_curve_stays_monotone_where_volumes_are_estimated(monkeypatch):
    monkeypatch.setattr(module, "EXACT_POINTS", {})
    found = curve(sphere(12, 5, seed=2), np.full(5, 1.1))
    assert (np.diff(found) >= 0).all() and found[-1] > 0


def test_an_estimate_that_exceeds_its_box_is_no_negative_gain(monkeypatch):
    monkeypatch.setattr(module, "EXACT_POINTS", {})
    points = sphere(12, 5, seed=2)
    nearly = points.copy()
    nearly[:, 0] -= 1e-9
    assert (np.diff(curve(np.vstack([points, nearly]), np.full(5, 1.1))) >= 0).all()


def test_the_curve_of_no_rows_is_empty_and_one_row_is_its_box():
    assert curve(np.zeros((0, 2)), [1, 1]).shape == (0,)
    assert curve([[0.5, 0.5]], [1, 1]).tolist() == [0.25]


@pytest.mark.parametrize("seed", SEEDS)
def test_greedy_is_optimal_for_one_pick(seed):
    rng = np.random.default_rng(seed)
    given = rng.uniform(0.4, 1, (4, 3))
    for losses in (rng.uniform(0, 1.2, (30, 3)), rng.integers(0, 4, (30, 3)) / 3.5):
        (pick,) = greedy(losses, np.ones(3), 1, given=given)
        reached = [hypervolume(np.vstack([given, x]), np.ones(3)) for x in losses]
        assert reached[pick] == pytest.approx(max(reached), rel=1e-12), f"{seed=}"


@pytest.mark.parametrize("seed", SEEDS)
def test_greedy_gains_as_much_as_recomputing_every_gain_at_every_step(seed):
    rng = np.random.default_rng(seed)
    for losses in (rng.uniform(0, 1, (25, 3)), rng.integers(0, 5, (25, 3)) / 4.5):
        picks = greedy(losses, np.ones(3), 6)
        assert len(set(picks)) == len(picks)
        front = np.zeros((0, 3))
        for pick in picks:
            best = max(hypervolume(np.vstack([front, x]), np.ones(3)) for x in losses)
            front = np.vstack([front, losses[pick]])
            assert hypervolume(front, np.ones(3)) == pytest.approx(best, rel=1e-12), f"{seed=}"


def test_greedy_does_not_recompute_every_gain(monkeypatch):
    asked = []
    gain = module._gain
    monkeypatch.setattr(module, "_gain", lambda *a: asked.append(a) or gain(*a))
    assert len(greedy(sphere(200, 3, seed=0), [1.1] * 3, 20)) == 20
    assert 20 <= len(asked) < 200 * 20 / 4


def test_greedy_takes_the_lower_row_on_ties_and_stops_when_nothing_is_gained():
    assert greedy([[0, 1], [1, 0], [0, 1]], [2, 2], 5) == [0, 1]
    assert greedy([[0, 1], [1, 0]], [2, 2], 5, given=[[0, 0]]) == []
    assert greedy([[3, 3]], [2, 2], 1) == []
    assert greedy(np.zeros((0, 2)), [2, 2], 1) == []
    assert greedy([[0, 0]], [2, 2], 0) == []


def test_what_is_given_beyond_the_reference_takes_no_gain_away():
    losses = [[0.0, 0.9], [0.5, 0.5], [0.9, 0.0]]
    beyond = [[9.0, 9.0], [-5.0, 7.0]]
    assert greedy(losses, [1, 1], 3, given=beyond) == greedy(losses, [1, 1], 3) == [1, 0, 2]


def test_adding_a_row_never_lowers_and_order_never_matters():
    rng = np.random.default_rng(3)
    losses = rng.integers(0, 6, (20, 4)) / 5.5
    whole = hypervolume(losses, np.ones(4))
    assert hypervolume(losses[:-1], np.ones(4)) <= whole
    assert hypervolume(losses[rng.permutation(20)], np.ones(4)) == pytest.approx(whole, rel=1e-12)


def test_a_reference_of_another_size_and_a_failed_trial_are_refused():
    with pytest.raises(SearchError, match=r"reference: expected one number an objective, shape \(2,\), got \(3,\)"):
        hypervolume([[0, 0]], [1, 1, 1])
    with pytest.raises(SearchError, match=r"losses row 0: expected finite numbers"):
        curve([[0, np.nan]], [1, 1])


def test_nothing_is_written_to(frozen):
    losses, reference = frozen(sphere(20, 3, seed=0)), frozen(np.full(3, 1.1))
    hypervolume(losses, reference), contributions(losses, reference), curve(losses, reference)
    greedy(losses, reference, 3, given=losses[:2])
