"""Every divergence against its definition on probabilities, and the limits and relations that are known."""

import importlib
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch

from objectives.divergences import (
    alpha,
    cauchy_schwarz,
    forward_kl,
    pearson_chi2,
    renyi,
    reverse_kl,
    squared_hellinger,
    tsallis,
)


def kl(p, q):
    return np.sum(p * np.log(p / q), -1)


def power_sum(p, q, order):
    return np.sum(p**order * q ** (1 - order), -1)


def alpha_by_definition(p, q, order):
    if order in (0, 1):
        return kl(p, q) if order == 1 else kl(q, p)
    return (power_sum(p, q, order) - 1) / (order * (order - 1))


DEFINITIONS = {
    "forward_kl": kl,
    "reverse_kl": lambda p, q: kl(q, p),
    "jeffreys": lambda p, q: np.sum((p - q) * np.log(p / q), -1),
    "jensen_shannon": lambda p, q: kl(p, (p + q) / 2) / 2 + kl(q, (p + q) / 2) / 2,
    "alpha": alpha_by_definition,
    "renyi": lambda p, q, order: kl(p, q) if order == 1 else np.log(power_sum(p, q, order)) / (order - 1),
    "tsallis": lambda p, q, order: (
        kl(p, q) if order == 1 else -np.sum(p * ((q / p) ** (1 - order) - 1) / (1 - order), -1)
    ),
    "squared_hellinger": lambda p, q: np.sum((np.sqrt(p) - np.sqrt(q)) ** 2, -1),
    "total_variation": lambda p, q: np.sum(np.abs(p - q), -1) / 2,
    "pearson_chi2": lambda p, q: np.sum((p - q) ** 2 / q, -1),
    "cauchy_schwarz": lambda p, q: -np.log(np.sum(p * q, -1) ** 2 / (np.sum(p * p, -1) * np.sum(q * q, -1))),
}

# f of E_q[f(p/q)], for those that are f-divergences without a setting
GENERATORS = {
    "forward_kl": lambda u: u * np.log(u),
    "reverse_kl": lambda u: -np.log(u),
    "jeffreys": lambda u: (u - 1) * np.log(u),
    "jensen_shannon": lambda u: (u * np.log(u) - (u + 1) * np.log((u + 1) / 2)) / 2,
    "squared_hellinger": lambda u: (np.sqrt(u) - 1) ** 2,
    "total_variation": lambda u: np.abs(u - 1) / 2,
    "pearson_chi2": lambda u: (u - 1) ** 2,
}


