"""Every rule of trainers/layers against torch.func.vmap of the ordinary module, and what a stack is."""

import copy

import pytest
import torch
from torch import nn

from trainers.cached import fingerprint
from trainers.engines import vmap
from trainers.layers import rules
from trainers.models.cnn import CNN
from trainers.models.gpt import GPT, adapt
from trainers.models.lora import LoRALinear
from trainers.models.mlp import MLP
from trainers.stack import Stack

B = 16  # and even sizes: on a CPU the products of tiny matrices round by where they lie, mod 16 bytes


class Positions(nn.Module):
    """Tokens (..., t) -> (..., t, d): indices that know of no examples beside those that do."""

    def __init__(self):
        super().__init__()
        self.token, self.position = nn.Embedding(11, 8), nn.Embedding(5, 8)

    def forward(self, tokens):
        return self.token(tokens) + self.position(torch.arange(tokens.shape[-1]))


class Partly(nn.Module):
    """A frozen part before a trained one."""

    def __init__(self, frozen, trained):
        super().__init__()
        self.frozen, self.trained = frozen.requires_grad_(False), trained

    def forward(self, inputs):
        return self.trained(self.frozen(inputs))


def bias_only(layer):
    layer.weight.requires_grad_(False)
    return layer


def image(*shape):
    return lambda generator: torch.randn(*shape, dtype=torch.float64, generator=generator)


def tokens(*shape):
    return lambda generator: torch.randint(11, shape, generator=generator)


