"""Up a slope in a structured space."""

import numpy as np
import torch
from torch import Tensor

from search.grammar.constraints import constrained
from search.propose._climb import climb
from search.propose._features import Layout
from tests.search.propose.worlds import FINITE, MIXED, REAL


def hill(top: Tensor):
    return lambda points: -((points - top) ** 2).sum(dim=1)


def test_it_reaches_the_top_of_a_hill() -> None:
    rng = np.random.default_rng(0)
    starts = [REAL.sample(rng) for _ in range(5)]
    top = {"x0": 0.3, "x1": 0.9, "x2": 1.0, "x3": 0.0}
    for params in climb(REAL, starts, hill(Layout(REAL)([top])), steps=50):
        np.testing.assert_allclose(list(params.values()), list(top.values()), atol=1e-4)


def test_it_stops_at_the_walls_and_at_the_faces_of_the_simplex() -> None:
    rng = np.random.default_rng(1)
    top = Layout(MIXED)([MIXED.sample(rng)]) * 0.0
    top[:, -3] = 2.0  # the first weight; the others are pulled below 0
    top[:, -5] = 3.0  # the learning rate
    for params in climb(MIXED, [MIXED.sample(rng) for _ in range(4)], hill(top), steps=60):
        assert MIXED.validate(params, where="here") == params
        assert params["weights.labels"] > 0.99 and abs(params["learning_rate"] - 1.0) < 1e-6


def test_what_is_not_continuous_and_what_is_not_there_stays() -> None:
    rng = np.random.default_rng(2)
    starts = [MIXED.sample(rng) for _ in range(12)]
    assert {start["divergence"] for start in starts} == {"alpha", "forward_kl"}
    reached = climb(MIXED, starts, hill(torch.full((1, 8), 0.6, dtype=torch.float64)), steps=20)
    for start, params in zip(starts, reached, strict=True):
        assert list(params) == list(start)
        assert (params["divergence"], params["depth"]) == (start["divergence"], start["depth"])
        assert params["learning_rate"] != start["learning_rate"]
        if "divergence.alpha.order" in start:
            assert abs(params["divergence.alpha.order"] - 0.8) < 1e-3  # 0.6 of [-1, 2]


def test_a_space_without_anything_continuous_is_left_alone() -> None:
    starts = [FINITE.sample(np.random.default_rng(0))]
    assert climb(FINITE, starts, hill(torch.zeros(1, 4)), steps=5) == starts


def test_no_gain_anywhere_is_no_hindrance() -> None:
    starts = [REAL.sample(np.random.default_rng(0))]
    (params,) = climb(REAL, starts, lambda points: 0.0 * points.sum(dim=1), steps=5)
    np.testing.assert_allclose(list(params.values()), list(starts[0].values()), rtol=1e-12)


def test_it_stops_at_a_constraint_and_not_before() -> None:
    """Straight towards (1, 1, 1, 1) from the middle, until the sum of the first two is 1.5."""
    space = constrained(REAL, ["x0 + x1 <= 1.5"], file="here")
    start = dict.fromkeys(("x0", "x1", "x2", "x3"), 0.5)
    (params,) = climb(space, [start], hill(torch.ones(1, 4, dtype=torch.float64)), steps=50)
    assert space.feasible(params)
    np.testing.assert_allclose(list(params.values()), [0.75] * 4, atol=1e-4)
