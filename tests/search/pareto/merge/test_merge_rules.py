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
HELPERS = {"__init__", "tensors", "adapters", "align", "grouped"}
RULES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in HELPERS)
SUMS = ["linear", "task_arithmetic"]  # the rules that are a weighted sum of base and members
TYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def named(name):
    return importlib.import_module(f"search.pareto.merge.{name}")


@pytest.fixture(params=RULES)
def rule(request):
    return named(request.param)


@pytest.fixture(params=[name for name in RULES if named(name).GIVES_BACK])
def faithful(request):
    return named(request.param)


@pytest.fixture(params=SUMS)
def weighted(request):
    return named(request.param)


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
    assert {"linear", "task_arithmetic", "slerp", "elect", "ties", "dare"} <= set(RULES)


def test_only_rules_that_thin_out_their_members_do_not_give_them_back():
    assert [name for name in RULES if not named(name).GIVES_BACK] == ["dare", "ties"]


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
    assert isinstance(values["GIVES_BACK"], bool)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_the_coefficients_of_a_member_give_it_back_bit_by_bit(faithful, dtype, seed):
    base, states = models(seed, dtype=dtype)
    for i, state in enumerate(states):
        merged = faithful.merge(base, states, [float(j == i) for j in range(3)])
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


def test_types_shapes_and_order_of_names_stay(rule):
    base, states = models(0, dtype=torch.float16)
    merged = rule.merge(base, states, some_coefficients(rule))
    assert [(name, t.dtype, t.shape) for name, t in merged.items()] == [
        (name, t.dtype, t.shape) for name, t in base.items()
    ]


def test_the_same_arguments_give_the_same_model_bit_by_bit(rule):
    base, states = models(0)
    one, other = (rule.merge(base, copy.deepcopy(states), some_coefficients(rule)) for _ in range(2))
    assert all(torch.equal(bits(one[name]), bits(other[name])) for name in one)


def test_equal_members_merge_to_what_each_of_them_gives(rule):
    base, states = models(0)
    merged = rule.merge(base, [states[0]] * 3, [0.2, 0.3, 0.5])
    alone = rule.merge(base, [states[0]] * 3, [1.0, 0.0, 0.0])
    for name in merged:
        torch.testing.assert_close(merged[name], alone[name])


def test_members_that_are_the_base_merge_to_it(rule):
    base, _ = models(0)
    merged = rule.merge(base, [base] * 3, [0.2, 0.3, 0.5])
    for name, tensor in base.items():
        torch.testing.assert_close(merged[name], tensor)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_merged_in_float32_and_rounded_once(rule, dtype):
    base, states = models(2, dtype=dtype)
    coefficients = some_coefficients(rule)
    merged = rule.merge(base, states, coefficients)
    widened = [{name: t.float() if t.dtype == dtype else t for name, t in each.items()} for each in (base, *states)]
    for model in widened:
        model["head.weight"] = model["embedding.weight"]
    exact = rule.merge(widened[0], widened[1:], coefficients)
    for name, tensor in merged.items():
        assert torch.equal(bits(tensor), bits(exact[name].to(tensor.dtype))), name


def test_merging_linear_models_merges_their_predictions(weighted):
    base, states = models(1, dtype=torch.float64)
    coefficients = some_coefficients(weighted)
    inputs = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    predictions = [inputs @ state["head.weight"].T for state in (base, *states)]
    factors = [1 - sum(coefficients), *coefficients]
    expected = sum(factor * prediction for factor, prediction in zip(factors, predictions, strict=True))
    torch.testing.assert_close(inputs @ weighted.merge(base, states, coefficients)["head.weight"].T, expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_sums_are_as_exact_as_they_can_be(weighted, dtype):
    base, states = models(2, dtype=dtype)
    coefficients = some_coefficients(weighted)
    merged = weighted.merge(base, states, coefficients)["hidden.bias"]
    factors = [1 - sum(coefficients), *coefficients]
    exact = sum(f * model["hidden.bias"].double() for f, model in zip(factors, (base, *states), strict=True))
    assert torch.equal(merged, exact.to(dtype))


def test_many_small_half_precision_steps_do_not_get_lost(weighted):
    """In bfloat16 1 + 1/256 is 1 again, so a sum kept in bfloat16 would stay at its start."""
    members = [{"w": torch.full((1,), 1.0, dtype=torch.bfloat16)} for _ in range(256)]
    merged = weighted.merge({"w": torch.zeros(1, dtype=torch.bfloat16)}, members, [1 / 256] * 256)
    assert merged["w"].item() == 1.0


def test_double_precision_stays(weighted):
    base, states = models(0, dtype=torch.float64)
    coefficients = some_coefficients(weighted)
    factors = [1 - sum(coefficients), *coefficients]
    expected = sum(f * model["hidden.bias"] for f, model in zip(factors, (base, *states), strict=True))
    torch.testing.assert_close(
        weighted.merge(base, states, coefficients)["hidden.bias"], expected, rtol=1e-14, atol=1e-15
    )


def test_tied_tensors_stay_tied_and_are_merged_once(rule):
    base, states = models(0)
    merged = rule.merge(base, states, some_coefficients(rule))
    assert merged["embedding.weight"].data_ptr() == merged["head.weight"].data_ptr()
    assert merged["hidden.bias"].data_ptr() != merged["head.weight"].data_ptr()


def test_a_member_that_unties_two_tensors_keeps_what_each_of_them_says(faithful):
    base, states = models(0)
    states[1]["head.weight"] = states[1]["head.weight"] + 1.0
    merged = faithful.merge(base, states, [0.0, 1.0, 0.0])
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


def test_bare_factors_are_refused(rule):
    state = {"q.lora_A.weight": torch.ones(1, 2), "q.lora_B.weight": torch.ones(2, 1)}
    message = r"base 'q\.lora_A\.weight': expected products of low-rank factors.*adapters\.multiplied"
    with pytest.raises(MergeError, match=message):
        rule.merge(state, [state, state], [0.5, 0.5])
