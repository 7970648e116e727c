"""The recipe of ``distill_table.npz``: trains every point of the grid of ``tabular.py`` with every seed.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.search.make_table SCRATCH

A piece is one divergence with one seed, and is kept in the folder SCRATCH once it is trained: started again, the recipe
goes on where it stopped. It takes 36 minutes of one core. All points of a piece see the examples in the same order.

The file has ``choose`` (trainings, seeds, measures) of the split that chooses and ``report`` (trainings, measures), the
means over the seeds of the split kept apart; those of ``tabular.LOGARITHMIC`` as logarithms.
"""

import argparse
import os
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.benchmarks.search import tabular
from trainers import distill
from trainers.rung import Budget, Decision, Rung, Task

SPLITS = ("choose", "report")


def params(cell: Sequence[int]) -> dict[str, Any]:
    """A point of the grid in the trainer's grammar."""
    config = tabular.config(cell)
    found = {key: config[key] for key in ("temperature", "learning_rate")}
    found["weights"] = dict(zip(tabular.WEIGHTS, tabular.trained(cell[1]), strict=True))
    for key, own in (("divergence", "order"), ("optimizer", "momentum")):
        found[key] = {"name": config[key]} | ({own: config[own]} if own in config else {})
    return found


def train(several: Sequence[dict[str, Any]], seed: int, cache: Path) -> np.ndarray:
    """Values (k, splits, measures) for k params."""
    measures = [import_module(f"objectives.measures.{name}") for name in tabular.MEASURES]
    found = np.full((len(several), len(SPLITS), len(measures)), np.nan)

    def at_rung(rung: Rung) -> Decision:
        for j, split in enumerate(SPLITS):
            outputs = rung.outputs(split)
            found[rung.numbers, j] = torch.stack([each.measure(outputs) for each in measures], -1).numpy()
        return Decision(keep=[False] * len(rung.numbers))

    tasks = [Task(number=number, params=params, seed=seed) for number, params in enumerate(several)]
    budget = Budget(steps=tabular.STEPS, rung_steps=tabular.STEPS, population=len(tasks))
    distill.train(tasks, budget=budget, settings={}, device="cpu", cache=cache, at_rung=at_rung)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    scratch = parser.parse_args().scratch
    scratch.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    cells, _ = tabular.trainings()
    values = np.empty((len(cells), len(tabular.SEEDS), len(SPLITS), len(tabular.MEASURES)))
    for i, seed in enumerate(tabular.SEEDS):
        for divergence in np.unique(cells[:, 0]):
            rows, piece = np.flatnonzero(cells[:, 0] == divergence), scratch / f"{seed}-{divergence}.npy"
            if not piece.exists():
                began = time.process_time()
                made = train([params(cell) for cell in cells[rows]], seed, scratch)
                np.save(unfinished := piece.with_suffix(".part.npy"), made)
                os.replace(unfinished, piece)
                print(f"{piece.name}: {len(rows)} rows, {time.process_time() - began:.0f} s", flush=True)
            values[rows, i] = np.load(piece)
    scaled = np.log(values, out=values.copy(), where=tabular.LOGARITHMIC)
    choose, report = scaled[:, :, 0], scaled[:, :, 1].mean(1)
    kept = {"choose": choose.astype(np.float16), "report": report.astype(np.float16)}
    np.savez_compressed(tabular.FILE, recipe=tabular.recipe(), **kept)


if __name__ == "__main__":
    main()
