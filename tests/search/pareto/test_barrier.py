import numpy as np
import pytest
import torch

from search.errors import SearchError
from search.pareto.barrier import barrier
from search.pareto.merge.linear import merge


def line(loss):
    return lambda c: loss(c[1])


def test_a_bump_between_equal_ends_is_found_where_it_is():
    assert barrier(line(lambda t: t**2 * (1 - t) * 27 / 4 + 2), points=31) == pytest.approx((1.0, 2 / 3), abs=1e-3)


def test_the_ends_are_taken_off_in_proportion():
    assert barrier(line(lambda t: 3 + 5 * t))[0] == pytest.approx(0.0, abs=1e-12)
    assert barrier(line(lambda t: 3 + 5 * t + np.sin(np.pi * t))) == (pytest.approx(1.0), 0.5)


@pytest.mark.parametrize("seed", range(5))
def test_a_convex_loss_has_none(seed):
    first, second, target = np.random.default_rng(seed).standard_normal((3, 4))
    height, _ = barrier(lambda c: float(((c[0] * first + c[1] * second - target) ** 2).sum()))
    assert height < 0.0, f"{seed=}"


def test_between_a_network_and_itself_there_is_none_but_with_its_units_permuted_there_is():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 5, generator=generator)
    net = {"in": torch.randn(20, 5, generator=generator), "out": torch.randn(3, 20, generator=generator)}
    order = torch.randperm(20, generator=generator)
    same = {"in": net["in"][order], "out": net["out"][:, order]}

    def answers(model):
        return (inputs @ model["in"].T).relu() @ model["out"].T

    def between(first, second):
        return barrier(lambda c: float((answers(merge(None, [first, second], c)) - answers(net)).square().mean()))

    assert abs(between(net, net)[0]) < 1e-9
    assert between(net, same)[0] > 1.0


def test_a_model_between_that_has_no_loss_is_a_barrier_without_end():
    assert barrier(line(lambda t: float("nan") if 0.25 < t < 0.35 else 1.0)) == (float("inf"), pytest.approx(0.3))


def test_each_point_is_asked_once():
    asked = []
    barrier(lambda c: asked.append(c) or 0.0, points=5)
    np.testing.assert_allclose(asked, [[1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1]])


def test_what_has_no_between_or_no_ends_is_refused():
    with pytest.raises(SearchError, match=r"points: expected at least 3, both ends and one between them, got 2"):
        barrier(lambda c: 0.0, points=2)
    with pytest.raises(SearchError, match=r"evaluate: expected finite losses of both models, got \[inf, 1\.0\]"):
        barrier(line(lambda t: 1.0 if t > 0 else float("inf")))
