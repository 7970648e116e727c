"""Hyperparameters: the density that is climbed, its slope, and that the top of it tells what matters."""

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from search.propose._kernel import correlation
from search.propose._mode import BOUND, FLATTEST, JITTER, LENGTH, SHARE, WITHIN, Density, Priors, around, mode_of, split

BLOCKS = [slice(0, 1), slice(1, 4), slice(4, 6)]
PRIORS = Priors()
TOLD = [LENGTH] * 6 + [SHARE] * 3 + [PRIORS.noise, PRIORS.mean, PRIORS.scale]
CENTRE, WIDTH = (torch.tensor(each, dtype=torch.float64) for each in zip(*TOLD, strict=True))


def data(n: int = 12, outputs: int = 2) -> tuple[Tensor, Tensor]:
    """Points (n, 6) and values (outputs, n)."""
    stream = torch.Generator().manual_seed(0)
    seen, values = (torch.randn(n, k, generator=stream, dtype=torch.float64) for k in (6, outputs))
    return seen, values.T.contiguous()


def density(seen: Tensor, values: Tensor, extra: Tensor | None = None) -> Density:
    return Density(BLOCKS, seen, values.repeat(2, 1), extra, PRIORS, smooth=len(values))


def somewhere() -> Tensor:
    return CENTRE + 0.4 * torch.randn(4, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_the_density_is_that_of_the_values_times_the_priors() -> None:
    (seen, values), raw = data(), somewhere()
    extra = torch.rand(4, 12, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found, _ = density(seen, values, extra)(raw)
    length, share, noise, mean, scale = split(raw, 6)
    covariance = scale[:, None, None] * correlation(BLOCKS, length, share, seen, seen, smooth=2)
    covariance += torch.diag_embed(noise[:, None] + JITTER + extra)
    likely = torch.stack(
        [MultivariateNormal(mean[i].expand(12), covariance[i]).log_prob(values[i % 2]) for i in range(4)]
    )
    likely += 12 / 2 * torch.log(torch.tensor(2 * torch.pi))
    prior = torch.zeros(4, dtype=torch.float64)
    for columns in BLOCKS:
        middle = raw[:, columns].mean(dim=1, keepdim=True)
        prior += (Normal(*LENGTH).log_prob(middle) - Normal(*LENGTH).log_prob(torch.tensor(LENGTH[0])))[:, 0]
        own = Normal(0.0, WITHIN)
        prior += (own.log_prob(raw[:, columns] - middle) - own.log_prob(torch.zeros(()))).sum(dim=1)
    prior += -0.5 * ((raw - CENTRE) / WIDTH)[:, 6:].square().sum(dim=1)
    # `correlation` keeps its roots off zero by a jitter of 1e-12, which the density does without
    torch.testing.assert_close(found, likely + prior, rtol=1e-6, atol=1e-6)


def test_its_slope_is_its_slope() -> None:
    (seen, values), raw = data(), somewhere()
    climbed = density(seen, values)
    _, slope = climbed(raw)
    for column in range(12):
        step = torch.zeros_like(raw)
        step[:, column] = 1e-5
        numeric = (climbed(raw + step)[0] - climbed(raw - step)[0]) / 2e-5
        torch.testing.assert_close(slope[:, column], numeric, rtol=1e-6, atol=1e-6)


def test_the_mode_is_higher_than_all_around_and_within_its_bounds() -> None:
    seen, values = data(30)
    climbed = density(seen, values)
    top = mode_of(BLOCKS, seen, values, None, PRIORS)
    assert top.shape == (4, 12) and ((top - CENTRE).abs() <= BOUND * WIDTH + 1e-9).all()
    best = climbed(top)[0]
    for seed in range(20):
        step = 0.2 * torch.randn(4, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        assert (climbed(top + step)[0] < best).all()


def test_what_says_nothing_gets_no_share() -> None:
    """And what adds up gets smaller shares than what interacts."""
    stream = torch.Generator().manual_seed(0)
    seen = torch.rand(60, 3, generator=stream, dtype=torch.float64)
    blocks = [slice(i, i + 1) for i in range(3)]
    sums = torch.sin(6.0 * seen[:, 0]) + torch.cos(5.0 * seen[:, 1])
    products = torch.sin(6.0 * seen[:, 0]) * torch.cos(5.0 * seen[:, 1])
    values = torch.stack([sums, products])
    values = (values - values.mean(dim=1, keepdim=True)) / values.std(dim=1, keepdim=True)
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
    top = mode_of(BLOCKS, seen[:0], values[:, :0], None, PRIORS)
    torch.testing.assert_close(top, CENTRE.expand(4, -1))


def test_what_is_drawn_around_a_mode_spreads_as_the_density_falls() -> None:
    """In the direction in which the density is steepest, and in its flattest."""
    seen, values = data(30)
    climbed = density(seen, values)
    top = mode_of(BLOCKS, seen, values, None, PRIORS)
    stream = torch.Generator().manual_seed(0)
    drawn = torch.stack([around(climbed, top, stream) for _ in range(400)]) - top  # (draws, rows, p)
    inside = ((drawn + top > climbed.bounds[0]) & (drawn + top < climbed.bounds[1])).all(dim=2)
    assert inside.double().mean() > 0.9
    for row in range(4):
        size, direction = torch.linalg.eigh(torch.cov(drawn[:, row].T))
        step = 0.1 * direction.T  # (p, p): one step a direction
        fallen = []
        for place in range(len(step)):
            ahead, behind = top.clone(), top.clone()
            ahead[row] += step[place]
            behind[row] -= step[place]
            fallen.append(float((2 * climbed(top)[0] - climbed(ahead)[0] - climbed(behind)[0])[row]) / 0.01)
        expected = torch.tensor(fallen, dtype=torch.float64).clamp_min(FLATTEST) ** -1
        torch.testing.assert_close(size[[0, -1]].log(), expected[[0, -1]].log(), rtol=0, atol=0.5)
