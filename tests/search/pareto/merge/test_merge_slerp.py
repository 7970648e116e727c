import math

import numpy as np
import pytest
import torch

from search.errors import MergeError
from search.pareto.merge.linear import merge as interpolate
from search.pareto.merge.slerp import merge, spherical

SEEDS = range(5)


def one(*values, dtype=torch.float64):
    return {"w": torch.tensor(values, dtype=dtype)}


def members(seed, k, p=40, offset=1.0):
    """Task vectors of one length around a common direction, so that they lie in a hemisphere."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((k, p)) + offset * rng.standard_normal(p)
    rows *= 3.0 / np.linalg.norm(rows, axis=1, keepdims=True)
    base = rng.standard_normal(p)
    return base, rows, {"w": torch.tensor(base)}, [{"w": torch.tensor(base + row)} for row in rows]


@pytest.mark.parametrize("t", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("degrees", [1.0, 30.0, 90.0, 150.0])
def test_two_task_vectors_follow_the_published_line_whatever_their_lengths(degrees, t):
    a = math.radians(degrees)
    base = np.array([5.0, -1.0])
    first, second = 2.0 * np.array([1.0, 0.0]), 0.7 * np.array([math.cos(a), math.sin(a)])
    expected = base + (math.sin((1 - t) * a) * first + math.sin(t * a) * second) / math.sin(a)
    found = merge(one(*base), [one(*(base + first)), one(*(base + second))], [1 - t, t])
    np.testing.assert_allclose(found["w"], expected, rtol=0, atol=1e-9)


def test_halfway_between_orthogonal_ones_by_hand():
    found = merge(one(1.0, 1.0), [one(3.0, 1.0), one(1.0, 3.0)], [0.5, 0.5])["w"]
    assert found.tolist() == pytest.approx([1 + math.sqrt(2)] * 2)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [2, 3, 5])
def test_between_task_vectors_of_one_length_none_is_lost(k, seed):
    base, rows, start, states = members(seed, k)
    shares = np.random.default_rng(seed).dirichlet(np.ones(k))
    found = merge(start, states, shares.tolist())["w"].numpy() - base
    assert np.linalg.norm(found) == pytest.approx(3.0, rel=1e-9), f"{seed=}"
    assert np.linalg.norm(shares @ rows) < 2.95


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [2, 3, 6])
def test_the_weights_are_those_of_the_nearest_point_of_the_sphere(k, seed):
    """At the mean, the pulls along the sphere to all members cancel out, and no near point has a smaller sum."""
    rng = np.random.default_rng(seed)
    _, rows, _, _ = members(seed, k)
    units, shares = rows / 3.0, rng.dirichlet(np.ones(k))
    q = spherical(torch.tensor(rows @ rows.T), torch.tensor(shares)).numpy() @ units
    angles = np.arccos(units @ q)
    pulls = (angles / np.sin(angles))[:, None] * (units - np.cos(angles)[:, None] * q)
    assert np.linalg.norm(shares @ pulls) < 1e-10, f"{seed=}"
    for _ in range(50):
        near = q + 0.01 * rng.standard_normal(len(q))
        near /= np.linalg.norm(near)
        assert shares @ np.arccos(units @ near) ** 2 > shares @ angles**2, f"{seed=}"


def test_k_orthogonal_ones_of_equal_shares_have_equal_weights():
    k = 5
    found = spherical(torch.eye(k, dtype=torch.float64), torch.full((k,), 1 / k, dtype=torch.float64))
    np.testing.assert_allclose(found, np.full(k, 1 / math.sqrt(k)), rtol=1e-12)


@pytest.mark.parametrize("lengths", [(1.0, 1.0, 1.0), (1.0, 2.0, 5.0)])
def test_parallel_task_vectors_are_interpolated_linearly(lengths):
    base, direction = torch.zeros(3, dtype=torch.float64), torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)
    states = [{"w": base + length * direction} for length in lengths]
    found = merge({"w": base}, states, [0.2, 0.3, 0.5])
    torch.testing.assert_close(found, interpolate(None, states, [0.2, 0.3, 0.5]), rtol=1e-12, atol=1e-12)


def test_the_nearer_to_parallel_the_nearer_to_linear():
    gaps = []
    for angle in (1e-1, 1e-2, 1e-3):
        states = [one(1.0, 0.0), one(math.cos(angle), math.sin(angle))]
        found = merge(one(0.0, 0.0), states, [0.4, 0.6])["w"] - interpolate(None, states, [0.4, 0.6])["w"]
        gaps.append(float(found.norm()))
    assert gaps[0] > 50 * gaps[1] > 2500 * gaps[2] > 0.0


@pytest.mark.parametrize("k", [2, 3])
def test_task_vectors_that_cancel_out_are_interpolated_linearly(k):
    turns = [2 * math.pi * i / k for i in range(k)]
    states = [one(math.cos(turn), math.sin(turn)) for turn in turns]
    found = merge(one(0.0, 0.0), states, [1 / k] * k)["w"]
    torch.testing.assert_close(found, torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)
    found = merge(one(0.0, 0.0), [one(1.0, 0.0), one(-2.0, 0.0)], [0.75, 0.25])["w"]
    assert found.tolist() == [0.25, 0.0]


def test_a_tensor_that_a_member_did_not_move_is_interpolated_linearly():
    assert merge(one(1.0, 1.0), [one(1.0, 1.0), one(3.0, 1.0)], [0.75, 0.25])["w"].tolist() == [1.5, 1.0]


def test_each_tensor_has_an_angle_of_its_own():
    base = {"a": torch.zeros(2), "b": torch.zeros(2)}
    states = [{"a": torch.tensor([1.0, 0.0]), "b": torch.tensor([1.0, 0.0])}]
    states.append({"a": torch.tensor([0.0, 1.0]), "b": torch.tensor([1.0, 0.0])})
    found = merge(base, states, [0.5, 0.5])
    assert found["a"].tolist() == pytest.approx([math.sqrt(0.5)] * 2) and found["b"].tolist() == [1.0, 0.0]


def test_a_member_of_weight_nothing_is_not_read():
    found = merge(one(0.0, 0.0), [one(1.0, 0.0), one(float("nan"), 0.0), one(0.0, 1.0)], [0.5, 0.0, 0.5])
    assert found["w"].tolist() == pytest.approx([math.sqrt(0.5)] * 2)


def test_complex_tensors_are_vectors_of_twice_the_size():
    states = [{"w": torch.tensor([1.0 + 0.0j])}, {"w": torch.tensor([0.0 + 1.0j])}]
    found = merge({"w": torch.tensor([0.0 + 0.0j])}, states, [0.5, 0.5])["w"]
    assert found.item() == pytest.approx(math.sqrt(0.5) * (1 + 1j))


@pytest.mark.parametrize("coefficients", [[0.5, 0.4], [-0.5, 1.5]])
def test_coefficients_off_the_simplex_are_refused(coefficients):
    with pytest.raises(MergeError, match=r"coefficients: expected none below 0, and a sum of one, got \["):
        merge(one(0.0), [one(1.0), one(2.0)], coefficients)


def test_a_missing_base_is_refused():
    with pytest.raises(MergeError, match=r"base: expected a base to take task vectors from\. Or merge them with lin"):
        merge(None, [one(1.0)], [1.0])
