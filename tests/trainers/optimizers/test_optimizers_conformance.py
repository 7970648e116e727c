"""Every file of trainers/optimizers keeps the contract of the folder."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest
import torch

from trainers.models.mlp import MLP
from trainers.stack import Stack

PATHS = sorted(Path("trainers/optimizers").glob("[!_]*.py"))
LAYERS = Stack(MLP((6, 5, 4, 3))).layout
P = LAYERS[-1].stop


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def optimizer(request):
    return importlib.import_module(f"trainers.optimizers.{request.param.stem}")


@pytest.fixture
def take(optimizer):
    """Take `steps` steps with rows (k, p) from zero slots; `slope(rows)` is the gradient."""

    def take(rows, slope, steps, *, learning_rate=0.01, weight_decay=0.0):
        columns = {name: entry["default"] for name, entry in optimizer.SPACE.items()}
        columns |= {"learning_rate": learning_rate, "weight_decay": weight_decay}
        columns = {name: torch.as_tensor(value).to(rows).expand(len(rows), 1) for name, value in columns.items()}
        slots = {name: torch.zeros_like(rows) for name in optimizer.SLOTS}
        for age in range(1, steps + 1):
            ages = torch.full((len(rows), 1), float(age), dtype=torch.float64)
            found = optimizer.update(rows, slope(rows), slots, age=ages, layers=LAYERS, **columns)
            assert found is None
        return rows, slots

    return take


def start(k, dtype=torch.float64):
    return torch.randn(k, P, dtype=dtype, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_what_an_optimizer_declares_can_be_read_without_importing_it(path):
    assigned = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("SPACE", "SLOTS"):
            assigned[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
    assert set(assigned) == {"SPACE", "SLOTS"}
    for entry in assigned["SPACE"].values():
        assert entry["low"] <= entry["default"] <= entry["high"]


def test_an_optimizer_takes_exactly_what_it_declares(optimizer):
    named = inspect.signature(optimizer.update).parameters
    common = {"parameters", "gradient", "slots", "learning_rate", "weight_decay", "age", "layers"}
    assert set(named) == common | set(optimizer.SPACE)
    assert "Source:" in optimizer.__doc__


def test_an_optimizer_goes_down_a_bowl(take):
    goal, rows = start(3), torch.zeros(3, P, dtype=torch.float64)
    for rate in (0.02, 0.005, 0.001):  # steps of constant size end in a circle around the goal
        rows, _ = take(rows, lambda rows: rows - goal, 500, learning_rate=rate)
    assert ((rows - goal).square().sum(1) < 0.01 * goal.square().sum(1)).all()


def test_rows_and_every_slot_are_updated_in_place(take):
    rows = start(3)
    before = rows.clone()
    after, slots = take(rows, lambda rows: rows.cos(), 2)
    assert after is rows and ((rows - before).abs() > 0).double().mean() > 0.9
    assert all((slot.abs().sum(1) > 0).all() for slot in slots.values())


def test_without_a_gradient_only_the_decay_moves_a_row_and_by_its_own_rates(take):
    rows, rate, decay = start(2), torch.tensor([[0.1], [0.2]]), torch.tensor([[0.5], [0.05]])
    expected = rows * (1 - rate * decay).double() ** 3
    found, _ = take(rows, torch.zeros_like, 3, learning_rate=rate, weight_decay=decay)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_the_gradient_never_sees_the_decay(take):
    slope = start(2)
    rates = {"learning_rate": 0.01, "weight_decay": 0.3}
    _, plain = take(start(2), lambda rows: slope, 5)
    _, decayed = take(start(2), lambda rows: slope, 5, **rates)
    assert all(plain[name].equal(decayed[name]) for name in plain)


def test_a_learning_rate_of_zero_stands_still(take):
    found, _ = take(start(2), lambda rows: rows, 3, learning_rate=0.0, weight_decay=0.1)
    assert found.equal(start(2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_row_steps_alone_as_it_steps_in_company(take, dtype):
    rate, decay = torch.linspace(0.001, 0.1, 9)[:, None], torch.linspace(0.1, 0.001, 9)[:, None]
    together, _ = take(start(9, dtype), lambda rows: rows.sin(), 20, learning_rate=rate, weight_decay=decay)
    for i in range(9):
        one = slice(i, i + 1)
        alone, _ = take(
            start(9, dtype)[one].clone(),
            lambda rows: rows.sin(),
            20,
            learning_rate=rate[one],
            weight_decay=decay[one],
        )
        assert alone.equal(together[one])


def test_rows_of_one_step_may_have_different_ages(optimizer):
    columns = {name: entry["default"] for name, entry in optimizer.SPACE.items()}
    columns |= {"learning_rate": 0.01, "weight_decay": 0.0}

    def once(rows, ages):
        slots = {name: torch.full_like(rows, 0.1) for name in optimizer.SLOTS}
        own = {name: torch.full((len(rows), 1), value, dtype=torch.float64) for name, value in columns.items()}
        ages = torch.tensor(ages, dtype=torch.float64)[:, None]
        optimizer.update(rows, rows.cos(), slots, age=ages, layers=LAYERS, **own)
        return rows

    together = once(start(3), [1, 50, 3])
    for i, age in enumerate([1, 50, 3]):
        assert once(start(3)[i : i + 1].clone(), [age]).equal(together[i : i + 1])
