"""Processes: what they predict, what they leave out, which kernel they trust, and the functions drawn from them."""

import math

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from torch import Tensor

from search.propose import _fit
from search.propose._draws import draw
from search.propose._fit import fit
from search.propose._mode import JITTER, Priors
from search.propose._process import Process

BLOCKS = [slice(0, 1), slice(1, 2)]


def data(n: int, outputs: int) -> tuple[Tensor, Tensor]:
    features = torch.rand(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    second, third = 1e-3 * (2.0 + features[:, 0] ** 2), features[:, 1] - 2.0
    values = torch.stack([100.0 + torch.sin(3.0 * features.sum(1)), second, third], dim=1)
    return features, values[:, :outputs]


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def elsewhere(n: int = 50) -> Tensor:
    return torch.rand(n, 2, dtype=torch.float64, generator=stream(7))


def by_hand(length: float, noise: float) -> tuple[Process, Tensor]:
    """A process with one Gaussian row of full shares."""
    seen, values = data(12, 1)
    raw = [math.log(length)] * 2 + [40.0] * 2 + [math.log(noise - JITTER), 0.0, 0.0]
    made = Process(
        blocks=BLOCKS, seen=seen, values=(values - 100.0).T, shift=torch.tensor([100.0]), unit=torch.ones(1),
        extra=None, priors=Priors(), raw=torch.tensor([raw], dtype=torch.float64), owner=torch.tensor([0]), smooth=1,
    )  # fmt: skip
    return made, values - 100.0


def test_it_predicts_what_another_library_predicts() -> None:
    made, values = by_hand(0.7, 0.01)
    theirs = GaussianProcessRegressor(RBF(0.7) + WhiteKernel(0.01), optimizer=None)
    theirs.fit(made.seen.numpy(), values.numpy()[:, 0])
    mean, deviation = made.predict(elsewhere())
    expected, spread = theirs.predict(elsewhere().numpy(), return_std=True)
    np.testing.assert_allclose(mean[:, 0].numpy() - 100.0, expected, rtol=1e-6)
    np.testing.assert_allclose(deviation[:, 0].square().numpy() + 0.01, spread**2, rtol=1e-6)


def test_leaving_one_out_is_leaving_it_out() -> None:
    made, values = by_hand(0.7, 0.01)
    mean, deviation = made.left_out
    for row in range(12):
        others = np.delete(np.arange(12), row)
        theirs = GaussianProcessRegressor(RBF(0.7) + WhiteKernel(0.01), optimizer=None)
        theirs.fit(made.seen.numpy()[others], values.numpy()[others, 0])
        expected, spread = theirs.predict(made.seen.numpy()[[row]], return_std=True)
        np.testing.assert_allclose([mean[0, row], deviation[0, row]], [expected[0], spread[0]], rtol=1e-6)


def test_the_kernel_that_predicts_better_counts_for_more() -> None:
    x = torch.linspace(0.0, 1.0, 40, dtype=torch.float64)
    seen = torch.stack([x, torch.zeros_like(x)], dim=1)
    smooth, rough = torch.sin(7.0 * x), (3.0 * x % 1.0 - 0.5).abs() - 0.25  # a zigzag
    weights = fit(BLOCKS, seen, torch.stack([smooth, rough], dim=1)).weights  # two Gaussian rows, then two Matern ones
    torch.testing.assert_close(weights[:2] + weights[2:], torch.ones(2, dtype=torch.float64))
    assert weights[0] > 0.6 and weights[3] > 0.6


@pytest.mark.parametrize("outputs", [1, 3])
def test_every_draw_runs_through_what_was_seen(outputs: int) -> None:
    features, values = data(20, outputs)
    found = draw(fit(BLOCKS, features, values), 16, stream())(features)
    assert found.shape == (16, 20, outputs)
    assert ((found - values).abs() < 0.1 * values.std(dim=0)).all()


@pytest.mark.parametrize("outputs", [1, 3])
def test_draws_spread_as_the_prediction_does(outputs: int) -> None:
    features, values = data(6, outputs)
    process = fit(BLOCKS, features, values)
    mean, deviation = process.predict(elsewhere())
    # of several sets of waves, as the waves of one set are common to its draws
    found = torch.cat([draw(process, 256, stream(seed))(elsewhere()) for seed in range(8)])
    scale = values.std(dim=0)
    torch.testing.assert_close(found.mean(0) / scale, mean / scale, rtol=0, atol=0.1)
    assert (deviation.amax(dim=0) > 3 * deviation.amin(dim=0)).all()
    torch.testing.assert_close(found.std(0) / scale, deviation / scale, rtol=0.2, atol=0.02)


def test_draws_of_one_output_say_nothing_of_another() -> None:
    features, values = data(6, 3)
    found = draw(fit(BLOCKS, features, values), 2048, stream())(elsewhere(1))[:, 0]
    assert (torch.corrcoef(found.T) - torch.eye(3)).abs().max() < 0.1


def test_noise_is_seen_as_noise() -> None:
    features, values = data(60, 1)
    noisy = values + 0.5 * torch.randn(60, 1, dtype=torch.float64, generator=stream())
    process = fit(BLOCKS, features, noisy)
    found = draw(process, 64, stream())(features).mean(dim=0)
    assert (found - values).abs().mean() < 0.5 * (noisy - values).abs().mean()
    assert (process.hyper.noise * process.unit[process.owner] ** 2 > 0.1).all()


def test_repeats_of_a_point_tell_of_its_noise_and_share_it() -> None:
    """The same points four times: the mean of a point's values is known to half of the deviation of one."""
    features, values = data(12, 1)
    noisy = values.repeat(4, 1) + 0.3 * torch.randn(48, 1, dtype=torch.float64, generator=stream(3))
    process = fit(BLOCKS, features.repeat(4, 1), noisy)
    deviation = (process.hyper.noise * process.unit[process.owner] ** 2).sqrt()
    assert ((deviation > 0.2) & (deviation < 0.4)).all()
    _, spread = process.predict(features)
    assert (spread[:, 0] < 0.2).all()


def test_draws_have_slopes() -> None:
    features, values = data(12, 3)
    at = draw(fit(BLOCKS, features, values), 4, stream())
    point = torch.full((1, 2), 0.4, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(at(point)[..., 2].mean(), point)
    assert abs(slope[0, 1].item() - 1.0) < 0.2 and abs(slope[0, 0].item()) < 0.2


@pytest.mark.parametrize("outputs", [1, 3])
def test_what_is_not_known_is_as_if_it_were_not_there(outputs: int) -> None:
    features, values = data(20, outputs)
    variances = torch.zeros_like(values)
    variances[15:] = torch.inf
    hidden = torch.where(variances > 0, 1e9, values)
    found, _ = fit(BLOCKS, features, hidden, variances).predict(elsewhere())
    without, _ = fit(BLOCKS, features[:15], values[:15]).predict(elsewhere())
    scale = values[:15].std(dim=0)
    torch.testing.assert_close(found / scale, without / scale, rtol=0, atol=0.02)


def test_draws_spread_as_far_as_values_are_uncertain() -> None:
    features, values = data(80, 1)
    noisy = values + 0.5 * torch.randn(80, 1, dtype=torch.float64, generator=stream())
    process = fit(BLOCKS, features, noisy, torch.where(features[:, :1] > 0.5, 4.0, 0.0))
    _, deviation = process.predict(features)
    spread = draw(process, 1024, stream())(features)[..., 0].std(0)
    torch.testing.assert_close(spread, deviation[:, 0], rtol=0.2, atol=0.02)
    assert spread[features[:, 0] > 0.7].mean() > 1.5 * spread[features[:, 0] < 0.3].mean()


def test_many_points_are_all_known_though_few_tell_of_hyperparameters(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    original = _fit.mode_of
    monkeypatch.setattr(_fit, "FITTED", (40, 40))  # at least and at most
    monkeypatch.setattr(_fit, "mode_of", lambda b, seen, *known: told.append(len(seen)) or original(b, seen, *known))
    features, values = data(200, 1)
    process = fit(BLOCKS, features, values)
    assert told == [40] and len(process.seen) == 200
    torch.testing.assert_close(process.predict(features)[0], values, rtol=0, atol=0.01)


def test_equal_values_are_no_hindrance() -> None:
    features, _ = data(9, 1)
    mean, deviation = fit(BLOCKS, features, torch.ones(9, 2, dtype=torch.float64)).predict(elsewhere())
    assert torch.allclose(mean, torch.ones_like(mean), atol=0.1) and deviation.isfinite().all()