# name -> (makes a module, makes inputs (b, ...))
CASES = {
    "mlp": (lambda: MLP((12, 10, 4)), image(B, 12)),
    "linear on tokens": (lambda: nn.Linear(12, 5), image(B, 3, 12)),
    "linear without bias": (lambda: nn.Linear(12, 5, bias=False), image(B, 12)),
    "linear, only its bias": (lambda: bias_only(nn.Linear(12, 5)), image(B, 12)),
    "frozen linear": (lambda: Partly(nn.Linear(12, 7), nn.Linear(7, 3)), image(B, 12)),
    "lora": (lambda: LoRALinear(nn.Linear(12, 8), 4, 6.0), image(B, 12)),
    "lora on tokens": (lambda: LoRALinear(nn.Linear(12, 8, bias=False), 4, 6.0), image(B, 4, 12)),
    "frozen lora": (lambda: Partly(LoRALinear(nn.Linear(12, 8), 4, 6.0), nn.Linear(8, 3)), image(B, 12)),
    "conv1d": (lambda: nn.Conv1d(3, 4, 3, padding=1), image(B, 3, 9)),
    "conv2d": (lambda: nn.Conv2d(2, 4, 3, stride=2, padding=1), image(B, 2, 8, 8)),
    "conv2d in groups": (lambda: nn.Conv2d(4, 6, 3, groups=2, bias=False), image(B, 4, 6, 6)),
    "conv2d, only its bias": (lambda: bias_only(nn.Conv2d(2, 4, 3)), image(B, 2, 6, 6)),
    "frozen conv2d": (lambda: Partly(nn.Conv2d(2, 4, 3), nn.Conv2d(4, 3, 3)), image(B, 2, 8, 8)),
    "layer norm": (lambda: nn.LayerNorm(12), image(B, 5, 12)),
    "layer norm of two axes": (lambda: nn.LayerNorm((5, 12)), image(B, 5, 12)),
    "layer norm without bias": (lambda: nn.LayerNorm(12, bias=False), image(B, 12)),
    "frozen layer norm": (lambda: Partly(nn.LayerNorm(12), nn.Linear(12, 3)), image(B, 12)),
    "group norm": (lambda: nn.GroupNorm(2, 6), image(B, 6, 4, 4)),
    "frozen group norm": (lambda: Partly(nn.GroupNorm(2, 6), nn.Conv2d(6, 3, 3)), image(B, 6, 4, 4)),
    "batch norm": (lambda: nn.BatchNorm2d(6, track_running_stats=False), image(B, 6, 4, 4)),
    "batch norm of vectors": (lambda: nn.BatchNorm1d(6, track_running_stats=False), image(B, 6)),
    "batch norm without weights": (
        lambda: nn.Sequential(nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6, affine=False, track_running_stats=False)),
        image(B, 2, 6, 6),
    ),
    "embedding": (lambda: nn.Embedding(11, 8), tokens(B, 5)),
    "embedding of positions": (Positions, tokens(B, 5)),
    "frozen embedding": (lambda: Partly(nn.Embedding(11, 8), nn.Linear(8, 3)), tokens(B, 5)),
    "flatten": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(), nn.Linear(64, 3)), image(B, 2, 6, 6)),
    "flatten from behind": (lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.Flatten(-2), nn.Linear(16, 3)),
                            image(B, 2, 6, 6)),
    "dropout": (lambda: nn.Sequential(nn.Linear(12, 64), nn.Dropout(0.4), nn.Linear(64, 3)), image(B, 12)),
    "two dropouts": (lambda: nn.Sequential(nn.Dropout(0.2), nn.Linear(12, 64), nn.Dropout(0.4), nn.Linear(64, 3)),
                     image(B, 12)),
    "cnn": (lambda: CNN(norm="group", dropout=0.3), image(B, 64)),
    "gpt": (lambda: GPT(layers=1, width=16, heads=2, vocabulary=11, context=5), tokens(B, 5)),
    "lora in gpt": (lambda: adapt(GPT(layers=1, width=16, heads=2, vocabulary=11, context=5)), tokens(B, 5)),
} | {
    f"{layer.__name__}": (
        lambda layer=layer: nn.Sequential(nn.Conv1d(2, 3, 3), layer(2), nn.Flatten(), nn.Linear(9, 2)),
        image(B, 2, 8),
    )
    for layer in (nn.MaxPool1d, nn.AvgPool1d)
} | {
    f"{layer.__name__} {place}": (
        lambda layer=layer, first=first: nn.Sequential(first(), layer(2), nn.Flatten(), nn.Linear(12, 2)),
        image(B, 2 if place == "after a convolution" else 3, *(2 * [6 if place == "after a convolution" else 4])),
    )
    for layer in (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
    for place, first in {"after a convolution": lambda: nn.Conv2d(2, 3, 3), "alone": nn.Identity}.items()
} | {
    layer.__name__: (lambda layer=layer: nn.Sequential(nn.Linear(12, 8), layer(), nn.Linear(8, 3)), image(B, 12))
    for layer in (nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Tanh, nn.Sigmoid, nn.Identity)
}  # fmt: skip


def prepared(name, k, *, dtype=torch.float64, own=False):
    """Stack, rows (k, p), inputs (1 or k, b, ...), keys (k,)."""
    make, draw = CASES[name]
    generator = torch.Generator().manual_seed(1)
    inputs = torch.stack([draw(generator) for _ in range(k)]) if own else draw(generator)[None]
    inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
    with torch.random.fork_rng():
        torch.manual_seed(0)
        stack = Stack(make()).to(torch.zeros(1, dtype=dtype))
    rows = torch.randn(k, stack.parameters, dtype=torch.float64, generator=generator).to(dtype) * 0.5
    keys = torch.randint(-(2**31), 2**31, (k,), generator=generator).to(torch.int32)
    return stack, rows, inputs, keys


def slope(function, leaves):
    """Outputs, and the gradient (k, p) of a curved function of them."""
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    outputs = function(leaves)
    slopes = torch.autograd.grad(outputs.sin().sum(), leaves)
    return outputs.detach(), torch.cat([each.flatten(1) for each in slopes], 1)


@pytest.mark.parametrize("own", [False, True], ids=["shared", "own"])
@pytest.mark.parametrize("name", CASES)
def test_a_rule_is_the_ordinary_layer_under_vmap(name, own, monkeypatch):
    stack, rows, inputs, keys = prepared(name, 5, own=own)
    leaves = stack.leaves(rows)
    expected = slope(lambda leaves: vmap.outputs(stack, leaves, inputs, keys), leaves)
    monkeypatch.setattr(Stack, "one", None)  # what follows cannot go through the ordinary module
    found = slope(lambda leaves: stack.forward(leaves, inputs, keys), leaves)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    assert found[0].shape[:2] == (5, B) and found[1].abs().max() > 0


@pytest.mark.parametrize("name", CASES)
def test_a_rows_bits_depend_neither_on_its_company_nor_on_who_shares_its_inputs(name):
    stack, rows, inputs, keys = prepared(name, 33, dtype=torch.float32)
    run = lambda places, inputs: slope(  # noqa: E731
        lambda leaves: stack.forward(leaves, inputs, keys[places]), stack.leaves(rows[places])
    )
    every = torch.arange(33)
    expected = run(every, inputs)
    for places, given in [
        (every, inputs.repeat(33, *[1] * (inputs.dim() - 1))),
        *[(every[i : i + 1], inputs) for i in (0, 7, 32)],
        (every[5:8], inputs), (every[[9, 4]], inputs), (every[:16].flip(0), inputs),
    ]:  # fmt: skip
        for one, other in zip(run(places, given), expected, strict=True):
            assert one.equal(other[places]), f"rows {places.tolist()}: {(one - other[places]).abs().max():.1e}"


def test_every_rule_has_a_case():
    seen = set()
    for make, _ in CASES.values():
        seen |= {type(layer) for layer in make().modules()}
    assert set(rules()) <= seen


def test_a_state_comes_back_from_its_row_in_memory_of_its_own_and_loads():
    stack = Stack(adapt(GPT(layers=1, width=16, heads=2, vocabulary=11, context=5)))
    state = stack.init(3)
    row = stack.row(state)
    back = stack.state(row)
    assert list(back) == list(stack.module().state_dict()) and fingerprint(back) == fingerprint(state)
    stack.module().load_state_dict(back)
    row.zero_()
    assert fingerprint(back) == fingerprint(state)


def test_only_what_is_trained_is_in_a_row():
    stack = Stack(adapt(GPT()))
    assert stack.parameters == 8192 and {layer.name.split(".")[-1] for layer in stack.layout} == {"down", "up"}
    assert [layer.start for layer in stack.layout] == [0, *[layer.stop for layer in stack.layout[:-1]]]


def test_hidden_are_the_linear_weights_between_the_first_and_the_last_matrix():
    hidden = [layer.name for layer in Stack(GPT(layers=1)).layout if layer.hidden]
    assert hidden == [f"blocks.0.{name}.weight" for name in ("attend", "gather", "widen", "narrow")]
    assert not any(layer.hidden for layer in Stack(CNN()).layout)
    assert not any(layer.hidden for layer in Stack(adapt(GPT())).layout)


def test_a_fresh_model_follows_from_its_seed_leaves_the_generator_alone_and_keeps_what_is_frozen():
    for module in (CNN(), adapt(GPT(layers=1)), MLP((5, 4))):
        stack, before = Stack(module), torch.get_rng_state()
        assert fingerprint(stack.init(1)) == fingerprint(stack.init(1)) != fingerprint(stack.init(2))
        assert torch.get_rng_state().equal(before)
        frozen = [name for name, tensor in module.named_parameters() if not tensor.requires_grad]
        assert all(stack.init(1)[name].equal(module.state_dict()[name]) for name in frozen)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight

    def forward(self, inputs):
        return self.second(self.first(inputs).relu())


def test_layers_that_share_a_weight_share_it_in_the_row():
    stack = Stack(Tied())
    assert stack.parameters == 36 + 6 + 6
    row = stack.row(stack.init(0))
    module = stack.module()
    module.load_state_dict(stack.state(row))
    inputs = torch.randn(B, 6, generator=torch.Generator().manual_seed(0))
    found = stack.forward(stack.leaves(row[None]), inputs[None])[0]
    torch.testing.assert_close(found, module(inputs).detach(), rtol=1e-5, atol=1e-5)


class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.linear = nn.Parameter(torch.ones(3)), nn.Linear(3, 2)

    def forward(self, inputs):
        return self.linear(inputs * self.scale)


class Custom(nn.Module):
    def forward(self, inputs):
        return inputs.flip(0)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.Linear(3, 3), Custom()), r"Custom \(1\) has no rule in trainers/layers.*Use engine 'vmap'"),
        (Bare(), r"Bare \(the module itself\) has parameters of its own \(scale\).*Use engine 'vmap'"),
        (nn.Sequential(nn.LSTM(3, 2)), r"LSTM \(0\) has parameters of its own.*Use engine 'vmap'"),
    ],
)
def test_what_has_no_rule_is_refused_by_name(module, message):
    stack = Stack(module)
    with pytest.raises(NotImplementedError, match=message):
        stack.forward(stack.leaves(torch.zeros(2, stack.parameters)), torch.zeros(1, B, 3))
    assert "cannot be stacked" in stack.refusal and Stack(MLP((3, 2))).refusal is None


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.BatchNorm2d(2), (2, 4, 4), "BatchNorm track_running_stats: expected False"),
        (nn.Conv2d(2, 2, 3, padding_mode="reflect", padding=1), (2, 4, 4), "padding_mode: expected 'zeros', got 'ref"),
        (nn.Embedding(5, 2, padding_idx=0), (3,), "expected no max_norm, scale_grad_by_freq, sparse nor padding_idx"),
    ],
)
def test_settings_without_a_rule_are_refused(layer, shape, message):
    stack = Stack(layer)
    with pytest.raises(ValueError, match=message):
        stack.forward(stack.leaves(torch.zeros(2, stack.parameters)), torch.zeros(1, B, *shape).long())


