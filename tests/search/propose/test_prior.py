"""What is expected of points: the space's own density, at features, and forgotten as data come."""

import numpy as np
import pytest
import torch

from search import grammar
from search.propose import ehvi
from search.propose._features import Layout
from search.propose._prior import STRENGTH, expected
from search.space import Space
from tests.search.propose.worlds import MIXED, REAL, finished

TABLE = {
    "learning_rate": {"low": 1e-4, "high": 1.0, "log": True, "prior": {"center": 3e-3, "factor": 3}},
    "depth": {"low": 1, "high": 40, "integer": True},
    "momentum": {"low": 0.0, "high": 1.0, "prior": {"center": 0.9, "spread": 0.05}},
    "weights": {"simplex": ["a", "b", "c"], "prior": {"center": {"a": 0.5, "b": 0.4, "c": 0.1}, "concentration": 8}},
    "optimizer": {
        "choice": ["sgd", "adam"], "prior": {"adam": 3},
        "adam": {"beta": {"low": 0.8, "high": 1.0, "prior": {"center": 0.95, "spread": 0.02}}},
    },
}  # fmt: skip


def space(table=TABLE) -> Space:
    return grammar.read(table, {}, origin="here", file="here")


def test_it_is_the_density_of_the_space() -> None:
    made, rng = space(), np.random.default_rng(0)
    several = [made.sample(rng) for _ in range(40)]
    found = expected(Layout(made), 1)(Layout(made)(several)) / STRENGTH
    np.testing.assert_allclose(found.numpy(), [made.log_prior(params) for params in several], rtol=1e-6, atol=1e-6)
    assert {"optimizer.adam.beta" in params for params in several} == {True, False}


def test_it_is_forgotten_as_trials_come() -> None:
    layout = Layout(space())
    at = layout([space().sample(np.random.default_rng(1))])
    torch.testing.assert_close(expected(layout, 50)(at), expected(layout, 5)(at) / 10.0)


def test_without_priors_nothing_is_expected() -> None:
    assert expected(Layout(MIXED), 3) is None


@pytest.mark.parametrize("center", [0.2, 0.8])
def test_a_young_search_goes_where_good_values_are_expected(center: float) -> None:
    """x0 does nothing, so nothing but the prior tells it."""
    table = {f"x{i}": {"low": 0.0, "high": 1.0} for i in range(4)}
    table["x0"]["prior"] = {"center": center, "spread": 0.05}
    made, rng = space(table), np.random.default_rng(0)
    trials = [finished(i, p := REAL.sample(rng), (p["x1"], 1.0 - p["x1"] + p["x2"])) for i in range(8)]
    asked = ehvi.propose(made, trials, 4, seed=0, reference=np.array([2.0, 2.0]), draws=16)
    assert all(abs(params["x0"] - center) < 0.15 for params in asked)
