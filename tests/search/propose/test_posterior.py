"""Functions drawn from a posterior: through the data, as BoTorch draws them, and as uncertain as it says."""

import pytest
import torch
from botorch.models import SingleTaskGP
from torch import Tensor

from search.propose import _posterior
from search.propose._posterior import draw


def data(n: int, outputs: int) -> tuple[Tensor, Tensor]:
    features = torch.rand(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    values = torch.stack([100.0 + torch.sin(3.0 * features.sum(1)), 1e-3 * features[:, 0] ** 2, features[:, 1]], dim=1)
    return features, values[:, :outputs]


@pytest.fixture(autouse=True)
def seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("outputs", [1, 3])
def test_every_draw_runs_through_what_was_seen(outputs: int) -> None:
    features, values = data(20, outputs)
    found = draw(features, values, 16)(features)
    assert found.shape == (16, 20, outputs)
    assert ((found - values).abs() < 0.1 * values.std(dim=0)).all()


@pytest.mark.parametrize("outputs", [1, 3])
def test_draws_are_those_of_botorch(outputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    original = _posterior.draw_matheron_paths
    monkeypatch.setattr(
        _posterior, "draw_matheron_paths", lambda *args, **known: kept.append(original(*args, **known)) or kept[0]
    )
    features, values = data(15, outputs)
    elsewhere = torch.rand(7, 2, dtype=torch.float64)
    found = draw(features, values, 8)(elsewhere)
    theirs = kept[0](elsewhere)
    theirs = theirs.unsqueeze(2) if outputs == 1 else theirs.transpose(1, 2)
    torch.testing.assert_close(found, theirs * values.std(dim=0) + values.mean(dim=0))


def test_draws_spread_as_the_posterior_does(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[SingleTaskGP] = []

    def keep(*args, **known) -> SingleTaskGP:
        kept.append(SingleTaskGP(*args, **known))
        return kept[0]

    monkeypatch.setattr(_posterior, "SingleTaskGP", keep)
    features, values = data(6, 1)
    elsewhere = torch.rand(50, 2, dtype=torch.float64)
    found = draw(features, values, 512)(elsewhere)[..., 0]
    posterior = kept[0].posterior(elsewhere)
    scale = values.std()
    torch.testing.assert_close(
        found.mean(0), posterior.mean[:, 0] * scale + values.mean(), rtol=0, atol=0.2 * scale.item()
    )
    spread = posterior.variance[:, 0].sqrt() * scale
    assert spread.max() > 3 * spread.min()
    torch.testing.assert_close(found.std(0), spread, rtol=0.3, atol=0.05 * scale.item())


def test_noise_is_seen_as_noise() -> None:
    features, values = data(60, 1)
    noisy = values + 0.5 * torch.randn(60, 1, dtype=torch.float64)
    found = draw(features, noisy, 64)(features).mean(dim=0)
    assert (found - values).abs().mean() < 0.5 * (noisy - values).abs().mean()


def test_draws_have_slopes() -> None:
    features, values = data(12, 3)
    at = draw(features, values, 4)
    point = torch.full((1, 2), 0.4, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(at(point)[..., 2].mean(), point)
    assert abs(slope[0, 1].item() - 1.0) < 0.2 and abs(slope[0, 0].item()) < 0.2


@pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning")
@pytest.mark.parametrize("outputs", [1, 3])
def test_what_is_not_known_is_as_if_it_were_not_there(outputs: int) -> None:
    features, values = data(20, outputs)
    variances = torch.zeros_like(values)
    variances[15:] = torch.inf
    values = torch.where(variances > 0, 1e9, values)
    elsewhere = torch.rand(50, 2, dtype=torch.float64)
    found = draw(features, values, 256, variances)(elsewhere)
    without = draw(features[:15], values[:15], 256)(elsewhere)
    scale = values[:15].std(dim=0)
    torch.testing.assert_close(found.mean(0) / scale, without.mean(0) / scale, rtol=0, atol=0.1)


def test_draws_spread_as_far_as_values_are_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[SingleTaskGP] = []
    monkeypatch.setattr(
        _posterior, "SingleTaskGP", lambda *args, **known: kept.append(SingleTaskGP(*args, **known)) or kept[0]
    )
    features, values = data(80, 1)
    values = values + 0.5 * torch.randn(80, 1, dtype=torch.float64)  # noise to be learned
    variances = torch.where(features[:, :1] > 0.5, 4.0, 0.0)
    found = draw(features, values, 512, variances)(features)[..., 0]
    posterior = kept[0].posterior(features)
    scale = values.std()
    spread = posterior.variance[:, 0].sqrt() * scale
    torch.testing.assert_close(found.std(0), spread, rtol=0.25, atol=0.02 * scale.item())
    mean = posterior.mean[:, 0] * scale + values.mean()
    torch.testing.assert_close(found.mean(0), mean, rtol=0, atol=0.2 * scale.item())
    assert spread[features[:, 0] > 0.7].mean() > 1.5 * spread[features[:, 0] < 0.3].mean()
    assert kept[0].likelihood.second_noise.item() * scale**2 > 0.1
