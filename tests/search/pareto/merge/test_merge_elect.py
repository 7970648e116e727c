import numpy as np
import pytest
import torch

from search.errors import MergeError
from search.pareto.merge.elect import merge
from search.pareto.merge.task_arithmetic import merge as add
from search.pareto.merge.ties import merge as ties


def models(seed, k, p=200):
    rng = np.random.default_rng(seed)
    return [{"w": torch.tensor(rng.standard_normal(p))} for _ in range(k + 1)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_only_steps_of_the_sign_of_their_sum_are_added(k, seed):
    base, *states = models(seed, k)
    coefficients = np.random.default_rng(seed).uniform(-0.5, 1.5, k)
    steps = coefficients[:, None] * np.array([(state["w"] - base["w"]).numpy() for state in states])
    expected = base["w"].numpy() + np.where(np.sign(steps) == np.sign(steps.sum(0)), steps, 0.0).sum(0)
    found = merge(base, states, coefficients.tolist())["w"]
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14, err_msg=f"{seed=}")


def test_it_is_ties_without_trimming():
    base, *states = models(0, 3)
    coefficients = [0.2, 0.9, 0.4]
    torch.testing.assert_close(merge(base, states, coefficients), ties(base, states, coefficients, density=1.0))


def test_without_conflicts_it_is_task_arithmetic():
    base, *states = models(1, 3)
    along = [{"w": base["w"] + (state["w"] - base["w"]).abs()} for state in states]
    found = merge(base, along, [0.2, 0.9, 0.4])
    torch.testing.assert_close(found, add(base, along, [0.2, 0.9, 0.4]), rtol=1e-13, atol=1e-14)


def test_where_the_masses_are_equal_the_base_stays():
    base = {"w": torch.tensor([2.0, 2.0])}
    states = [{"w": torch.tensor([3.0, 4.0])}, {"w": torch.tensor([1.0, 1.0])}]
    assert merge(base, states, [1.0, 1.0])["w"].tolist() == [2.0, 4.0]


def test_a_member_fades_out_with_its_coefficient_and_is_not_read_at_0():
    base, *states = models(2, 2)
    at = merge(base, states, [1.0, 0.0])["w"]
    torch.testing.assert_close(merge(base, states, [1.0, 1e-9])["w"], at, rtol=0, atol=1e-8)
    states[1]["w"] = torch.full_like(at, torch.nan)
    assert torch.equal(merge(base, states, [1.0, 0.0])["w"], at)


def test_no_coefficients_and_no_task_vectors_give_the_base_bit_by_bit():
    base, *states = models(3, 2)
    assert torch.equal(merge(base, states, [0.0, 0.0])["w"], base["w"])
    assert torch.equal(merge(base, [base, base], [0.5, 1.0])["w"], base["w"])


def test_a_missing_base_is_refused():
    with pytest.raises(MergeError, match=r"base: expected a base to take task vectors from\. Or merge them with lin"):
        merge(None, models(0, 1)[1:], [1.0])
