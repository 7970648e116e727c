"""Draws: how many of each row, and doubt in hyperparameters that are a guess."""

import pytest
import torch
from torch import Tensor

from search.propose._draws import DOUBT, _counts, doubted, draw
from search.propose._fit import fit
from search.propose._process import Process

BLOCKS = [slice(0, 1), slice(1, 2)]


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def process(n: int, outputs: int = 2) -> Process:
    features = torch.rand(n, 2, dtype=torch.float64, generator=stream(1))
    values = torch.stack([torch.sin(4.0 * features.sum(1)), (features[:, 0] - 0.3).abs()], dim=1)
    return fit(BLOCKS, features, values[:, :outputs])


def spread(model: Process, points: Tensor) -> Tensor:
    return draw(model, 512, stream())(points).std(dim=0)


def test_each_row_has_draws_by_its_weight_and_each_output_all_of_them() -> None:
    model = doubted(process(12), stream())
    for count in (1, 7, 64):
        counts = torch.tensor(_counts(model, count))
        torch.testing.assert_close(model.over(counts.double()), torch.full((2,), float(count), dtype=torch.float64))
        assert ((counts - count * model.weights).abs() <= 1.0).all()


def test_doubt_adds_a_row_to_each_output_and_takes_its_weight_from_the_others() -> None:
    plain = process(12)
    model = doubted(plain, stream())
    assert sorted(model.owner.tolist()) == sorted([*plain.owner[plain.weights >= 0.1].tolist(), 0, 1])
    torch.testing.assert_close(model.over(model.weights), torch.ones(2, dtype=torch.float64))
    assert (model.weights > 0.99 * DOUBT).sum() >= 2
    assert [bool(row < model.smooth) for row in range(len(model.owner))] == sorted(
        (row < model.smooth for row in range(len(model.owner))), reverse=True
    )


def test_doubt_is_the_same_for_the_same_stream_and_differs_for_another() -> None:
    one, same, other = (doubted(process(12), stream(seed)) for seed in (0, 0, 1))
    assert torch.equal(one.raw, same.raw) and not torch.equal(one.raw, other.raw)


def test_draws_of_doubt_run_through_what_was_seen_too() -> None:
    """Up to the noise that the doubt allows."""
    model = process(15)
    doubtful = doubted(model, stream())
    missed = (draw(doubtful, 32, stream())(model.seen) - (model.values.T * model.unit + model.shift)).abs() / model.unit
    assert (missed < 5.0 * doubtful.over(doubtful.hyper.noise).sqrt()).all()
    assert missed.median() < 0.01


@pytest.mark.parametrize("known", [True, False])
def test_what_draws_are_at_the_points_seen_needs_no_covariance(known: bool) -> None:
    """Also where values are uncertain, or not known at all."""
    features = torch.rand(20, 2, dtype=torch.float64, generator=stream(1))
    variances = torch.zeros(20, 2, dtype=torch.float64)
    if not known:
        variances[:5], variances[5:8, 1] = 0.1, torch.inf
    drawn = draw(fit(BLOCKS, features, torch.sin(4.0 * features), variances), 16, stream())
    torch.testing.assert_close(drawn.seen, drawn(features), rtol=0.0, atol=1e-6)


def test_few_points_leave_more_doubt_than_many() -> None:
    """The spread of hyperparameters around the mode falls as points come."""

    def wide(n: int) -> float:
        drawn = torch.stack([doubted(process(n, 1), stream(seed)).raw[:, :2].std(dim=0).mean() for seed in range(12)])
        return float(drawn.median())

    assert wide(6) > 1.3 * wide(60)
