import importlib
from pathlib import Path

import pytest
import torch

from trainers.models.mlp import MLP

ENGINES = sorted(path.stem for path in Path("trainers/engines").glob("[!_]*.py"))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", [None, 7])
def test_an_engine_gives_the_gradient_of_each_rows_own_loss(toy, engine, seed):
    """The definition: one row at a time, central differences of its loss along random directions, float64."""
    population = toy.population([toy.task(number, seed=seed) for number in range(5)], dtype=torch.float64)
    population.advance(5)
    batch = population._batch(torch.from_numpy(population._orders(1))[0])
    compute = importlib.import_module(f"trainers.engines.{engine}").gradients(
        toy.model, population.loss, population.tasks
    )
    losses, gradient = compute(population.parameters, batch)
    generator, width = torch.Generator().manual_seed(0), 1e-6
    for _ in range(3):
        direction = torch.randn(gradient.shape, dtype=torch.float64, generator=generator)
        ahead, _ = compute(population.parameters + width * direction, batch)
        behind, _ = compute(population.parameters - width * direction, batch)
        slope = (ahead - behind) / (2 * width)
        torch.testing.assert_close((gradient * direction).sum(1), slope, rtol=1e-6, atol=1e-7)
    assert losses.shape == (5,) and not losses.requires_grad and not gradient.requires_grad


@pytest.mark.parametrize("seed", [None, 7])
def test_the_loop_and_the_stack_are_the_same_method(toy, seed, monkeypatch):
    tasks = [toy.task(number, seed=seed) for number in range(8)]
    stack = toy.population(tasks, dtype=torch.float64, engine="stacked")
    stack.advance(25)
    loop = toy.population(tasks, dtype=torch.float64, engine="loop")
    monkeypatch.setattr(MLP, "forward", None)  # the loop goes through the ordinary module
    loop.advance(25)
    assert [task.number for task in loop.tasks] == [task.number for task in stack.tasks]
    torch.testing.assert_close(loop.parameters, stack.parameters, rtol=0, atol=1e-12)


def test_the_stack_never_goes_row_by_row(toy, monkeypatch):
    population = toy.population([toy.task(number) for number in range(8)])
    calls, forward = [], MLP.forward
    monkeypatch.setattr(MLP, "forward", lambda self, *given: calls.append(1) or forward(self, *given))
    monkeypatch.setattr(MLP, "module", None)
    population.advance(4)
    assert len(calls) == 4
