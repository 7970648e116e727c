import moocore
import numpy as np
import pytest

from search.errors import SearchError
from search.pareto import dominance
from search.pareto.dominance import constrained_ranks, crowding, feasible_front, is_nondominated, order, ranks

SEEDS = range(8)


def dominates(x, y):
    return bool((x <= y).all() and (x < y).any())


def front_by_definition(losses):
    return np.array([not any(dominates(y, x) for y in losses) for x in losses], dtype=bool)


def ranks_by_definition(losses):
    found, left, rank = np.full(len(losses), -1), np.arange(len(losses)), 0
    while len(left):
        front = front_by_definition(losses[left])
        found[left[front]], left, rank = rank, left[~front], rank + 1
    return found


def samples(seed):
    """Continuous points, then integer grids coarse enough that most values, and some rows, repeat."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 60)), int(rng.integers(1, 7))
    return rng.normal(size=(n, m)), rng.integers(0, 3, (n, m)).astype(float), rng.integers(-1, 2, (n, m))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_front_is_the_one_of_the_definition_with_and_without_ties(seed):
    for losses in samples(seed):
        expected = front_by_definition(np.asarray(losses, dtype=float))
        np.testing.assert_array_equal(is_nondominated(losses), expected, err_msg=f"{seed=}")


@pytest.mark.parametrize("seed", SEEDS)
def test_without_ties_the_first_of_equal_rows_stays(seed):
    for losses in samples(seed):
        first = np.array([not (losses[:i] == row).all(axis=1).any() for i, row in enumerate(losses)])
        expected = front_by_definition(losses) & first
        np.testing.assert_array_equal(is_nondominated(losses, keep_ties=False), expected, err_msg=f"{seed=}")


@pytest.mark.parametrize("seed", SEEDS)
def test_ranks_peel_one_front_after_another(seed):
    for losses in samples(seed):
        np.testing.assert_array_equal(ranks(losses), ranks_by_definition(losses), err_msg=f"{seed=}")


def test_the_front_and_the_ranks_come_from_moocore(monkeypatch):
    asked = []
    monkeypatch.setattr(
        dominance.moocore,
        "is_nondominated",
        lambda x, keep_weakly: asked.append(keep_weakly) or np.ones(len(x), bool),
    )
    monkeypatch.setattr(dominance.moocore, "pareto_rank", lambda x: asked.append("ranks") or np.zeros(len(x)))
    is_nondominated([[1.0, 2.0]])
    is_nondominated([[1.0, 2.0]], keep_ties=False)
    ranks([[1.0, 2.0]])
    assert asked == [True, False, "ranks"]


def test_a_zero_of_either_sign_is_the_same_loss():
    losses = [[0.0, -0.0], [-0.0, 0.0], [0.0, 1.0]]
    assert is_nondominated(losses).tolist() == [True, True, False]
    assert ranks(losses).tolist() == [0, 0, 1]


@pytest.mark.parametrize("m", [1, 2, 5])
def test_no_rows_have_an_empty_front_and_one_row_is_its_own(m):
    for found in (is_nondominated, ranks, crowding):
        assert found(np.zeros((0, m))).shape == (0,)
    assert is_nondominated(np.zeros((1, m))).tolist() == [True]
    assert ranks(np.zeros((1, m))).tolist() == [0]
    assert crowding(np.zeros((1, m))).tolist() == [np.inf]


def test_one_objective_has_its_minima_as_front():
    assert is_nondominated([[2], [1], [1]]).tolist() == [False, True, True]
    assert ranks([[2], [1], [3], [1]]).tolist() == [1, 0, 2, 0]


def test_a_failed_trial_is_refused_by_row():
    with pytest.raises(
        SearchError, match=r"losses row 1: expected finite numbers, got \[nan, 2\.0\].*leave its row out"
    ):
        is_nondominated([[1, 2], [np.nan, 2]])
    with pytest.raises(SearchError, match=r"losses row 0: expected finite numbers, got \[inf\]"):
        ranks([[np.inf]])
    with pytest.raises(SearchError, match=r"losses: expected one row a point, shape \(n, m\), got \(2,\)"):
        crowding([1, 2])
    with pytest.raises(SearchError, match=r"losses: expected an array of numbers, got "):
        crowding([[1, 2], [1]])


def crowding_by_definition(losses):
    n, m = losses.shape
    found = np.zeros(n)
    for j in range(m):
        order = sorted(range(n), key=lambda i: (losses[i, j], i))
        width = losses[order[-1], j] - losses[order[0], j]
        if width == 0:
            continue
        for place, i in enumerate(order):
            ends = place in (0, n - 1)
            found[i] += np.inf if ends else (losses[order[place + 1], j] - losses[order[place - 1], j]) / width
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_crowding_is_the_one_of_nsga_ii(seed):
    for losses in samples(seed):
        if len(losses) >= 3:
            expected = crowding_by_definition(np.asarray(losses, dtype=float))
            np.testing.assert_allclose(crowding(losses), expected, rtol=1e-12, err_msg=f"{seed=}")


def test_crowding_knows_no_unit_and_ignores_what_does_not_vary():
    losses = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_allclose(crowding(losses * [1, 1e6, 1e-6] + [0, 5, -5]), crowding(losses), rtol=1e-6)
    np.testing.assert_array_equal(crowding(np.hstack([losses, np.ones((20, 1))])), crowding(losses))
    assert crowding(np.ones((4, 2))).tolist() == [0.0] * 4


@pytest.mark.parametrize("seed", SEEDS)
def test_the_feasible_front_is_the_front_of_the_feasible(seed):
    rng = np.random.default_rng(seed)
    losses, violations = rng.integers(0, 4, (30, 3)), rng.integers(-2, 2, (30, 2))
    kept = (violations <= 0).all(axis=1)
    mask, feasible = feasible_front(losses, violations)
    assert feasible and not mask[~kept].any(), f"{seed=}"
    np.testing.assert_array_equal(mask[kept], front_by_definition(losses[kept]), err_msg=f"{seed=}")


def test_the_least_violation_stands_in_where_nothing_is_feasible():
    mask, feasible = feasible_front([[9], [0], [5]], [[0.5, -9.0], [0.5, 0.5], [0.25, 0.25]])
    assert mask.tolist() == [True, False, True], "what is kept with room to spare does not make up for what is broken"
    assert not feasible


def test_without_limits_or_rows_the_feasible_front_is_the_plain_one():
    mask, feasible = feasible_front([[1, 1], [0, 0]], np.zeros((2, 0)))
    assert mask.tolist() == [False, True] and feasible
    mask, feasible = feasible_front(np.zeros((0, 2)), np.zeros((0, 1)))
    assert mask.shape == (0,) and not feasible


def test_limits_must_match_the_losses():
    with pytest.raises(SearchError, match=r"violations: expected one row for each of 2 losses, got \(1, 1\)"):
        feasible_front([[1], [2]], [[0]])
    with pytest.raises(SearchError, match=r"violations row 0: expected finite numbers, got \[nan\]"):
        feasible_front([[1]], [[np.nan]])


def test_nothing_is_written_to(frozen):
    losses = frozen(np.random.default_rng(0).normal(size=(10, 3)))
    is_nondominated(losses), ranks(losses), crowding(losses), feasible_front(losses, losses)


def test_moocore_still_drops_equal_points_unless_told():
    """The trap that ``keep_ties`` names: should it close, the argument can be passed on as it is."""
    assert moocore.is_nondominated(np.zeros((2, 2))).tolist() == [True, False]


@pytest.mark.parametrize("seed", SEEDS)
def test_constrained_ranks_are_those_of_constrained_domination(seed):
    for losses in samples(seed):
        losses = np.asarray(losses, dtype=float)
        violations = np.random.default_rng([seed, 1]).integers(-1, 2, (len(losses), 2)).astype(float)
        excess = np.maximum(violations, 0.0).sum(axis=1)
        rows = np.column_stack([excess, np.where(excess[:, None] > 0.0, 0.0, losses)])
        left, rank, expected = list(range(len(rows))), 0, np.full(len(rows), -1)
        while left:
            least = min(rows[i][0] for i in left)
            near = [i for i in left if rows[i][0] == least]
            front = [i for i in near if not any(dominates(rows[j], rows[i]) for j in near)]
            expected[front], left, rank = rank, [i for i in left if i not in front], rank + 1
        np.testing.assert_array_equal(constrained_ranks(losses, violations), expected, err_msg=f"{seed=}")


def test_the_order_is_by_rank_and_then_the_less_crowded_first():
    losses = np.array([[0.0, 4.0], [1.0, 3.0], [1.2, 2.8], [4.0, 0.0], [5.0, 5.0], [0.0, 0.0]])
    limits = np.array([[0.0], [0.0], [0.0], [0.0], [0.0], [1.0]])
    assert order(losses, limits).tolist() == [0, 3, 2, 1, 4, 5]
    assert order(losses, np.zeros((6, 0))).tolist()[0] == 5
    assert order(losses[:0], limits[:0]).tolist() == order(losses[:0], np.zeros((0, 0))).tolist() == []
