import pytest
import torch

from trainers.models.mlp import MLP

SIZES = [(64, 32, 10), (64, 24, 24, 10), (5, 3), (7, 6, 5, 4, 3)]


@pytest.mark.parametrize("sizes", SIZES)
def test_every_row_of_the_stack_is_the_ordinary_module(sizes):
    model = MLP(sizes)
    states = [{name: tensor.double() for name, tensor in model.init(seed).items()} for seed in range(4)]
    inputs = torch.randn(11, sizes[0], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows = torch.stack([model.row(state) for state in states])
    assert rows.shape == (4, model.parameters)
    logits = model.forward(model.leaves(rows), inputs)
    for state, found in zip(states, logits, strict=True):
        module = model.module().double()
        module.load_state_dict(state)
        torch.testing.assert_close(found, module(inputs).detach(), rtol=0, atol=1e-12)


def test_inputs_shared_by_all_rows_give_the_bits_of_inputs_for_each():
    model = MLP((64, 24, 24, 10))
    leaves = model.leaves(torch.stack([model.row(model.init(seed)) for seed in range(7)]))
    inputs = torch.rand(64, 64, generator=torch.Generator().manual_seed(0))
    assert model.forward(leaves, inputs).equal(model.forward(leaves, inputs.repeat(7, 1, 1)))


@pytest.mark.parametrize("sizes", SIZES)
def test_a_state_comes_back_from_its_row_in_memory_of_its_own(sizes):
    model = MLP(sizes)
    state = model.init(3)
    row = model.row(state)
    back = model.state(row)
    assert list(back) == list(state) == list(model.module().state_dict())
    row.zero_()
    assert all(back[name].equal(state[name]) for name in state)


def test_only_matrices_between_hidden_layers_are_hidden():
    assert [layer.name for layer in MLP((64, 24, 24, 10)).layout if layer.hidden] == ["2.weight"]
    assert [layer.name for layer in MLP((9, 8, 7, 6, 5)).layout if layer.hidden] == ["2.weight", "4.weight"]
    assert not any(layer.hidden for layer in MLP((64, 32, 10)).layout)


def test_the_layout_covers_a_row_without_gaps():
    layout = MLP((64, 24, 24, 10)).layout
    assert [layer.start for layer in layout] == [0] + [layer.stop for layer in layout[:-1]]
    assert MLP((64, 24, 24, 10)).parameters == MLP((64, 32, 10)).parameters == 2410


def test_a_fresh_model_follows_from_its_seed_and_keeps_the_scale_of_its_inputs():
    model = MLP((200, 300, 10))
    assert model.row(model.init(1)).equal(model.row(model.init(1)))
    assert not model.row(model.init(1)).equal(model.row(model.init(2)))
    assert abs(model.init(1)["0.weight"].var() * 200 / 2 - 1) < 0.02
