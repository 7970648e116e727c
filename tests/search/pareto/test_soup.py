import numpy as np
import pytest

from search.errors import SearchError
from search.pareto.soup import greedy


def by_definition(losses, evaluate):
    """Recipe 1 of the paper."""
    ingredients = []
    for member in sorted(range(len(losses)), key=lambda i: losses[i]):
        without = np.isin(range(len(losses)), ingredients).astype(float)
        tried = np.isin(range(len(losses)), [*ingredients, member]).astype(float)
        if not ingredients or evaluate(tried / tried.sum()) <= evaluate(without / without.sum()):
            ingredients.append(member)
    soup = np.isin(range(len(losses)), ingredients).astype(float)
    return soup / soup.sum()


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_recipe_of_the_paper(seed, ties):
    rng = np.random.default_rng(seed)
    members, target = rng.integers(0, 3, (6, 2)) if ties else rng.standard_normal((6, 2)), rng.standard_normal(2)
    asked = []

    def evaluate(c):
        asked.append(c)
        return float(((c @ members - target) ** 2).sum().round(9))

    losses = [evaluate(corner) for corner in np.eye(6)]
    asked.clear()
    found, loss = greedy(losses, evaluate)
    assert len(asked) == 5 and all(c.sum() == pytest.approx(1.0) for c in asked)
    np.testing.assert_allclose(found, by_definition(losses, evaluate), err_msg=f"{seed=}")
    assert loss == evaluate(found) <= min(losses)


def test_a_member_that_changes_nothing_stays():
    found, loss = greedy([2.0, 2.0, 5.0], lambda c: 2.0 + c[2])
    assert found.tolist() == [0.5, 0.5, 0.0] and loss == 2.0


def test_a_merge_without_a_loss_is_not_taken():
    found, loss = greedy([2.0, 1.0], lambda c: float("nan"))
    assert found.tolist() == [0.0, 1.0] and loss == 1.0


def test_one_member_is_its_own_soup_and_asks_nothing():
    found, loss = greedy([3.0], lambda c: pytest.fail("asked"))
    assert found.tolist() == [1.0] and loss == 3.0


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ([], r"losses: expected at least one member, got 0"),
        ([1.0, float("nan")], r"losses row 1: expected finite numbers, got nan"),
        ([[1.0, 2.0]], r"losses: expected one number an objective, shape \(2,\), got \(1, 2\)"),
    ],
)
def test_losses_that_are_none_are_refused(losses, message):
    with pytest.raises(SearchError, match=message):
        greedy(losses, lambda c: 0.0)
