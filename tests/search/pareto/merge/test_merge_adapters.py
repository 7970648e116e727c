import pytest
import torch
from torch import nn

from search.errors import MergeError
from search.pareto.merge.adapters import multiplied
from search.pareto.merge.linear import merge as interpolate
from search.pareto.merge.task_arithmetic import merge as add
from trainers.models.lora import LoRALinear


def factors(seed, r=2, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return {
        "block.q.lora_A.weight": torch.randn(r, 5, generator=generator).to(dtype),
        "block.q.lora_B.weight": torch.randn(4, r, generator=generator).to(dtype),
    }


def test_products_are_merged_without_cross_terms_even_of_different_ranks():
    low, high = factors(0, r=1), factors(1, r=3)
    states = [multiplied(low, alpha=2.0), multiplied(high, alpha=6.0)]
    products = [2.0 * state["block.q.lora_B.weight"] @ state["block.q.lora_A.weight"] for state in (low, high)]
    found = add({"block.q.weight": torch.zeros(4, 5)}, states, [0.3, 0.9])["block.q.weight"]
    torch.testing.assert_close(found, 0.3 * products[0] + 0.9 * products[1])


def test_factors_merged_apart_would_have_had_cross_terms():
    """The half-and-half model of B and -B, A and -A, which are one model, is that model and not nothing."""
    state = factors(0)
    turned = {name: -tensor for name, tensor in state.items()}
    apart = [
        0.5 * state["block.q.lora_B.weight"] + 0.5 * turned["block.q.lora_B.weight"],
        0.5 * state["block.q.lora_A.weight"] + 0.5 * turned["block.q.lora_A.weight"],
    ]
    found = interpolate(None, [multiplied(state, alpha=2.0), multiplied(turned, alpha=2.0)], [0.5, 0.5])
    assert torch.equal(apart[0] @ apart[1], torch.zeros(4, 5))
    torch.testing.assert_close(found["block.q.weight"], multiplied(state, alpha=2.0)["block.q.weight"])


def test_a_frozen_weight_takes_its_product_and_its_neighbours_their_plain_names():
    layer = LoRALinear(nn.Linear(5, 4), rank=2, alpha=3.0)
    nn.init.normal_(layer.up)
    state = {f"block.{name}": tensor for name, tensor in layer.state_dict().items()} | {"norm.weight": torch.ones(3)}
    found = multiplied(state, alpha=3.0, down="down", up="up", frozen="linear")
    assert set(found) == {"block.weight", "block.bias", "norm.weight"}
    torch.testing.assert_close(found["block.weight"], layer.fold())
    assert torch.equal(found["block.bias"], layer.linear.bias) and found["norm.weight"] is state["norm.weight"]
    assert not found["block.weight"].requires_grad


def test_a_layer_at_the_root_and_one_inside_it_are_told_apart():
    state = {"down": torch.ones(1, 2), "up": torch.ones(2, 1), "in.down": torch.ones(1, 3), "in.up": torch.ones(1, 1)}
    found = multiplied(state, alpha=1.0, down="down", up="up")
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == {"weight": (2, 2), "in.weight": (1, 3)}


def test_names_that_only_end_alike_are_no_factors():
    state = {"mlp.gate_down": torch.ones(2, 2), "mlp.pull_up": torch.ones(2, 2)}
    assert multiplied(state, alpha=1.0, down="down", up="up").keys() == state.keys()


def test_factors_of_a_convolution_are_those_of_the_composed_convolutions():
    generator = torch.Generator().manual_seed(0)
    down, up = torch.randn(2, 3, 3, 3, generator=generator), torch.randn(4, 2, 1, 1, generator=generator)
    images = torch.randn(2, 3, 6, 6, generator=generator)
    found = multiplied({"c.lora_A.weight": down, "c.lora_B.weight": up}, alpha=2.0)["c.weight"]
    expected = nn.functional.conv2d(nn.functional.conv2d(images, down), up)
    torch.testing.assert_close(nn.functional.conv2d(images, found), expected, rtol=1e-4, atol=1e-4)


def test_half_precision_is_multiplied_in_float32_and_rounded_once():
    state = factors(2, dtype=torch.bfloat16)
    frozen = torch.randn(4, 5, generator=torch.Generator().manual_seed(3)).bfloat16()
    found = multiplied(state | {"block.q.base_layer.weight": frozen}, alpha=2.0)["block.q.weight"]
    up, down = state["block.q.lora_B.weight"].float(), state["block.q.lora_A.weight"].float()
    assert torch.equal(found, (frozen.float() + up @ down).bfloat16())


def test_factors_that_do_not_fit_are_refused():
    state = factors(0)
    down, up = state["block.q.lora_A.weight"], state["block.q.lora_B.weight"]
    with pytest.raises(MergeError, match=r"block\.q\.lora_A\.weight: expected its other factor, 'block\.q\.lora_B\.w"):
        multiplied({"block.q.lora_A.weight": down}, alpha=1.0)
    with pytest.raises(MergeError, match=r"q\.lora_B\.weight: expected its other factor, 'block\.q\.lora_A\.weight'"):
        multiplied({"block.q.lora_B.weight": up}, alpha=1.0)
    with pytest.raises(
        MergeError, match=r"q\.weight: expected factors of shapes \(out, r\) and \(r, in\), got \[\(4, 2\), \(3, 5\)\]"
    ):
        multiplied(state | {"block.q.lora_A.weight": torch.ones(3, 5)}, alpha=1.0)
    with pytest.raises(MergeError, match=r"base_layer\.weight: expected the shape of its product, \(4, 5\), got"):
        multiplied(state | {"block.q.base_layer.weight": torch.ones(5, 4)}, alpha=1.0)
