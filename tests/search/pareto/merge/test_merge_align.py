from itertools import permutations

import pytest
import torch
from torch import nn

from search.errors import MergeError
from search.pareto.barrier import barrier
from search.pareto.merge.align import aligned
from search.pareto.merge.linear import merge
from search.pareto.merge.tensors import kinship
from trainers.data import digits
from trainers.fit import fit
from trainers.models.cnn import CNN
from trainers.models.mlp import MLP
from trainers.stack import Stack


def mlp():
    return MLP((6, 5, 4, 3))


def normed():
    """Two convolutions with batch norm, a flattening of (channels, places) and a linear layer."""
    parts = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5), nn.Tanh()]
    model = nn.Sequential(*parts, nn.Flatten(), nn.Linear(5 * 2 * 3, 3)).eval()
    for buffer in model.buffers():  # statistics that differ from unit to unit
        buffer.add_(torch.rand(buffer.shape)) if buffer.is_floating_point() else None
    return model


MODELS = {
    "mlp": (mlp, (7, 6)),
    "norms of units": (lambda: nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 2)), (7, 6)),
    "cnn": (CNN, (7, 64)),
    "batch norm": (normed, (7, 1, 6, 7)),
    "without biases": (lambda: nn.Sequential(nn.Linear(6, 5, bias=False), nn.Linear(5, 2, bias=False)), (7, 6)),
}


@pytest.fixture(params=MODELS.values(), ids=list(MODELS))
def pair(request):
    make, shape = request.param
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().eval(), make().eval(), torch.randn(shape)


@torch.no_grad()
def test_the_function_stays_and_the_model_comes_nearer(pair):
    one, other, inputs = pair
    expected = other(inputs)
    found = aligned(other.state_dict(), one.state_dict())
    assert kinship([one.state_dict(), found])[0, 1] > kinship([one.state_dict(), other.state_dict()])[0, 1] + 0.05
    other.load_state_dict(found)
    torch.testing.assert_close(other(inputs), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_a_model_whose_units_were_shuffled_is_given_back_bit_by_bit(pair, seed):
    one, other, _ = pair
    state = one.state_dict()
    shuffled = aligned(state, other.state_dict())  # to weights that are nothing to it
    assert any(not torch.equal(shuffled[name], state[name]) for name in state)
    found = aligned(shuffled, state, seed=seed)
    assert list(found) == list(state)
    assert all(torch.equal(found[name], state[name]) for name in state)


def nearness(one, other):
    return sum(float((one[name].double() * other[name].double()).sum()) for name in one)


@pytest.mark.parametrize("seed", range(5))
def test_one_hidden_layer_is_aligned_as_well_as_by_any_order(seed):
    generator = torch.Generator().manual_seed(seed)
    shapes = {"0.weight": (5, 3), "0.bias": (5,), "2.weight": (2, 5), "2.bias": (2,)}
    one, other = ({name: torch.randn(s, generator=generator) for name, s in shapes.items()} for _ in range(2))
    orders = [
        other | {"0.weight": other["0.weight"][p], "0.bias": other["0.bias"][p], "2.weight": other["2.weight"][:, p]}
        for p in map(list, permutations(range(5)))
    ]
    best = max(nearness(one, each) for each in orders)
    assert nearness(one, aligned(other, one)) == pytest.approx(best, rel=1e-12), f"{seed=}"


def test_units_that_are_alike_stay_in_their_order():
    state = {"0.weight": torch.ones(4, 3), "2.weight": torch.ones(2, 4)}
    found = aligned(state, state)
    assert all(found[name] is state[name] for name in state)


def test_inputs_are_not_changed():
    one, other = mlp().state_dict(), mlp().state_dict()
    before = [{name: tensor.clone() for name, tensor in each.items()} for each in (one, other)]
    aligned(other, one)
    assert all(torch.equal(old[name], new[name]) for old, new in zip(before, (one, other), strict=True) for name in old)


def test_the_barrier_between_two_trainings_on_digits_falls():
    """Five pairs, 600 steps each: 0.28 (0.05) -> 0.021 (0.005) nats with one hidden layer of 128, see the log."""
    stack, (inputs, labels) = Stack(MLP((64, 64, 10))), digits.load()["train"]
    one, other = (fit(stack, inputs, labels, steps=150, batch=64, learning_rate=0.01, seed=seed) for seed in (0, 1))
    module, (seen, right) = stack.module(), digits.load()["report"]

    @torch.no_grad()
    def height(second):
        def loss(c):
            module.load_state_dict(merge(None, [one, second], c.tolist()))
            return nn.functional.cross_entropy(module(seen), right)

        return barrier(loss)[0]

    apart, near = height(other), height(aligned(other, one))
    assert apart > 0.15 and near < 0.35 * apart


def test_what_is_no_sequence_is_refused():
    one = {"a.weight": torch.ones(4, 3), "b.weight": torch.ones(2, 5)}
    with pytest.raises(MergeError, match=r"b\.weight: expected a layer behind 'a\.weight', which has 4 units, got \(2"):
        aligned(one, one)
    one = {"a.weight": torch.ones(4, 3), "b.bias": torch.ones(5)}
    with pytest.raises(MergeError, match=r"b\.bias: expected a vector of one number for each unit of the weights bef"):
        aligned(one, one)
    with pytest.raises(MergeError, match=r"state: expected at least one weight matrix, got \['n'\]"):
        aligned({"n": torch.tensor(1)}, {"n": torch.tensor(1)})
    with pytest.raises(MergeError, match=r"state 1 'w': expected shape \(2, 2\) as in state 0, got \(3, 2\)"):
        aligned({"w": torch.ones(3, 2)}, {"w": torch.ones(2, 2)})