def nasty_logits():
    """Pairs (6, 4): sure of different classes, sure and unsure, near ties, exact ties, a lost class."""
    p_logits = [[9, 0, 0, 0], [9, 0, 0, 0], [0, 0, 0, 1e-3], [1, 1, 2, 2], [0, 0, 0, -9], [0, 0, 0, 0]]
    q_logits = [[0, 9, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [2, 2, 1, 1], [0, 0, 0, 0], [0, 0, 0, -9]]
    return torch.tensor(p_logits, dtype=torch.float64), torch.tensor(q_logits, dtype=torch.float64)


def probabilities(logits):
    powers = np.exp(logits.double().numpy())
    return powers / powers.sum(-1, keepdims=True)


def by_definition(name, p_logits, q_logits, **settings):
    return DEFINITIONS[name](probabilities(p_logits), probabilities(q_logits), **settings)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("nasty", [False, True])
def test_it_is_its_definition(member, logits, dtype, nasty):
    p_logits, q_logits = (side.to(dtype) for side in (nasty_logits() if nasty else logits))
    expected = by_definition(member.name, p_logits, q_logits, **member.settings)
    tolerance = {"rtol": 2e-5, "atol": 1e-6} if dtype is torch.float32 else {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(member(p_logits, q_logits).numpy(), expected, **tolerance)


def test_it_is_its_definition_over_many_classes(member):
    generator = torch.Generator().manual_seed(0)
    p_logits, q_logits = torch.randn(2, 3, 5000, dtype=torch.float64, generator=generator)
    expected = by_definition(member.name, p_logits, q_logits, **member.settings)
    np.testing.assert_allclose(member(p_logits, q_logits).numpy(), expected, rtol=1e-10)


@pytest.mark.parametrize("name", GENERATORS)
def test_it_is_the_expectation_of_its_generator(name, logits):
    p, q = map(probabilities, logits)
    expected = np.sum(q * GENERATORS[name](p / q), -1)
    module = importlib.import_module(f"objectives.divergences.{name}")
    np.testing.assert_allclose(module.divergence(*logits).numpy(), expected, rtol=1e-9, atol=1e-12)


def test_the_definitions_know_nothing_of_what_they_check(member, logits, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a definition called what it checks")

    expected = by_definition(member.name, *logits, **member.settings)
    arrays = [probabilities(side) for side in logits]
    for name in DEFINITIONS:
        monkeypatch.setattr(f"objectives.divergences.{name}.divergence", refuse)
    monkeypatch.setattr(torch.Tensor, "log_softmax", refuse)
    monkeypatch.setattr(torch.Tensor, "logsumexp", refuse)
    np.testing.assert_array_equal(DEFINITIONS[member.name](*arrays, **member.settings), expected)
    with pytest.raises(AssertionError, match="a definition called what it checks"):
        member(*logits)


def test_the_definitions_reject_every_other_divergence_and_a_slightly_wrong_order(member, members):
    nudged = {key: value + 0.01 for key, value in member.settings.items()}
    values = member(*nasty_logits(), **nudged).numpy()
    for other in members:
        if other != member or nudged:
            settings = {key: value + 0.02 for key, value in other.settings.items()}
            expected = by_definition(other.name, *nasty_logits(), **settings)
            assert not np.allclose(values, expected, rtol=2e-5, atol=1e-6), str(other)


@pytest.fixture
def sixty_digits():
    with localcontext(prec=60):
        yield


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("gap", [0.0, 1e-12, 1e-7, 1e-5, 1e-3])
@pytest.mark.parametrize("limit", [0.0, 1.0])
@pytest.mark.parametrize("module", [alpha, renyi, tsallis], ids=lambda module: module.__name__.split(".")[-1])
def test_no_precision_is_lost_next_to_a_limit(module, limit, gap, dtype, sixty_digits):
    p_logits, q_logits = torch.tensor([[0.5, -1.0, 2.0], [0.3, 0.1, -0.4]], dtype=dtype)
    for sign in (1, -1):
        order = torch.tensor(limit + sign * gap, dtype=dtype)
        p, q = ([Decimal(x).exp() for x in side.tolist()] for side in (p_logits, q_logits))
        p, q = [x / sum(p) for x in p], [x / sum(q) for x in q]
        exact = Decimal(order.item()) + (Decimal("1e-25") if order.item() in (0, 1) else 0)
        total = sum(x**exact * y ** (1 - exact) for x, y in zip(p, q, strict=True))
        expected = {
            alpha: (total - 1) / (exact * (exact - 1)),
            tsallis: (total - 1) / (exact - 1),
            renyi: total.ln() / (exact - 1),
        }[module]
        precision = 1e-6 if dtype is torch.float32 else 1e-14
        value = module.divergence(p_logits, q_logits, order=order).item()
        assert value == pytest.approx(float(expected), rel=precision, abs=precision), f"{order.item()=}"


def assert_equal(first, second):
    torch.testing.assert_close(first, second, rtol=1e-12, atol=1e-14)


def test_alpha_reaches_both_kls_hellinger_and_half_of_pearson(logits):
    overlap = (torch.softmax(logits[0], -1) * torch.softmax(logits[1], -1)).sqrt().sum(-1)
    assert_equal(alpha.divergence(*logits, order=1.0), forward_kl.divergence(*logits))
    assert_equal(alpha.divergence(*logits, order=0.0), reverse_kl.divergence(*logits))
    assert_equal(alpha.divergence(*logits, order=0.5), 4 * (1 - overlap))
    assert_equal(alpha.divergence(*logits, order=2.0), pearson_chi2.divergence(*logits) / 2)


def test_alpha_mirrors_its_arguments_at_one_minus_the_order(logits):
    for order in (-1.0, 0.25, 0.5, 2.0):
        mirrored = alpha.divergence(*reversed(logits), order=1 - order)
        assert_equal(alpha.divergence(*logits, order=order), mirrored)


def test_tsallis_reaches_kl_pearson_and_hellinger(logits):
    assert_equal(tsallis.divergence(*logits, order=1.0), forward_kl.divergence(*logits))
    assert_equal(tsallis.divergence(*logits, order=2.0), pearson_chi2.divergence(*logits))
    assert_equal(tsallis.divergence(*logits, order=0.5), squared_hellinger.divergence(*logits))


def test_renyi_reaches_kl_the_overlap_and_the_logarithm_of_pearson(logits):
    overlap = (torch.softmax(logits[0], -1) * torch.softmax(logits[1], -1)).sqrt().sum(-1)
    assert_equal(renyi.divergence(*logits, order=1.0), forward_kl.divergence(*logits))
    assert_equal(renyi.divergence(*logits, order=0.5), -2 * overlap.log())
    assert_equal(renyi.divergence(*logits, order=2.0), pearson_chi2.divergence(*logits).log1p())


def test_renyi_never_decreases_in_its_order(logits):
    orders = torch.linspace(0.05, 3.0, 60, dtype=torch.float64)[:, None]
    assert (renyi.divergence(*logits, order=orders).diff(dim=0) >= -1e-14).all()


def test_cauchy_schwarz_is_minus_twice_the_log_cosine(logits):
    p, q = (side.softmax(-1) for side in logits)
    assert_equal(cauchy_schwarz.divergence(*logits), -2 * torch.cosine_similarity(p, q, dim=-1).log())


def test_the_gradient_of_forward_kl_in_the_model_is_q_minus_p(logits):
    q_logits = logits[1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(forward_kl.divergence(logits[0], q_logits).sum(), q_logits)
    assert_equal(gradient, q_logits.detach().softmax(-1) - logits[0].softmax(-1))


@pytest.mark.parametrize("exponent", [30.0, 39.9, 40.1, 60.0, 1000.0])
def test_beyond_e_to_the_40_pearson_goes_on_as_the_tangent(exponent):
    # An even p of two classes: the term of the second is e^gap / 4, and nothing else counts beside it.
    gap = exponent + math.log(4)
    q_logits = torch.tensor([0.0, -gap], dtype=torch.float64, requires_grad=True)
    value = pearson_chi2.divergence(torch.zeros(2, dtype=torch.float64), q_logits)
    (gradient,) = torch.autograd.grad(value, q_logits)
    reached = math.exp(min(exponent, 40))
    assert value.item() == pytest.approx(reached * (1 + max(exponent - 40, 0)), rel=1e-9)
    assert gradient[1].item() == pytest.approx(-reached, rel=1e-9)
