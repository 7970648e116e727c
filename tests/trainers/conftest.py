"""A toy population of every kind, small enough for 32 rows in float64, and one cache for the session."""

import importlib
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from trainers import distill
from trainers.models.mlp import MLP
from trainers.params import component
from trainers.population import Population
from trainers.rung import Task
from trainers.stack import Stack

DIVERGENCES = ["forward_kl", "reverse_kl", "jensen_shannon", "alpha", "total_variation"]
OPTIMIZERS = sorted(path.stem for path in Path("trainers/optimizers").glob("[!_]*.py"))


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@dataclass
class Toy:
    """96 examples of 12 numbers in 4 classes, with a teacher's logits; a network with one hidden matrix."""

    model: Stack = Stack(MLP((12, 10, 8, 4)))
    batch: int = 16

    def data(self, dtype):
        generator = torch.Generator().manual_seed(5)
        inputs = torch.randn(96, 12, generator=generator, dtype=torch.float64)
        truth = torch.randn(12, 4, generator=generator, dtype=torch.float64)
        noise = torch.randn(96, 4, generator=generator, dtype=torch.float64)
        reference = inputs @ truth
        labels = (reference + noise).argmax(-1)
        return {"inputs": inputs.to(dtype), "labels": labels, "reference_logits": reference.to(dtype)}

    def population(self, tasks=(), *, dtype=torch.float32, engine="stacked", device="cpu", **how):
        initial = self.model.row(self.model.init(1)).to(device, dtype)
        data = {name: tensor.to(device) for name, tensor in self.data(dtype).items()}
        population = Population(self.model, distill.loss, data, initial=initial, batch=self.batch, engine=engine, **how)
        population.admit(list(tasks))
        return population

    def task(self, number, *, optimizer=None, seed=None, **given):
        """A task whose params follow from its number alone, whatever it shares a population with."""
        rng = random.Random(number)
        divergence, optimizer = rng.choice(DIVERGENCES), optimizer or rng.choice(OPTIMIZERS)
        shares = [rng.expovariate(1) for _ in range(3)]
        params = {
            "divergence": self.own("objectives.divergences", divergence, rng),
            "optimizer": self.own("trainers.optimizers", optimizer, rng),
            "weights": {n: s / sum(shares) for n, s in zip(("labels", "teacher", "entropy"), shares, strict=True)},
            "temperature": rng.uniform(1, 4),
            "learning_rate": 10 ** rng.uniform(-3, -1.5),
            "weight_decay": 10 ** rng.uniform(-4, -1),
        }
        return Task(number=number, params=params | given, seed=number if seed is None else seed)

    @staticmethod
    def own(home, name, rng):
        space = importlib.import_module(f"{home}.{name}").SPACE
        return {"name": name} | {key: rng.uniform(entry["low"], entry["high"]) for key, entry in space.items()}


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def rows():
    """Number -> (row of parameters, slots of its own optimizer), to be compared bit for bit."""

    def read(population):
        found = {}
        for i, task in enumerate(population.tasks):
            depth = len(component("optimizer", task.params["optimizer"])[0].SLOTS)
            found[task.number] = (population.parameters[i].clone(), population.slots[:depth, i].clone())
        return found

    return read


@pytest.fixture
def identical():
    def equal(one, other):
        return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))

    return equal
