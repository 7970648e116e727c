"""The fastest engine for a model, a batch, a device and a size of population: timed once, and remembered.

Why remembered in the cache, and by the size that the population can have rather than has: engines differ in
the last bits, so rows that leave, or a resumed search, must not bring another choice.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import time
from pathlib import Path

import torch

from trainers.engines import graph

logger = logging.getLogger(__name__)
ROWS, STEPS, BURSTS = 16, 2, 3


def gradients(model, loss, tasks):
    """The contract of this folder, without timing anything: the rows in one computation where there are rules."""
    return importlib.import_module(f"trainers.engines.{candidates(model, None)[0]}").gradients(model, loss, tasks)


def candidates(model, device: torch.device | None) -> list[str]:
    """Engines that can run the model, the most promising first."""
    names = ["stacked", "loop"] if model.refusal is None else ["vmap", "loop"]
    return ["graph", *names] if names[0] == "stacked" and device is not None and device.type == "cuda" else names


def choose(population, rows: slice) -> str:
    """The engine for a population whose rows `rows` are about to advance; they stay as they are."""
    recipe = _recipe(population)
    key = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:24]
    path = None if population.cache is None else Path(population.cache) / f"engine-{key}.json"
    if path is not None and path.exists():
        name = json.loads(path.read_text())["engine"]
        logger.info("engine %r, as measured before (%s)", name, path.name)
        return name
    names = candidates(population.model, population.initial.device)
    microseconds = _timed(population, names, slice(rows.start, min(rows.stop, rows.start + ROWS)))
    name = min(names, key=lambda each: microseconds[each])
    told = ", ".join(f"{each} {microseconds[each]:.0f}" for each in names)
    logger.info("engine %r is the fastest; microseconds a row and step: %s", name, told)
    return name if path is None else _remembered(path, {"engine": name, "microseconds": microseconds, "for": recipe})


def _recipe(population) -> dict:
    device, size = population.initial.device, population.capacity or len(population.tasks)
    size = size if population.chunk is None else min(size, population.chunk)
    return {
        "model": repr(population.model.module()),
        "trained": [[layer.name, *layer.shape] for layer in population.model.layout],
        "inputs": list(population.data["inputs"].shape[1:]),
        "batch": population.batch,
        "type": str(population.initial.dtype),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "bucket": 1 << max(0, size - 1).bit_length(),
        "torch": torch.__version__,
    }


def _timed(population, names: list[str], rows: slice) -> dict[str, float]:
    """Microseconds a row and step: the best of interleaved bursts, on copies of the rows."""
    device, tasks = population.initial.device, population.tasks[rows]
    chunks = {}
    for name in names:
        module = importlib.import_module(f"trainers.engines.{name}")
        wrap = graph.captured if name == "graph" else None
        chunks[name] = population.prepared(module.gradients, rows, copies=True, wrap=wrap)
        chunks[name].advance(tasks, 1)
    best = dict.fromkeys(names, float("inf"))
    for _ in range(BURSTS):
        for name, chunk in chunks.items():
            began = time.perf_counter()
            chunk.advance(tasks, STEPS)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            best[name] = min(best[name], (time.perf_counter() - began) / STEPS / len(tasks) * 1e6)
    return best


def _remembered(path: Path, choice: dict) -> str:
    """The choice, or that of whoever came first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(choice, indent=1))
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()
    return json.loads(path.read_text())["engine"]
