import pytest
import torch
from torch.nn.functional import layer_norm

from trainers.models.gpt import GPT, adapt, folded
from trainers.stack import Stack

SMALL = {"layers": 3, "width": 16, "heads": 4, "vocabulary": 20, "context": 12}


def made(seed=0, **own):
    model = GPT(**SMALL, **own).double()
    model.reset(torch.Generator().manual_seed(seed))
    return model


def tokens(*shape):
    return torch.randint(SMALL["vocabulary"], shape, generator=torch.Generator().manual_seed(1))


def adapted(rank=3, alpha=6.0):
    """Adapters that do something: a fresh one adds 0."""
    model = adapt(made(), rank, alpha)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.requires_grad:
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype))
                assert name.endswith((".down", ".up"))
    return model


def written_out(state, sequence):
    """Logits (t, v) of tokens (t,) by the textbook formulas, one head and one position at a time."""
    t, d, heads = len(sequence), SMALL["width"], SMALL["heads"]
    size = d // heads
    hidden = state["token.weight"][sequence] + state["position.weight"][:t]
    for i in range(SMALL["layers"]):
        part = {name.split(".", 2)[2]: each for name, each in state.items() if name.startswith(f"blocks.{i}.")}
        norms = [(part[f"{name}.weight"], part[f"{name}.bias"]) for name in ("attention_norm", "perceptron_norm")]
        query, key, value = (layer_norm(hidden, (d,), *norms[0]) @ part["attend.weight"].T).split(d, -1)
        found = torch.zeros_like(hidden)
        for head in range(heads):
            own = slice(head * size, (head + 1) * size)
            for place in range(t):
                scores = key[: place + 1, own] @ query[place, own] / size**0.5
                found[place, own] = scores.softmax(0) @ value[: place + 1, own]
        hidden = hidden + found @ part["gather.weight"].T
        wide = layer_norm(hidden, (d,), *norms[1]) @ part["widen.weight"].T
        wide = wide / 2 * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (wide + 0.044715 * wide**3)))
        hidden = hidden + wide @ part["narrow.weight"].T
    return layer_norm(hidden, (d,), state["norm.weight"], state["norm.bias"]) @ state["head.weight"].T


def test_the_logits_are_those_of_the_textbook_formulas():
    model, sequences = made(), tokens(2, 12)
    for sequence, logits in zip(sequences, model(sequences).detach(), strict=True):
        expected = written_out(model.state_dict(), sequence)
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)


def test_a_logit_follows_from_the_tokens_up_to_its_own():
    model, sequences = made(), tokens(1, 12)
    changed = sequences.clone()
    changed[0, 7] = (changed[0, 7] + 1) % SMALL["vocabulary"]
    moved = (model(sequences) != model(changed)).any(-1)[0]
    assert moved.tolist() == [False] * 7 + [True] * 5


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_model_from_a_block_on_continues_the_features_below_it(depth):
    model, upper = made(), GPT(**SMALL, first=depth).double()
    upper.load_state_dict({name: model.state_dict()[name] for name in upper.state_dict()})
    assert upper(model.features(tokens(3, 9), depth)).equal(model(tokens(3, 9)))
    assert all(
        name.startswith(("norm", "head", *(f"blocks.{i}." for i in range(depth, 3)))) for name in upper.state_dict()
    )


@pytest.mark.parametrize("kind", ["plain", "adapted", "upper", "head"])
@pytest.mark.parametrize("shape", [(8, 12), (4, 2, 12)])
def test_every_row_of_a_stack_is_the_ordinary_module(kind, shape):
    model = {"plain": made, "adapted": adapted, "upper": lambda: made(first=1), "head": lambda: made(first=3)}[kind]()
    generator = torch.Generator().manual_seed(3)
    inputs = tokens(*shape) if not model.first else torch.randn(*shape, 16, dtype=torch.float64, generator=generator)
    stack = Stack(model)
    noise = torch.randn(3, stack.parameters, dtype=torch.float64, generator=generator)
    rows = stack.row(model.state_dict()) + 0.05 * noise
    found = stack.forward(stack.leaves(rows), inputs[None])
    assert found.shape == (3, *shape, SMALL["vocabulary"])
    for row, logits in zip(rows, found, strict=True):
        module = stack.module()
        module.load_state_dict(stack.state(row))
        torch.testing.assert_close(logits, module(inputs).detach(), rtol=0, atol=1e-12)


def test_adapters_are_all_that_is_trained_and_begin_as_nothing():
    model, sequences = made(), tokens(2, 12)
    before = model(sequences)
    adapt(model, rank=3)
    trained = {name: tensor.numel() for name, tensor in model.named_parameters() if tensor.requires_grad}
    assert len(trained) == 3 * 4 * 2
    assert sum(trained.values()) == 3 * 3 * ((16 + 48) + (16 + 16) + (16 + 64) + (64 + 16))
    torch.testing.assert_close(model(sequences), before, rtol=0, atol=1e-15)
    assert sum(tensor.numel() for tensor in adapt(GPT()).parameters() if tensor.requires_grad) == 8192


def test_folded_weights_do_what_the_adapters_do():
    model, plain = adapted(), GPT(**SMALL).double()
    plain.load_state_dict(folded(model))
    assert list(folded(made())) == list(made().state_dict())
    torch.testing.assert_close(plain(tokens(4, 12)), model(tokens(4, 12)), rtol=0, atol=1e-12)
    assert (plain(tokens(4, 12)) - made()(tokens(4, 12))).abs().max() > 0.1  # the adapters did something


def test_a_fresh_model_follows_from_its_seed_and_knows_nothing():
    stack = Stack(GPT())
    assert stack.row(stack.init(1)).equal(stack.row(stack.init(1)))
    assert not stack.row(stack.init(1)).equal(stack.row(stack.init(2)))
    model = stack.module()
    model.load_state_dict(stack.init(1))
    sequences = torch.randint(256, (8, 65), generator=torch.Generator().manual_seed(0))
    logits = model(sequences[:, :-1])
    surprise = torch.nn.functional.cross_entropy(logits.flatten(0, 1), sequences[:, 1:].flatten())
    assert surprise.item() == pytest.approx(torch.tensor(256.0).log().item(), abs=0.25)


def test_a_fresh_start_leaves_what_is_frozen():
    model = adapt(made(), rank=2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.reset(torch.Generator().manual_seed(9))
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="GPT first: expected 0 to 2, the number of layers, got 3"):
        GPT(first=3)
    with pytest.raises(ValueError, match="GPT width: expected a multiple of heads = 4, got 30"):
        GPT(width=30)
