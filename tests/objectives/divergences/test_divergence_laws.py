"""What every divergence in the folder obeys; a new file is held to it from the moment it exists."""

import ast
import inspect
import math
from pathlib import Path

import pytest
import torch

BOTH = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
SYMMETRIC = {
    *("jeffreys", "jensen_shannon", "squared_hellinger", "total_variation", "cauchy_schwarz"),
    *("alpha order=0.5", "renyi order=0.5"),
}
BOUNDS = {
    **{"jensen_shannon": math.log(2), "squared_hellinger": 2, "total_variation": 1},
    **{"alpha order=0.5": 4, "tsallis order=0.25": 4 / 3},
}
GROWS_WHEN_CLASSES_MERGE = {"cauchy_schwarz"}
NOT_JOINTLY_CONVEX = {"cauchy_schwarz", "renyi order=3.0"}


def extreme_logits(dtype):
    """Pairs (8, 3) of huge, opposite, equal and mixed scores."""
    big = 1e4
    p_logits = [[big, -big, 0], [-big, big, 0], [big, big, -big], [big, 0, -big]]
    q_logits = [[-big, big, 0], [-big, big, 0], [-big, -big, big], [0.1, 0.2, 0.3]]
    both = torch.tensor([p_logits + q_logits, q_logits + p_logits], dtype=dtype)
    return both[0].requires_grad_(), both[1].requires_grad_()


def merged(logits):
    """The law in which the last two classes are one."""
    return torch.cat([logits[..., :-2], logits[..., -2:].logsumexp(-1, keepdim=True)], -1)


def mixed(weight, first, second):
    """Scores of weight * first + (1 - weight) * second, as laws."""
    return (weight * first.softmax(-1) + (1 - weight) * second.softmax(-1)).log()


def test_a_file_declares_its_settings_as_a_literal_and_takes_exactly_those(member):
    tree = ast.parse(Path(member.module.__file__).read_text())
    values = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    space = ast.literal_eval(values["SPACE"])
    first, second, *settings = inspect.signature(member.module.divergence).parameters.values()
    assert (first.name, second.name) == ("p_logits", "q_logits")
    assert [s.name for s in settings] == list(space)
    assert all(s.kind is inspect.Parameter.KEYWORD_ONLY for s in settings)
    assert all(bounds["low"] <= bounds["default"] <= bounds["high"] for bounds in space.values())
    assert "Source: " in member.module.__doc__


@BOTH
def test_it_is_never_negative(member, logits, dtype):
    p_logits, q_logits = (side.to(dtype) for side in logits)
    assert member(p_logits, q_logits).min() >= (-1e-6 if dtype is torch.float32 else -1e-14)


@BOTH
def test_it_is_zero_with_a_zero_gradient_where_the_laws_are_equal(member, logits, dtype):
    p_logits = logits[0].to(dtype)
    q_logits = p_logits.clone().requires_grad_()
    values = member(p_logits, q_logits)
    (gradient,) = torch.autograd.grad(values.sum(), q_logits)
    tolerance = 1e-6 if dtype is torch.float32 else 1e-14
    assert values.abs().max() <= tolerance
    assert gradient.abs().max() <= tolerance


def test_it_is_positive_where_the_laws_differ(member, logits):
    assert member(*logits).min() > 1e-7


@BOTH
def test_a_constant_added_to_the_logits_changes_nothing(member, logits, dtype):
    p_logits, q_logits = (side.to(dtype) for side in logits)
    shifted = member(p_logits + 5.0, q_logits - 3.0)
    torch.testing.assert_close(shifted, member(p_logits, q_logits), rtol=1e-4, atol=1e-6)


def test_the_order_of_the_classes_does_not_matter(member, logits):
    flipped = member(*(side.flip(-1) for side in logits))
    torch.testing.assert_close(flipped, member(*logits), rtol=1e-12, atol=1e-14)


def test_merging_two_classes_never_increases_it(member, logits):
    whole, coarse = member(*logits), member(*map(merged, logits))
    processed = (coarse <= whole * (1 + 1e-12) + 1e-14).all()
    assert processed == (member.name not in GROWS_WHEN_CLASSES_MERGE)  # the exception has to be earned
    assert (coarse < whole * 0.99).any()


def test_it_is_jointly_convex(member, logits):
    p_logits, q_logits = logits
    p_other, q_other = p_logits.roll(1, 0), q_logits.roll(1, 0)
    between = member(mixed(0.3, p_logits, p_other), mixed(0.3, q_logits, q_other))
    chord = 0.3 * member(p_logits, q_logits) + 0.7 * member(p_other, q_other)
    convex = (between <= chord * (1 + 1e-12)).all()
    assert convex == (str(member) not in NOT_JOINTLY_CONVEX)


