"""The gain against the hypervolume it is the expectation of."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from search.pareto.hypervolume import hypervolume
from search.propose._gain import Gain

COUNT = 256  # draws of 32 directions each


def certain(features: Tensor) -> Tensor:
    """Draws that agree: the features are the losses."""
    return features.expand(COUNT, *features.shape)


def gain(m: int, *, inside: bool = True, draws=certain) -> Gain:
    reference, unit = torch.full((m,), 1.0, dtype=torch.float64), torch.ones(m, dtype=torch.float64)
    return Gain.over(draws, COUNT, reference=reference, unit=unit, weights=torch.ones(m), inside=inside, seed=0)


def over(reference: Tensor, unit: Tensor, weights: Tensor | None = None) -> Gain:
    weights = torch.ones(len(unit)) if weights is None else weights
    return Gain.over(certain, COUNT, reference=reference, unit=unit, weights=weights, inside=True, seed=0)


def tensor(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_it_is_proportional_to_the_hypervolume_that_is_added(m: int) -> None:
    rng = np.random.default_rng(m)
    front, news = rng.random((5, m)) * 0.6 + 0.35, rng.random((30, m)) * 0.8
    found = gain(m).after(torch.from_numpy(front))(torch.from_numpy(news)).exp().numpy()
    before = hypervolume(front, np.ones(m))
    added = np.array([hypervolume(np.vstack([front, new]), np.ones(m)) - before for new in news])
    large = added > 0.02 * added.max()
    assert large.sum() > 10
    factor = math.pi ** (m / 2) / (2**m * math.gamma(m / 2 + 1)) if m > 1 else 1.0  # one direction has no surface
    np.testing.assert_allclose(factor * found[large], added[large], rtol=0.1, atol=2e-3)


def test_units_scale_the_volume_and_nothing_else() -> None:
    one = gain(2).after(tensor((0.5, 0.5)))
    other = over(one.reference, torch.tensor([2.0, 0.5], dtype=torch.float64))
    other = other.after(tensor((0.5, 0.5)))
    news = tensor((0.1, 0.8), (0.4, 0.4), (0.7, 0.2))
    torch.testing.assert_close(other(news), one(news), rtol=0.05, atol=0.05)


def test_a_dominated_point_gains_nothing_and_a_known_one_no_more() -> None:
    known = gain(2).after(tensor((0.4, 0.4)))
    value = known(tensor((0.6, 0.6), (0.4, 0.4), (0.3, 0.6), (0.2, 0.2))).exp()
    assert value[0] < 1e-12
    assert value[1] < 3e-2 * value[2]
    assert value[2] < value[3]


def test_what_is_known_only_lowers_what_can_be_gained() -> None:
    points = torch.rand(20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    known = gain(3)
    before = known(points)
    for point in points[:5]:
        known = known.after(point[None])
        now = known(points)
        assert (now <= before + 1e-9).all()
        before = now
    assert (known(points) < gain(3)(points) - 0.1).sum() > 10


def test_without_anything_inside_the_reference_nearer_is_better() -> None:
    known = gain(2, inside=False).after(tensor((3.0, 1.5), (1.5, 3.0)))
    far, same, nearer, inside = known(tensor((4.0, 4.0), (3.0, 3.0), (2.0, 1.2), (0.9, 0.9))).tolist()
    assert far <= same < nearer < inside


def test_a_point_outside_its_limits_gains_nothing_and_takes_nothing() -> None:
    known = gain(2, draws=lambda features: certain(features))
    limited = over(known.reference, known.unit).after(tensor((0.1, 0.1, 0.5)))
    good, bad = limited(tensor((0.5, 0.5, -0.5), (0.2, 0.2, 0.5))).exp().tolist()
    assert good > 0.1 and bad < 1e-12


def test_where_nothing_is_feasible_the_likelier_is_better() -> None:
    def unsure(features: Tensor) -> Tensor:
        """The limit is met in as many draws as the last feature says."""
        met = torch.arange(COUNT)[:, None] < COUNT * features[:, -1]
        return torch.cat([certain(features[:, :2]), torch.where(met, -1.0, 1.0).unsqueeze(2).double()], dim=2)

    known = gain(2, inside=False, draws=unsure).after(tensor((2.0, 2.0, 0.0)))
    low, high = known(tensor((0.5, 0.5, 0.2), (0.5, 0.5, 0.8))).exp().tolist()
    assert high == pytest.approx(4 * low, rel=0.05)


def test_an_uncertain_point_is_worth_its_chances() -> None:
    def unsure(features: Tensor) -> Tensor:
        """Every draw moves both losses by the last feature, up or down."""
        step = torch.linspace(-1, 1, COUNT, dtype=torch.float64)[:, None, None] * features[:, -1:]
        return features[:, :2] + step

    known = gain(2, draws=unsure).after(tensor((0.5, 0.5, 0.0)))
    sure, maybe = known(tensor((0.5, 0.5, 0.0), (0.5, 0.5, 0.3))).exp().tolist()
    assert maybe > 20 * sure


def test_its_slope_is_that_of_its_value() -> None:
    known = gain(3).after(tensor((0.5, 0.5, 0.5)))
    at = tensor((0.3, 0.4, 0.45)).requires_grad_()
    (slope,) = torch.autograd.grad(known(at).sum(), at)
    for objective in range(3):
        step = torch.zeros(1, 3, dtype=torch.float64)
        step[0, objective] = 1e-6
        with torch.no_grad():
            numeric = (known(at + step) - known(at - step)).item() / 2e-6
        assert slope[0, objective].item() == pytest.approx(numeric, rel=1e-3)
        assert numeric < 0


def test_weights_turn_the_gain_towards_what_is_wanted() -> None:
    known = gain(2)
    news = tensor((0.2, 0.7), (0.7, 0.2))
    even = known(news)
    turned = over(known.reference, known.unit, torch.tensor([3.0, 1.0], dtype=torch.float64))(news)
    assert abs(even[0] - even[1]) < 0.05
    assert turned[0] > turned[1] + 0.5  # the first loss is wanted three times as much


def test_models_that_are_no_points_count_as_points_of_their_losses() -> None:
    losses, news = tensor((0.4, 0.6), (0.7, 0.2)), tensor((0.1, 0.8), (0.4, 0.4), (0.8, 0.7))
    for inside in (True, False):
        one, other = gain(2, inside=inside).after(losses), gain(2, inside=inside).beside(losses)
        torch.testing.assert_close(other(news), one(news))
