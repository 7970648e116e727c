"""Hyperparameters: the density that is climbed, its slope, and that the top of it tells what matters."""

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from search.propose._kernel import correlation
from search.propose._mode import BOUND, JITTER, LENGTH, SHARE, WITHIN, Priors, _Density, mode_of, split

BLOCKS = [slice(0, 1), slice(1, 4), slice(4, 6)]
PRIORS = Priors()
TOLD = [LENGTH] * 6 + [SHARE] * 3 + [PRIORS.noise, PRIORS.mean, PRIORS.scale]
CENTRE, WIDTH = (torch.tensor(each, dtype=torch.float64) for each in zip(*TOLD, strict=True))


def data(n: int = 12, outputs: int = 2) -> tuple[Tensor, Tensor]:
    stream = torch.Generator().manual_seed(0)
    return tuple(torch.randn(n, k, generator=stream, dtype=torch.float64) for k in (6, outputs))


def somewhere() -> Tensor:
    return CENTRE + 0.4 * torch.randn(4, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_the_density_is_that_of_the_values_times_the_priors() -> None:
    (seen, values), raw = data(), somewhere()
    extra = torch.rand(4, 12, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found, _ = _Density(BLOCKS, seen, values, extra, CENTRE, WIDTH)(raw)
    length, share, noise, mean, scale = split(raw, 6)
    covariance = scale[:, None, None] * correlation(BLOCKS, length, share, seen, seen)
    covariance += torch.diag_embed(noise[:, None] + JITTER + extra)
    likely = sum(MultivariateNormal(mean[i].expand(12), covariance[i]).log_prob(values[:, i % 2]) for i in range(4))
    likely += 4 * 12 / 2 * torch.log(torch.tensor(2 * torch.pi))
    prior = 0.0
    for columns in BLOCKS:
        middle = raw[:, columns].mean(dim=1, keepdim=True)
        prior += Normal(*LENGTH).log_prob(middle).sum() - Normal(*LENGTH).log_prob(torch.tensor(LENGTH[0])) * 4
        prior += Normal(0.0, WITHIN).log_prob(raw[:, columns] - middle).sum()
        prior -= Normal(0.0, WITHIN).log_prob(torch.zeros(())) * 4 * (columns.stop - columns.start)
    away = (raw - CENTRE) / WIDTH
    prior += -0.5 * away[:, 6:].square().sum()
    torch.testing.assert_close(torch.tensor(found), float(likely + prior) * torch.ones(()), check_dtype=False)


def test_its_slope_is_its_slope() -> None:
    (seen, values), raw = data(), somewhere()
    density = _Density(BLOCKS, seen, values, None, CENTRE, WIDTH)
    _, slope = density(raw)
    for row in range(4):
        for column in range(12):
            step = torch.zeros_like(raw)
            step[row, column] = 1e-5
            numeric = (density(raw + step)[0] - density(raw - step)[0]) / 2e-5
            assert abs(numeric - slope[row, column].item()) < 1e-6 * max(1.0, abs(numeric))


def test_the_mode_is_higher_than_all_around_and_within_its_bounds() -> None:
    seen, values = data(30)
    density = _Density(BLOCKS, seen, values, None, CENTRE, WIDTH)
    top = mode_of(BLOCKS, seen, values, None, PRIORS)
    assert top.shape == (4, 12) and ((top - CENTRE).abs() <= BOUND * WIDTH + 1e-9).all()
    best = density(top)[0]
    for seed in range(20):
        step = 0.2 * torch.randn(4, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert density(top + step)[0] < best


def test_what_says_nothing_gets_no_share() -> None:
    """And what adds up gets smaller shares than what interacts."""
    stream = torch.Generator().manual_seed(0)
    seen = torch.rand(60, 3, generator=stream, dtype=torch.float64)
    blocks = [slice(i, i + 1) for i in range(3)]
    sums = torch.sin(6.0 * seen[:, 0]) + torch.cos(5.0 * seen[:, 1])
    products = torch.sin(6.0 * seen[:, 0]) * torch.cos(5.0 * seen[:, 1])
    values = torch.stack([sums, products], dim=1)
    values = (values - values.mean(dim=0)) / values.std(dim=0)
    length, share, *_ = split(mode_of(blocks, seen, values, None, PRIORS), 3)
    weight = share / length**2
    assert (weight[:, 2] < 0.05 * weight[:, :2].amin(dim=1)).all()
    assert (share[[1, 3], :2].mean(dim=1) > share[[0, 2], :2].mean(dim=1) + 0.1).all()


def test_a_prior_without_a_deviation_fixes() -> None:
    seen, values = data(20)
    priors = Priors(scale=(0.5, 0.0), mean=(0.0, 0.0))
    *_, mean, scale = split(mode_of(BLOCKS, seen, values, None, priors), 6)
    assert (mean == 0.0).all() and torch.allclose(scale.log(), torch.full_like(scale, 0.5))


def test_without_values_the_priors_stand() -> None:
    seen, values = data(20)
    top = mode_of(BLOCKS, seen[:0], values[:0], None, PRIORS)
    torch.testing.assert_close(top, CENTRE.expand(4, -1))
