import pytest
import torch

from search.errors import MergeError
from search.pareto.merge.linear import merge as interpolate
from search.pareto.merge.task_arithmetic import merge


def models(k, dtype=torch.float32):
    generator = torch.Generator().manual_seed(k)
    base = torch.randn(50, generator=generator)
    members = [base + 1e-3 * torch.randn(50, generator=generator) for _ in range(k)]
    return {"w": base.to(dtype)}, [{"w": member.to(dtype)} for member in members]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_no_coefficients_give_the_base_bit_by_bit(dtype):
    base, states = models(3, dtype)
    assert torch.equal(merge(base, states, [0.0, 0.0, 0.0])["w"], base["w"])


def test_the_sum_is_over_task_vectors():
    base, states = models(4, torch.float64)
    coefficients = [0.3, 0.9, 0.1, 0.6]
    expected = base["w"] + sum(c * (state["w"] - base["w"]) for c, state in zip(coefficients, states, strict=True))
    torch.testing.assert_close(merge(base, states, coefficients)["w"], expected, rtol=1e-13, atol=1e-15)


def test_small_task_vectors_survive_in_float32():
    base, states = models(4)
    tau = [state["w"].double() - base["w"].double() for state in states]
    expected = 0.3 * sum(tau)
    found = merge(base, states, [0.3] * 4)["w"].double() - base["w"].double()
    assert (found - expected).norm() < 1e-3 * expected.norm()


def test_coefficients_that_sum_to_one_interpolate():
    base, states = models(2)
    torch.testing.assert_close(merge(base, states, [0.25, 0.75]), interpolate(None, states, [0.25, 0.75]))


def test_a_missing_base_is_refused():
    with pytest.raises(MergeError, match=r"base: expected a base to take task vectors from\. .*merge them with linear"):
        merge(None, models(2)[1], [0.5, 0.5])
