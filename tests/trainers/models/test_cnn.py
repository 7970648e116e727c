import pytest
import torch
from torch.nn.functional import conv2d, group_norm, max_pool2d

from trainers.models.cnn import CNN
from trainers.stack import Stack


def images(n=6, side=8):
    return torch.rand(n, side**2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def made(**own):
    model = CNN(**own).double()
    model.reset(torch.Generator().manual_seed(1))
    return model


@pytest.mark.parametrize("norm", ["none", "group"])
def test_the_logits_are_those_of_the_layers_one_by_one(norm):
    model = made(norm=norm)
    maps = images().view(6, 1, 8, 8)
    for stage in model.stages:
        maps = conv2d(maps, stage[0].weight, stage[0].bias, padding=1)
        maps = group_norm(maps, 4, stage[1].weight, stage[1].bias) if norm == "group" else maps
        maps = max_pool2d(maps.relu(), 2)
    assert maps.shape == (6, 32, 2, 2)
    expected = maps.flatten(1) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(images()), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("own", [{}, {"norm": "group"}, {"channels": (8,)}, {"channels": (4, 8, 12), "side": 16}])
def test_every_row_of_a_stack_is_the_ordinary_module(own):
    stack = Stack(made(**own))
    rows = torch.stack([stack.row(stack.init(seed)).double() for seed in range(5)])
    inputs = images(side=own.get("side", 8))
    found = stack.forward(stack.leaves(rows), inputs[None])
    assert found.shape == (5, 6, 10)
    for row, logits in zip(rows, found, strict=True):
        module = stack.module()
        module.load_state_dict(stack.state(row))
        torch.testing.assert_close(logits, module(inputs).detach(), rtol=0, atol=1e-12)


def test_a_fresh_model_follows_from_its_seed_and_keeps_the_scale_of_its_inputs():
    stack = Stack(CNN((16, 64)))
    assert stack.row(stack.init(1)).equal(stack.row(stack.init(1)))
    assert not stack.row(stack.init(1)).equal(stack.row(stack.init(2)))
    weight = stack.init(1)["stages.1.0.weight"]
    assert abs(weight.var() * 16 * 9 / 2 - 1) < 0.05


def test_dropout_works_while_training_only():
    model = made(dropout=0.5)
    assert not model.train()(images()).equal(model(images()))
    assert model.eval()(images()).equal(made()(images()))


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="CNN norm: expected 'none' or 'group', got 'batch'"):
        CNN(norm="batch")
    with pytest.raises(ValueError, match="CNN side: expected a multiple of 8, one half a stage, got 12"):
        CNN((4, 8, 16), side=12)
