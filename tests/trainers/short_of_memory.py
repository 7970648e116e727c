"""Run apart by the tests: a population whose chunk does not fit the address space that is left, and one that does."""

import hashlib
import json
import resource
from pathlib import Path

import torch

from trainers.models.mlp import MLP
from trainers.population import Population
from trainers.rung import Task
from trainers.stack import Stack

ROWS, EXAMPLES, LEFT_BYTES = 16, 2048, 100_000_000


def loss(tasks, *, column):
    return lambda logits, batch: logits.square().mean((1, 2))


def told(chunk: int, batch: int) -> dict:
    model = Stack(MLP((64, 256, 256, 10)))
    data = {"inputs": torch.randn(EXAMPLES, 64, generator=torch.Generator().manual_seed(0))}
    initial = model.row(model.init(0))
    population = Population(model, loss, data, initial=initial, batch=batch, engine="stacked", chunk=chunk)
    params = {"optimizer": {"name": "adamw"}, "weight_decay": 0.0}
    population.admit([Task(number=i, params=params | {"learning_rate": 0.001 * i}, seed=i) for i in range(ROWS)])
    population.advance(2)
    return {
        "chunk": population.chunk,
        "failures": sum(failure is not None for failure in population.failures),
        "bits": hashlib.sha256(population.parameters.numpy().tobytes()).hexdigest(),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    told(ROWS, 8)  # whatever is loaded on first use is loaded before the limit
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + LEFT_BYTES, before[1]))
    short = told(ROWS, EXAMPLES)
    resource.setrlimit(resource.RLIMIT_AS, before)
    print(json.dumps({"short": short, "ample": told(ROWS, EXAMPLES)}))
