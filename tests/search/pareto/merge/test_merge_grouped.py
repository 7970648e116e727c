"""Groups of layers: each is merged by its own coefficients, and by the rule alone where they are all the same."""

import pytest
import torch

from search.errors import MergeError
from search.pareto.merge import dare, elect, grouped, task_arithmetic, ties
from tests.search.pareto.merge.test_merge_rules import bits, models

RULES = pytest.mark.parametrize("rule", [task_arithmetic, elect, ties, dare], ids=lambda rule: rule.__name__)
SHARES = [0.7, 0.1, 0.6]


def same(one, other):
    assert list(one) == list(other)
    for name in one:
        assert torch.equal(bits(one[name]), bits(other[name])), name


@RULES
def test_one_group_is_the_rule(rule):
    base, states = models(0)
    same(grouped.merged(rule, base, states, SHARES, 1), rule.merge(base, states, SHARES))


@pytest.mark.parametrize("groups", [1, 2])
def test_equal_coefficients_in_every_group_are_those_of_the_whole(groups):
    base, states = models(0)
    whole = task_arithmetic.merge(base, states, SHARES)
    same(grouped.merged(task_arithmetic, base, states, SHARES * groups, groups), whole)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16], ids=str)
def test_a_group_takes_what_its_coefficients_say_and_a_tied_tensor_is_of_one_group(dtype):
    base, states = models(1, dtype=dtype)
    first, second, _ = states
    merged = grouped.merged(task_arithmetic, base, states, [1, 0, 0, 0, 1, 0], 2)
    assert torch.equal(bits(merged["embedding.weight"]), bits(first["embedding.weight"]))
    assert merged["head.weight"].data_ptr() == merged["embedding.weight"].data_ptr()
    assert torch.equal(bits(merged["hidden.bias"]), bits(second["hidden.bias"]))
    assert merged["norm.num_batches_tracked"].item() == 7
    assert list(merged) == list(base)


def test_layers_are_cut_in_order_and_into_even_runs():
    model = {f"block{i}.{part}": torch.ones(1) for i in range(7) for part in ("weight", "bias")}
    for groups in range(1, 8):
        found = grouped.cut(model, groups)
        assert [name for group in found for name in group] == list(model)
        sizes = [len(group) // 2 for group in found]
        assert max(sizes) - min(sizes) <= 1, sizes


def test_more_groups_than_layers_and_a_wrong_number_of_coefficients_are_refused():
    base, states = models(0)
    with pytest.raises(MergeError, match=r"groups: expected at most 2, one for each layer, got 3\. The model has 2 la"):
        grouped.cut(base, 3)
    with pytest.raises(MergeError, match=r"coefficients: expected 2 for each of 3 models, got 3"):
        grouped.merged(task_arithmetic, base, states, SHARES, 2)
