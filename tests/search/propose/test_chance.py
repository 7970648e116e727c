"""The probability of success: where it is learned, where nothing is, and that it is the process's own."""

import pytest
import torch
from torch import Tensor

from search.propose import _chance
from search.propose._chance import chance
from search.propose._draws import draw
from search.propose._fit import fit
from search.propose._process import Process

BLOCKS = [slice(i, i + 1) for i in range(4)]


def cube(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_without_failures_everything_succeeds() -> None:
    assert chance(BLOCKS, cube(5), torch.ones(5, dtype=torch.bool))(cube(3)).tolist() == [0.0] * 3
    assert chance(BLOCKS, torch.zeros(0, 4), torch.ones(0, dtype=torch.bool))(cube(3)).tolist() == [0.0] * 3


def test_it_finds_the_region_that_fails() -> None:
    seen, new = cube(60), cube(400, seed=1)
    likely = chance(BLOCKS, seen, seen[:, 0] < 0.7)(new).exp()
    assert (likely[new[:, 0] < 0.6] > 0.8).double().mean() > 0.95
    assert (likely[new[:, 0] > 0.8] < 0.2).double().mean() > 0.95


def test_failures_by_chance_are_nowhere_in_particular() -> None:
    spreads = []
    for seed in range(4):
        fate = torch.rand(60, generator=torch.Generator().manual_seed(100 + seed)) > 0.3
        likely = chance(BLOCKS, cube(60), fate)(cube(400, seed=1)).exp()
        assert abs(likely.mean() - fate.double().mean()) < 0.12
        spreads.append(likely.std().item())
    assert sum(spreads) / 4 < 0.25  # of a region it is more than 0.4


@pytest.mark.parametrize("succeeded", [False, True])
def test_one_kind_of_label_tells_how_near_it_is(succeeded: bool) -> None:
    fate = torch.full((8,), succeeded)
    fate[:1] = False  # without any failure there is nothing to model
    likely = chance(BLOCKS, 0.5 * cube(8), fate)(torch.tensor([[0.25] * 4, [0.5] * 4, [1.0] * 4], dtype=torch.float64))
    assert (likely.diff() > 0).all() or succeeded
    assert likely.isfinite().all() and (likely < 0).all()


def test_it_is_what_the_process_says_of_a_new_label(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Process] = []
    monkeypatch.setattr(_chance, "fit", lambda *told, **known: kept.append(fit(*told, **known)) or kept[0])
    seen, new = cube(30), cube(50, seed=1)
    fate = seen[:, 0] + 0.3 * seen[:, 1] < 0.8
    likely = chance(BLOCKS, seen, fate)(new).exp()
    share = (float(fate.sum()) + 1.0) / 32.0
    middle, scale = 2.0 * share - 1.0, 2.0 * (share * (1.0 - share)) ** 0.5
    labels = draw(kept[0], 20_000, torch.Generator().manual_seed(0))(new)[..., 0]
    noise = float((kept[0].weights * kept[0].hyper.noise).sum())
    above = torch.distributions.Normal(0.0, noise**0.5 * scale).cdf(middle + scale * labels)  # a success is above 0
    torch.testing.assert_close(likely, above.mean(dim=0), rtol=0, atol=0.02)
    assert likely.min() < 0.1 and likely.max() > 0.9


def test_its_slope_leads_out_of_the_region() -> None:
    seen = cube(60)
    at = torch.full((1, 4), 0.75, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(chance(BLOCKS, seen, seen[:, 0] < 0.7)(at).sum(), at)
    assert slope[0, 0] < -1.0 and slope[0, 1:].abs().max() < 0.5 * slope[0, 0].abs()
