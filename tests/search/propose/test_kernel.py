"""The covariance of a space: its laws, and that its waves have it."""

import pytest
import torch
from torch import Tensor

from search.propose import _kernel
from search.propose._features import Layout
from search.propose._kernel import correlation, kinds, waves
from tests.search.propose.worlds import MIXED

BLOCKS = [slice(0, 1), slice(1, 4), slice(4, 6)]  # a number, a choice of three, a number and a half


def points(n: int, seed: int = 0) -> Tensor:
    stream = torch.Generator().manual_seed(seed)
    found = torch.rand(n, 6, generator=stream, dtype=torch.float64)
    found[:, 1:4] = torch.eye(3, dtype=torch.float64)[torch.randint(3, (n,), generator=stream)]
    return found


def settings(share: float = 0.6) -> tuple[Tensor, Tensor]:
    length = torch.tensor([0.3, 0.8, 0.8, 5.0, 1.0, 0.5], dtype=torch.float64)
    return length.expand(2, 6), torch.full((2, 3), share, dtype=torch.float64)


def by_distance(kind: int, squared: Tensor) -> Tensor:
    """The Gaussian, and the Matern correlation of smoothness 5/2 (Rasmussen and Williams 2006, equation 4.17)."""
    far = (5.0 * squared).sqrt()
    return [(-squared / 2.0).exp(), (1.0 + far + far**2 / 3.0) * (-far).exp()][kind]


def by_definition(kind: int, length: Tensor, share: Tensor, x: Tensor, y: Tensor) -> float:
    found = 1.0
    for place, columns in enumerate(BLOCKS):
        squared = (((x - y)[columns] / length[columns]) ** 2).sum()
        found *= 1.0 - share[place] + share[place] * by_distance(kind, squared)
    return float(found)


def test_it_is_its_formula() -> None:
    (length, share), left, right = settings(), points(5), points(4, seed=1)
    found = correlation(BLOCKS, length, share, left, right, smooth=1)
    for kind in (0, 1):
        expected = [[by_definition(kind, length[0], share[0], x, y) for y in right] for x in left]
        torch.testing.assert_close(found[kind], torch.tensor(expected, dtype=torch.float64), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("share", [0.01, 0.6, 0.99])
def test_it_is_a_covariance_with_ones_at_distance_zero(share: float) -> None:
    several = points(60)
    found = correlation(BLOCKS, *settings(share), several, several, smooth=1)
    assert torch.linalg.eigvalsh(found).min() > -1e-9
    torch.testing.assert_close(found.diagonal(dim1=1, dim2=2), torch.ones(2, 60, dtype=torch.float64))


def test_options_with_great_lengths_are_alike() -> None:
    length, share = settings(1.0)
    length = torch.tensor([1.0, 50.0, 50.0, 0.5, 1.0, 1.0], dtype=torch.float64).expand(2, 6)
    several = points(1).repeat(3, 1)
    several[:, 1:4] = torch.eye(3, dtype=torch.float64)
    found = correlation(BLOCKS, length, share, several, several, smooth=1)
    assert (found[:, 0, 1] > 0.99).all() and (found[:, 0, 2] < 0.2).all()


def test_what_is_active_in_neither_point_carries_no_distance() -> None:
    """And an order that exists for one divergence only is at one distance from the middle of its range elsewhere."""
    layout = Layout(MIXED)
    common = {"learning_rate": 0.01, "depth": 2, "temperature": 2.0}
    common |= {"weights.labels": 0.2, "weights.teacher": 0.3, "weights.entropy": 0.5}
    several = layout([{"divergence": "forward_kl", **common}] * 2 + [
        {"divergence": "alpha", "divergence.alpha.order": order, **common} for order in (-1.0, 2.0)
    ])  # fmt: skip
    length = torch.full((2, several.shape[1]), 0.5, dtype=torch.float64)
    share = torch.full((2, len(layout.blocks)), 0.9, dtype=torch.float64)
    found = correlation(layout.blocks, length, share, several, several, smooth=1)
    torch.testing.assert_close(found[:, 0, 1], torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(found[:, 0, 2], found[:, 0, 3])
    assert (found[:, 2, 3] < found[:, 0, 0]).all()


def test_its_waves_have_it() -> None:
    (length, share), several = settings(), points(20)
    frequency, phase = waves(BLOCKS, length, share, 60_000, torch.Generator().manual_seed(0), smooth=1)
    wave = (several @ frequency + phase.unsqueeze(1)).cos()
    found = 2.0 * (wave @ wave.transpose(1, 2)) / 60_000
    torch.testing.assert_close(found, correlation(BLOCKS, length, share, several, several, smooth=1), rtol=0, atol=0.02)


def test_kinds_have_their_slopes() -> None:
    at = torch.linspace(0.0, 9.0, 50, dtype=torch.float64)
    found, slope = kinds(at.repeat(2, 1), 1)
    ahead, _ = kinds((at + 1e-6).repeat(2, 1), 1)
    torch.testing.assert_close(slope, (ahead - found) / 1e-6, rtol=0.0, atol=2e-3)  # of a Matern, near distance 0
    torch.testing.assert_close(slope[:, 10:], ((ahead - found) / 1e-6)[:, 10:], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(slope[:, 0], torch.tensor([-0.5, -5.0 / 6.0], dtype=torch.float64))


@pytest.mark.parametrize("share", [0.01, 0.6, 0.99])
def test_it_has_a_slope_by_the_points_on_its_left(share: float) -> None:
    """One of them is at distance 0 from one on the right."""
    right = points(7)
    left = torch.cat([right[:1], points(4, seed=1)]).requires_grad_()
    assert torch.autograd.gradcheck(lambda at: correlation(BLOCKS, *settings(share), at, right, smooth=1), left)


def test_it_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    left, right = points(9).requires_grad_(), points(7, seed=1)
    whole = correlation(BLOCKS, *settings(), left, right, smooth=1)
    monkeypatch.setattr(_kernel, "CELLS", 2 * 3 * 7 * 2)
    parts = correlation(BLOCKS, *settings(), left, right, smooth=1)
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(*(torch.autograd.grad(each.square().sum(), left)[0] for each in (parts, whole)))
