"""Every schedule of the folder against the contract, and each against its formula or torch's own scheduler."""

import importlib
from math import cos, pi
from pathlib import Path

import pytest
import torch

NAMES = sorted(path.stem for path in Path("trainers/schedules").glob("[!_]*.py"))
STEPS = 400


def module(name):
    return importlib.import_module(f"trainers.schedules.{name}")


def progress(steps=STEPS):
    return torch.arange(steps + 1, dtype=torch.float64)[:, None] / steps


def defaults(name, **given):
    return {key: entry["default"] for key, entry in module(name).SPACE.items()} | given


def at(name, where, **given):
    """The factor at one point."""
    return module(name).factor(torch.tensor([[where]], dtype=torch.float64), **defaults(name, **given)).item()


def by_torch(scheduler):
    """The learning rates (steps + 1,) of a torch scheduler, from a rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    schedule, rates = scheduler(optimizer), []
    for _ in range(STEPS + 1):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return torch.tensor(rates, dtype=torch.float64)[:, None]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.3])
def test_a_factor_is_a_column_between_0_and_1_that_rises_once_and_never_again(name, warmup):
    found = module(name).factor(progress(), **defaults(name, warmup_fraction=warmup))
    assert found.shape == (STEPS + 1, 1) and found.dtype == torch.float64
    assert found.amin() >= 0 and found.amax() == 1
    top = round(warmup * STEPS)
    assert (found[: top + 1].diff(dim=0) > 0).all() and (found[top:].diff(dim=0) <= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_warm_up_is_a_line_from_0_to_the_full_rate_and_without_one_the_first_step_has_it(name):
    for where, expected in ((0.0, 0.0), (0.05, 0.25), (0.1, 0.5), (0.2, 1.0)):
        assert at(name, where, warmup_fraction=0.2) == pytest.approx(expected, abs=1e-15)
    assert at(name, 0.0, warmup_fraction=0.0) == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_columns_give_every_row_the_bits_it_has_alone(name):
    generator = torch.Generator().manual_seed(0)
    where = torch.rand(64, 1, dtype=torch.float64, generator=generator)
    where[:3, 0] = torch.tensor([0.0, 0.5, 1.0])
    columns = {
        key: entry["low"] + (entry["high"] - entry["low"]) * torch.rand(64, 1, generator=generator)
        for key, entry in module(name).SPACE.items()
    }
    columns["warmup_fraction"][:3] = 0.0
    together = module(name).factor(where, **columns)
    assert together.isfinite().all()
    for i in range(64):
        alone = module(name).factor(where[i : i + 1], **{key: each[i : i + 1] for key, each in columns.items()})
        assert alone.equal(together[i : i + 1])


@pytest.mark.parametrize("name", [name for name in NAMES if name != "constant"])
@pytest.mark.parametrize("warmup", [0.0, 0.25])
def test_a_schedule_that_decays_ends_at_0(name, warmup):
    assert at(name, 1.0, warmup_fraction=warmup) == pytest.approx(0.0, abs=1e-15)


def test_constant_is_constant_from_the_first_step():
    assert module("constant").factor(progress(), warmup_fraction=0.0).eq(1).all()


def test_linear_is_torchs():
    expected = by_torch(lambda own: torch.optim.lr_scheduler.LinearLR(own, 1.0, 0.0, STEPS))
    torch.testing.assert_close(module("linear").factor(progress(), warmup_fraction=0.0), expected, rtol=0, atol=1e-12)


def test_cosine_is_torchs():
    expected = by_torch(lambda own: torch.optim.lr_scheduler.CosineAnnealingLR(own, STEPS))
    torch.testing.assert_close(module("cosine").factor(progress(), warmup_fraction=0.0), expected, rtol=0, atol=1e-12)


def test_cosine_after_a_warm_up_is_the_closed_form():
    for where in (0.2, 0.35, 0.6, 0.99):
        expected = (1 + cos(pi * (where - 0.2) / 0.8)) / 2
        assert at("cosine", where, warmup_fraction=0.2) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("power", "integral"), [(1.0, 1 / 2), (0.5, 1 / 3), (2.0, 2 / 3)])
def test_wsd_stays_and_then_cools_down_along_its_shape(power, integral):
    own = {"warmup_fraction": 0.1, "cooldown_fraction": 0.4, "cooldown_power": power}
    assert all(at("wsd", where, **own) == 1 for where in (0.1, 0.3, 0.6))
    for y in (0.25, 0.5, 1.0):
        assert at("wsd", 0.6 + 0.4 * y, **own) == pytest.approx(1 - y**power, abs=1e-12)
    # the area under the cooldown, whose length is 1 here
    area = torch.trapezoid(
        module("wsd").factor(progress(100_000), **own | {"warmup_fraction": 0.0, "cooldown_fraction": 1.0})[:, 0],
        dx=1e-5,
    )
    assert area.item() == pytest.approx(integral, abs=1e-4)


def test_wsd_whose_cooldown_begins_with_the_decay_is_the_linear_schedule():
    own = {"warmup_fraction": 0.25, "cooldown_fraction": 0.75, "cooldown_power": 1.0}
    linear = module("linear").factor(progress(), warmup_fraction=0.25)
    torch.testing.assert_close(module("wsd").factor(progress(), **own), linear, rtol=0, atol=1e-12)
