import numpy as np
import pytest

from search.errors import SearchError
from search.pareto.dominance import is_nondominated
from search.pareto.scalarise import augmented_chebyshev, chebyshev, linear

SEEDS = range(6)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_three_are_their_formulas(seed):
    rng = np.random.default_rng(seed)
    losses, weights, ideal = rng.normal(size=(9, 4)), rng.uniform(0, 1, 4), rng.normal(size=4)
    for i, x in enumerate(losses):
        terms = [w * (f - z) for w, f, z in zip(weights, x, ideal, strict=True)]
        assert linear(losses, weights)[i] == pytest.approx(sum(w * f for w, f in zip(weights, x, strict=True)))
        assert chebyshev(losses, weights, ideal)[i] == pytest.approx(max(terms))
        found = augmented_chebyshev(losses, weights, ideal, rho=0.1)[i]
        assert found == pytest.approx(max(terms) + 0.1 * sum(terms)), f"{seed=}"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_augmented_minimum_is_on_the_front_even_among_ties(seed):
    rng = np.random.default_rng(seed)
    losses = rng.integers(0, 4, (40, 3))
    best = augmented_chebyshev(losses, rng.uniform(0.1, 1, 3), losses.min(axis=0)).argmin()
    assert is_nondominated(losses)[best], f"{seed=}"


def test_chebyshev_reaches_a_hollow_of_the_front_that_linear_cannot():
    losses, weights = [[0, 1], [0.6, 0.6], [1, 0]], [0.5, 0.5]
    assert chebyshev(losses, weights, [0, 0]).argmin() == 1
    assert linear(losses, weights).argmin() != 1


def test_no_rows_and_one_objective_work():
    assert linear(np.zeros((0, 2)), [1, 1]).shape == (0,)
    assert chebyshev(np.zeros((0, 2)), [1, 1], [0, 0]).shape == (0,)
    assert augmented_chebyshev([[2.0]], [1.0], [1.0]).tolist() == [1.05]


@pytest.mark.parametrize("weights", [[-1, 2], [0, 0]])
def test_weights_that_prefer_nothing_or_the_worse_are_refused(weights):
    with pytest.raises(SearchError, match=r"weights: expected numbers >= 0, not all zero, got \["):
        linear([[1, 2]], weights)


def test_sizes_must_match():
    with pytest.raises(SearchError, match=r"weights: expected one number an objective, shape \(2,\), got \(1,\)"):
        linear([[1, 2]], [1])
    with pytest.raises(SearchError, match=r"ideal: expected one number an objective, shape \(2,\), got \(3,\)"):
        chebyshev([[1, 2]], [1, 1], [0, 0, 0])