def test_it_is_symmetric_exactly_where_that_is_promised(member, logits):
    there, back = member(*logits), member(*reversed(logits))
    assert torch.allclose(there, back, rtol=1e-10, atol=1e-13) == (str(member) in SYMMETRIC)


@BOTH
def test_it_reaches_its_bound_or_goes_beyond_all_bounds(member, dtype):
    values = member(*extreme_logits(dtype))
    if str(member) in BOUNDS:
        assert values.max().item() == pytest.approx(BOUNDS[str(member)], rel=1e-6)
    else:
        assert values.max() > 1000


@BOTH
def test_values_and_gradients_are_finite_for_extreme_logits(member, dtype):
    p_logits, q_logits = extreme_logits(dtype)
    values = member(p_logits, q_logits)
    gradients = torch.autograd.grad(values.sum(), (p_logits, q_logits))
    assert values.isfinite().all() and values.min() >= 0
    assert all(gradient.square().isfinite().all() for gradient in gradients)


def test_extreme_logits_that_differ_are_told_apart(member):
    p_logits, q_logits = extreme_logits(torch.float32)
    assert (member(p_logits, q_logits) > 0.05).tolist() == [True, False, True, True] * 2


def test_the_gradient_is_the_one_of_finite_differences(member, logits):
    p, q = (side.softmax(-1) for side in logits)
    smooth = (p - q).abs().amin(-1) > 1e-4  # total variation has a kink where p = q
    inputs = tuple(side[smooth][::8].requires_grad_() for side in logits)
    assert len(inputs[0]) >= 5
    assert torch.autograd.gradcheck(member, inputs, eps=1e-6, atol=1e-6, rtol=1e-5)


@BOTH
def test_it_keeps_the_type_and_its_inputs_and_drops_only_the_last_axis(member, logits, dtype):
    p_logits, q_logits = (side.to(dtype).reshape(4, 16, 6) for side in logits)
    kept = p_logits.clone(), q_logits.clone()
    values = member(p_logits, q_logits)
    assert values.shape == (4, 16) and values.dtype is dtype
    assert torch.equal(p_logits, kept[0]) and torch.equal(q_logits, kept[1])


@BOTH
def test_a_row_is_the_same_alone_in_a_stack_and_against_a_shared_target(member, logits, dtype):
    target, models = logits[0][:16].to(dtype), logits[1].to(dtype).reshape(4, 16, 6)
    stacked = member(target, models)
    for row, model in enumerate(models):
        assert torch.equal(stacked[row], member(target, model))


def test_it_maps_over_rows(member, logits):
    torch.testing.assert_close(torch.vmap(member)(*logits), member(*logits), rtol=1e-12, atol=1e-14)


@BOTH
def test_rows_of_mixed_orders_are_bit_equal_to_each_order_alone(ordered_member, logits, dtype):
    orders = [0.0, 1e-9, 0.1, 0.5, 1 - 1e-6, 1.0, 1 + 1e-6, 1.5, 2.0, 3.0]
    p_logits = torch.cat([logits[0].to(dtype), extreme_logits(dtype)[0].repeat(1, 2).detach()])
    q_logits = torch.cat([logits[1].to(dtype), extreme_logits(dtype)[1].repeat(1, 2).detach()])
    models = q_logits.expand(len(orders), *q_logits.shape).clone().requires_grad_()
    stacked = ordered_member(p_logits, models, order=torch.tensor(orders, dtype=dtype)[:, None])
    (stacked_gradient,) = torch.autograd.grad(stacked.sum(), models)
    for row, order in enumerate(orders):
        model = q_logits.clone().requires_grad_()
        alone = ordered_member(p_logits, model, order=order)
        (gradient,) = torch.autograd.grad(alone.sum(), model)
        assert torch.equal(stacked[row], alone), f"{order=}"
        assert torch.equal(stacked_gradient[row], gradient), f"{order=}"


def test_an_order_may_differ_for_each_example_and_be_mapped_over(ordered_member, logits):
    orders = torch.linspace(0.0, 2.0, len(logits[0]), dtype=torch.float64)
    values = ordered_member(*logits, order=orders)
    mapped = torch.vmap(lambda p_logits, q_logits, order: ordered_member(p_logits, q_logits, order=order))
    torch.testing.assert_close(mapped(*logits, orders), values, rtol=1e-12, atol=1e-14)
    for example, order in enumerate(orders.tolist()):
        alone = ordered_member(logits[0][example], logits[1][example], order=order)
        torch.testing.assert_close(values[example], alone, rtol=1e-12, atol=1e-14)