def test_inputs_come_with_a_row_axis():
    stack = Stack(MLP((3, 2)))
    with pytest.raises(ValueError, match=r"expected 1 or k = 4 in front, for the rows, got \(6, 3\)"):
        stack.forward(stack.leaves(torch.zeros(4, stack.parameters)), torch.zeros(6, 3))


def test_a_module_without_anything_to_train_is_refused():
    with pytest.raises(ValueError, match="parameters that ask for a gradient, got none"):
        Stack(nn.Linear(2, 2).requires_grad_(False))


def test_a_stack_does_not_hold_on_to_the_module_it_was_made_of():
    module = MLP((3, 2))
    stack = Stack(module)
    before = copy.deepcopy(stack.module().state_dict())
    module[0].weight.data.zero_()
    assert fingerprint(stack.module().state_dict()) == fingerprint(before)


def test_dropout_drops_its_share_and_keeps_the_mean_and_nothing_when_judged():
    stack = Stack(nn.Sequential(nn.Identity(), nn.Dropout(0.3), nn.Linear(1, 1)))
    rows = torch.tensor([[1.0, 0.0]] * 3)
    ones, keys = torch.ones(1, 20_000, 1), torch.tensor([1, 2, 2**31 - 1], dtype=torch.int32)
    found = stack.forward(stack.leaves(rows), ones, keys)
    assert ((found == 0).float().mean((1, 2)) - 0.3).abs().max() < 0.012  # 3.7 standard errors
    assert (found.mean((1, 2)) - 1).abs().max() < 0.02
    alike = (found[0] == 0).float().flatten() @ (found[1] == 0).float().flatten() / 20_000
    assert abs(alike - 0.09) < 0.01  # two rows are independent
    own = stack.forward(stack.leaves(rows), ones, keys, torch.tensor([0.0, 0.5, 0.9]))
    assert own[0].equal(ones[0]) and ((own == 0).float().mean((1, 2)) - torch.tensor([0, 0.5, 0.9])).abs().max() < 0.015
    assert stack.forward(stack.leaves(rows), ones).equal(ones.expand(3, -1, -1))
