import pytest
import torch

from search.errors import MergeError
from search.pareto.merge.linear import merge


def one(value):
    return {"w": torch.tensor([value]), "count": torch.tensor(int(value))}


def test_the_sum_is_weighted():
    assert merge(None, [one(0.0), one(4.0), one(8.0)], [0.5, 0.25, 0.25])["w"].item() == 3.0


def test_a_step_beyond_a_member_extrapolates():
    assert merge(None, [one(0.0), one(4.0)], [-0.5, 1.5])["w"].item() == 6.0


def test_without_a_base_the_first_member_lends_what_is_not_a_float():
    assert merge(None, [one(5.0), one(7.0)], [0.0, 1.0])["count"].item() == 5
    assert merge(one(3.0), [one(5.0), one(7.0)], [0.0, 1.0])["count"].item() == 3


def test_the_base_lends_no_float():
    base = {"w": torch.tensor([float("nan")])}
    assert merge(base, [{"w": torch.tensor([1.0])}, {"w": torch.tensor([3.0])}], [0.5, 0.5])["w"].item() == 2.0


def test_a_member_of_weight_nothing_is_not_read():
    broken = {"w": torch.tensor([float("inf")])}
    assert merge(None, [{"w": torch.tensor([1.0])}, broken], [1.0, 0.0])["w"].item() == 1.0


@pytest.mark.parametrize("coefficients", [[0.5, 0.4], [1.0, 1.0]])
def test_coefficients_that_do_not_sum_to_one_are_refused(coefficients):
    with pytest.raises(MergeError, match=r"coefficients: expected a sum of one, got (0\.9|2\.0)"):
        merge(None, [one(1.0), one(2.0)], coefficients)
