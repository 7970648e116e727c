"""What holds for every merge rule: a file added to the folder is held to it the moment it is there."""

import ast
import copy
import importlib
from pathlib import Path

import pytest
import torch

import search.pareto.merge as package
from search.errors import MergeError
from search.pareto.merge import check

FOLDER = Path(package.__file__).parent
HELPERS = {"__init__", "tensors"}
RULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in HELPERS)
TYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


@pytest.fixture(params=RULES)
def rule(request):
    return importlib.import_module(f"search.pareto.merge.{request.param}")


def models(seed, k=3, dtype=torch.float32):
    """A base and k members: a bias with both zeros, a tied pair, a counter, a mask, an empty tensor."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(k + 1):
        tied = torch.randn(4, 3, generator=generator).to(dtype)
        bias = torch.randn(5, generator=generator).to(dtype)
        bias[0], bias[1] = 0.0, -0.0
        found.append(
            {
                "embedding.weight": tied,
                "hidden.bias": bias,
                "head.weight": tied,
                "norm.num_batches_tracked": torch.tensor(7),
                "mask": torch.tensor([True, False]),
                "empty": torch.zeros(0, 3, dtype=dtype),
            }
        )
    return found[0], found[1:]


def some_coefficients(rule, k=3):
    return [0.2, 0.3, 0.5][:k] if rule.SIMPLEX else [0.7, 0.1, 0.6][:k]


def bits(tensor):
    return tensor.flatten().view(torch.uint8)


def test_the_folder_has_rules():
    assert {"linear", "task_arithmetic"} <= set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_declares_itself_in_plain_data(name):
    tree = ast.parse((FOLDER / f"{name}.py").read_text())
    values = {
        node.targets[0].id if isinstance(node, ast.Assign) else node.target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
    }
    assert isinstance(values["SPACE"], dict)
    assert isinstance(values["SIMPLEX"], bool) and isinstance(values["NEEDS_BASE"], bool)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_the_coefficients_of_a_member_give_it_back_bit_by_bit(rule, dtype, seed):
    base, states = models(seed, dtype=dtype)
    for i, state in enumerate(states):
        merged = rule.merge(base, states, [float(j == i) for j in range(3)])
        assert list(merged) == list(state)
        for name, tensor in state.items():
            assert merged[name].dtype == tensor.dtype and merged[name].shape == tensor.shape
            assert torch.equal(bits(merged[name]), bits(tensor)), f"{name} {seed=}"


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_the_order_of_members_does_not_matter(rule, dtype):
    base, states = models(0, dtype=dtype)
    coefficients = some_coefficients(rule)
    one = rule.merge(base, states, coefficients)
    other = rule.merge(base, states[::-1], coefficients[::-1])
    for name in one:
        torch.testing.assert_close(one[name], other[name])


def test_equal_members_merge_to_themselves(rule):
    base, states = models(0)
    merged = rule.merge(base, [states[0]] * 3, [0.2, 0.3, 0.5])
    for name, tensor in states[0].items():
        torch.testing.assert_close(merged[name], tensor)


def test_merging_linear_models_merges_their_predictions(rule):
    base, states = models(1, dtype=torch.float64)
    coefficients = some_coefficients(rule)
    inputs = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    predictions = [inputs @ state["head.weight"].T for state in (base, *states)]
    factors = [1 - sum(coefficients), *coefficients]
    expected = sum(factor * prediction for factor, prediction in zip(factors, predictions, strict=True))
    torch.testing.assert_close(inputs @ rule.merge(base, states, coefficients)["head.weight"].T, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_summed_in_float32_and_rounded_once(rule, dtype):
    base, states = models(2, dtype=dtype)
    coefficients = some_coefficients(rule)
    merged = rule.merge(base, states, coefficients)["hidden.bias"]
    factors = [1 - sum(coefficients), *coefficients]
    exact = sum(f * model["hidden.bias"].double() for f, model in zip(factors, (base, *states), strict=True))
    assert torch.equal(merged, exact.to(dtype))


def test_many_small_half_precision_steps_do_not_get_lost(rule):
    """In bfloat16 1 + 1/256 is 1 again, so a sum kept in bfloat16 would stay at its start."""
    members = [{"w": torch.full((1,), 1.0, dtype=torch.bfloat16)} for _ in range(256)]
    merged = rule.merge({"w": torch.zeros(1, dtype=torch.bfloat16)}, members, [1 / 256] * 256)
    assert merged["w"].item() == 1.0


def test_double_precision_stays(rule):
    base, states = models(0, dtype=torch.float64)
    coefficients = some_coefficients(rule)
    factors = [1 - sum(coefficients), *coefficients]
    expected = sum(f * model["hidden.bias"] for f, model in zip(factors, (base, *states), strict=True))
    torch.testing.assert_close(rule.merge(base, states, coefficients)["hidden.bias"], expected, rtol=1e-14, atol=1e-15)


def test_tied_tensors_stay_tied_and_are_merged_once(rule):
    base, states = models(0)
    merged = rule.merge(base, states, some_coefficients(rule))
    assert merged["embedding.weight"].data_ptr() == merged["head.weight"].data_ptr()
    assert merged["hidden.bias"].data_ptr() != merged["head.weight"].data_ptr()


def test_a_member_that_unties_two_tensors_keeps_what_each_of_them_says(rule):
    base, states = models(0)
    states[1]["head.weight"] = states[1]["head.weight"] + 1.0
    merged = rule.merge(base, states, [0.0, 1.0, 0.0])
    assert torch.equal(merged["head.weight"], states[1]["head.weight"])
    assert torch.equal(merged["embedding.weight"], states[1]["embedding.weight"])


def test_what_is_not_a_float_comes_from_the_base(rule):
    base, states = models(0)
    base["norm.num_batches_tracked"] = torch.tensor(3)
    merged = rule.merge(base, states, some_coefficients(rule))
    assert merged["norm.num_batches_tracked"].item() == 3
    assert merged["mask"].tolist() == [True, False]


def test_inputs_are_neither_changed_nor_shared(rule):
    base, states = models(0)
    before = copy.deepcopy((base, states))
    for coefficients in (some_coefficients(rule), [1.0, 0.0, 0.0]):
        merged = rule.merge(base, states, coefficients)
        for tensor in merged.values():
            tensor.add_(1) if tensor.dtype != torch.bool else tensor.logical_not_()
    for old, new in zip((before[0], *before[1]), (base, *states), strict=True):
        assert all(torch.equal(old[name], new[name]) for name in old)


def test_merged_parameters_carry_no_gradient(rule):
    module = torch.nn.Linear(2, 2)
    states = [dict(module.named_parameters())] * 2
    merged = rule.merge(states[0], states, [0.5, 0.5])
    assert not any(tensor.requires_grad for tensor in merged.values())


def test_a_wrong_number_of_coefficients_is_refused(rule):
    base, states = models(0)
    with pytest.raises(
        MergeError, match=r"coefficients: expected one finite number for each of 3 models, got \[1\.0\]"
    ):
        rule.merge(base, states, [1.0])
    with pytest.raises(MergeError, match=r"expected one finite number for each of 3 models, got \[nan, 0\.0, 1\.0\]"):
        rule.merge(base, states, [float("nan"), 0.0, 1.0])


def test_a_rule_refuses_models_that_do_not_match(rule):
    base, states = models(0)
    del states[1]["hidden.bias"]
    with pytest.raises(MergeError, match=r"state 1: expected the tensors of base\. Missing: hidden\.bias\."):
        rule.merge(base, states, some_coefficients(rule))


def test_every_mismatch_is_named():
    def one(*shape, dtype=torch.float32):
        return {"w": torch.zeros(shape, dtype=dtype)}

    check(None, [one(2), one(2)])
    check(one(2), [one(2)])
    with pytest.raises(MergeError, match=r"states: expected at least one model, got 0"):
        check(one(2), [])
    with pytest.raises(MergeError, match=r"state 0 'w': expected shape \(2,\) as in base, got \(3,\)"):
        check(one(2), [one(3)])
    with pytest.raises(
        MergeError, match=r"state 1 'w': expected type torch\.float32 as in state 0, got 'torch\.float16'"
    ):
        check(None, [one(2), one(2, dtype=torch.float16)])
    with pytest.raises(MergeError, match=r"state 1 'w': expected device cpu as in state 0, got 'meta'"):
        check(None, [one(2), {"w": torch.zeros(2, device="meta")}])
    with pytest.raises(MergeError, match=r"state 1: expected the tensors of state 0 alone\. Extra: v\."):
        check(None, [one(2), {**one(2), "v": torch.zeros(1)}])
    many = {f"layer{i}": torch.zeros(1) for i in range(8)}
    with pytest.raises(MergeError, match=r"Missing: layer0, layer1, layer2, layer3, layer4 and 3 more\."):
        check(many, [{}])
