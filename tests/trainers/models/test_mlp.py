import pytest
import torch

from trainers.models.mlp import MLP
from trainers.stack import Stack

SIZES = [(64, 32, 10), (64, 24, 24, 10), (5, 3), (7, 6, 5, 4, 3)]


@pytest.mark.parametrize("sizes", SIZES)
def test_every_row_of_the_stack_is_the_ordinary_module(sizes):
    model = Stack(MLP(sizes))
    states = [{name: tensor.double() for name, tensor in model.init(seed).items()} for seed in range(4)]
    inputs = torch.randn(11, sizes[0], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = torch.stack([model.row(state) for state in states])
    assert rows.shape == (4, model.parameters)
    logits = model.forward(model.leaves(rows), inputs[None])
    for state, found in zip(states, logits, strict=True):
        module = model.module().double()
        module.load_state_dict(state)
        torch.testing.assert_close(found, module(inputs).detach(), rtol=0, atol=1e-12)


def test_only_matrices_between_hidden_layers_are_hidden():
    assert [layer.name for layer in Stack(MLP((64, 24, 24, 10))).layout if layer.hidden] == ["2.weight"]
    assert [layer.name for layer in Stack(MLP((9, 8, 7, 6, 5))).layout if layer.hidden] == ["2.weight", "4.weight"]
    assert not any(layer.hidden for layer in Stack(MLP((64, 32, 10))).layout)


def test_the_layout_covers_a_row_without_gaps():
    layout = Stack(MLP((64, 24, 24, 10))).layout
    assert [layer.start for layer in layout] == [0] + [layer.stop for layer in layout[:-1]]
    assert Stack(MLP((64, 24, 24, 10))).parameters == Stack(MLP((64, 32, 10))).parameters == 2410


def test_a_fresh_model_is_drawn_from_its_seed_matrix_by_matrix():
    """The definition: what bases in a cache were trained from must stay what it was."""
    generator = torch.Generator().manual_seed(5)
    first, second = (torch.randn(shape, generator=generator) * (2 / shape[1]) ** 0.5 for shape in ((32, 64), (10, 32)))
    state = Stack(MLP((64, 32, 10))).init(5)
    assert list(state) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert state["0.weight"].equal(first) and state["2.weight"].equal(second)
    assert not state["0.bias"].any() and not state["2.bias"].any()


def test_a_fresh_model_keeps_the_scale_of_its_inputs():
    assert abs(Stack(MLP((200, 300, 10))).init(1)["0.weight"].var() * 200 / 2 - 1) < 0.02
