import importlib
import json
import logging
from pathlib import Path

import pytest
import torch
from torch import nn

from trainers.chunk import Chunk
from trainers.engines import auto, graph, stacked
from trainers.population import Population
from trainers.rung import Task
from trainers.stack import Stack

ENGINES = sorted(path.stem for path in Path("trainers/engines").glob("[!_]*.py"))
cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
needs = [pytest.param(name, marks=cuda) if name == "graph" else name for name in ENGINES]


def first_batch(population):
    chunk = population._chunk(slice(0, len(population.tasks)))
    return chunk.examples({name: tensor[0] for name, tensor in chunk._table(population.tasks, 1).items()})


@pytest.mark.parametrize("engine", needs)
@pytest.mark.parametrize("seed", [None, 7])
def test_an_engine_gives_the_gradient_of_each_rows_own_loss(toy, engine, seed):
    """The definition: one row at a time, central differences of its loss along random directions, float64."""
    population = toy.population([toy.task(number, seed=seed) for number in range(5)], dtype=torch.float64)
    population.advance(5)
    batch = first_batch(population)
    compute = importlib.import_module(f"trainers.engines.{engine}").gradients(
        population.model, population.loss, population.tasks
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


@pytest.mark.parametrize("engine", ["loop", "vmap"])
@pytest.mark.parametrize("seed", [None, 7])
def test_row_by_row_and_the_stack_are_the_same_method(toy, engine, seed, monkeypatch):
    tasks = [toy.task(number, seed=seed) for number in range(8)]
    stack = toy.population(tasks, dtype=torch.float64, engine="stacked")
    stack.advance(25)
    other = toy.population(tasks, dtype=torch.float64, engine=engine)
    monkeypatch.setattr(Stack, "forward", None)  # the others go through the ordinary module
    other.advance(25)
    assert [task.number for task in other.tasks] == [task.number for task in stack.tasks]
    torch.testing.assert_close(other.parameters, stack.parameters, rtol=0, atol=1e-12)


def test_the_stack_never_goes_row_by_row(toy, monkeypatch):
    population = toy.population([toy.task(number) for number in range(8)], chunk=8)
    calls, forward = [], Stack.forward
    monkeypatch.setattr(Stack, "forward", lambda self, *given: calls.append(1) or forward(self, *given))
    monkeypatch.setattr(Stack, "one", None)
    population.advance(4)
    assert len(calls) == 4


class Bare(nn.Module):
    """A layer without a rule."""

    def __init__(self):
        super().__init__()
        self.scale, self.linear = nn.Parameter(torch.ones(12)), nn.Linear(12, 4)

    def forward(self, inputs):
        return self.linear(inputs * self.scale)


def unruly(toy, **how):
    model = Stack(Bare())
    initial = model.row(model.module().state_dict())
    return Population(model, Loss.prepare, toy.data(torch.float32), initial=initial, batch=8, **how)


class Loss:
    @staticmethod
    def prepare(tasks, *, column):
        return lambda logits, batch: nn.functional.mse_loss(
            logits, batch["reference_logits"].expand_as(logits), reduction="none"
        ).mean((1, 2))


def test_a_module_without_rules_trains_under_vmap_and_the_stack_says_so(toy):
    population = unruly(toy, engine="vmap")
    population.admit([toy.task(number, optimizer="adamw", learning_rate=0.01) for number in range(3)])
    population.advance(30)
    assert population.finite == [True] * 3 and (population.parameters - population.initial).abs().max() > 1e-3
    refused = unruly(toy, engine="stacked")
    refused.admit([toy.task(0)])
    with pytest.raises(NotImplementedError, match=r"Bare \(the module itself\).*Use engine 'vmap'"):
        refused.advance(1)


@pytest.fixture
def pace(monkeypatch):
    """Engines take the time they are told to, in seconds a step."""

    def pace(**seconds):
        clock, counts = [0.0], []

        def advance(self, tasks, steps, original=Chunk.advance):
            name = self.compute.__module__.split(".")[-1] if hasattr(self.compute, "__module__") else "?"
            counts.append(name)
            clock[0] += seconds.get(name, 0.0) * steps
            return original(self, tasks, steps)

        monkeypatch.setattr(Chunk, "advance", advance)
        monkeypatch.setattr(auto.time, "perf_counter", lambda: clock[0])
        return counts

    return pace


@pytest.mark.parametrize(("seconds", "expected"), [((1, 2), "loop"), ((2, 1), "stacked")])
def test_auto_takes_the_faster_engine_says_so_and_stays_with_it(toy, tmp_path, caplog, pace, seconds, expected):
    pace(loop=seconds[0], stacked=seconds[1])
    tasks = [toy.task(number) for number in range(6)]
    population = toy.population(tasks, engine="auto", chunk=8, cache=tmp_path, capacity=6)
    with caplog.at_level(logging.INFO, logger="trainers.engines.auto"):
        population.advance(3)
    assert population.engine == expected
    [line] = [record.getMessage() for record in caplog.records]
    assert f"engine '{expected}' is the fastest; microseconds a row and step: " in line and "loop" in line
    [path] = tmp_path.glob("engine-*.json")
    assert json.loads(path.read_text())["engine"] == expected
    pace(loop=seconds[1], stacked=seconds[0])  # another day: fewer rows, and the other engine is faster now
    again = toy.population(tasks[:5], engine="auto", chunk=8, cache=tmp_path, capacity=6)
    again.advance(3)
    assert again.engine == expected


def test_timing_leaves_the_rows_as_they_are(toy, rows, identical, tmp_path, pace):
    pace(loop=2.0, stacked=1.0)
    tasks = [toy.task(number) for number in range(6)]
    timed, plain = toy.population(tasks, engine="auto", chunk=8), toy.population(tasks, chunk=8)
    timed.advance(10)
    plain.advance(10)
    assert timed.engine == "stacked" and list(tmp_path.iterdir()) == []
    assert all(identical(row, rows(plain)[number]) for number, row in rows(timed).items())


def test_auto_does_without_the_stack_where_a_layer_has_no_rule(toy):
    population = unruly(toy, engine="auto")
    population.admit([toy.task(number) for number in range(2)])
    population.advance(2)
    assert population.engine in ("vmap", "loop")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_graph_is_refused_without_cuda(toy):
    population = toy.population([toy.task(0)], engine="graph", chunk=1)
    with pytest.raises(RuntimeError, match="engine 'graph': expected a CUDA device, got none"):
        population.advance(1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_graph_is_refused_for_rows_on_the_cpu():
    with pytest.raises(RuntimeError, match="expected the population on a CUDA device, got one on the CPU"):
        graph.captured(lambda given: None, [torch.zeros(1)], {})


@cuda
def test_a_graph_is_the_stacked_step_over_drops_and_refills(toy):
    found = []
    for engine in ("stacked", "graph"):
        population = toy.population([toy.task(number) for number in range(8)], engine=engine, device="cuda", steps=40)
        population.advance(10)
        population.advance(10)  # the same graph again
        population.drop([number % 2 == 0 for number in range(8)])
        population.admit([toy.task(9), Task(number=10, params=toy.task(3).params, seed=10)])
        population.advance(20)
        found.append((population.parameters.cpu(), population.slots.cpu(), population.finite))
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-6)


@cuda
def test_a_graph_replays_and_does_not_run_the_step_in_python(toy, monkeypatch):
    population = toy.population([toy.task(number) for number in range(4)], engine="graph", device="cuda", chunk=4)
    population.advance(1)
    monkeypatch.setattr(stacked.torch.autograd, "grad", None)
    population.advance(5)
    assert population.finite == [True] * 4
