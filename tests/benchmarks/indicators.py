"""How fast indicators are, beside Optuna's and BoTorch's hypervolume: `python -m tests.benchmarks.indicators`.

Mutually non-dominated points on a sphere, reference 1.1; seconds of one core, the median of 3 (of 1 from a second on).
A row ends where a call would take more than a minute.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from search.pareto import hypervolume, indicators

SIZES, OBJECTIVES, LONGEST = (100, 1000, 10_000), (2, 3, 4, 6), 60.0


def sphere(n: int, m: int, seed: int = 0) -> np.ndarray:
    points = np.abs(np.random.default_rng(seed).normal(size=(n, m)))
    return 1 - points / np.linalg.norm(points, axis=1, keepdims=True)


def optuna(points: np.ndarray, reference: np.ndarray) -> float:
    from optuna._hypervolume import compute_hypervolume

    return float(compute_hypervolume(points, reference))


def botorch(points: np.ndarray, reference: np.ndarray) -> float:
    from botorch.utils.multi_objective.hypervolume import Hypervolume

    return float(Hypervolume(torch.from_numpy(-reference)).compute(torch.from_numpy(-points)))


ASKED: dict[str, Callable[[np.ndarray, np.ndarray], object]] = {
    "hypervolume, ours": hypervolume.hypervolume,
    "hypervolume, Optuna": optuna,
    "hypervolume, BoTorch": botorch,
    "contributions": hypervolume.contributions,
    "curve": hypervolume.curve,
    "IGD+": lambda points, _: indicators.igd_plus(points, sphere(1000, points.shape[1], 1)),
    "epsilon": lambda points, _: indicators.epsilon(points, sphere(1000, points.shape[1], 1)),
    "R2": lambda points, _: indicators.r2(points, np.zeros(points.shape[1])),
}


def seconds(call: Callable[[], object]) -> tuple[float, object]:
    taken: list[float] = []
    while len(taken) < (1 if taken and taken[0] > 1.0 else 3):
        begun = time.perf_counter()
        found = call()
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken)), found


def main() -> None:
    torch.set_num_threads(1)
    for m in OBJECTIVES:
        reference = np.full(m, 1.1)
        for name, ask in ASKED.items():
            told: list[str] = []
            last: list[float] = []
            for n in SIZES:
                if last and last[-1] * (10 if m < 4 else 100) > LONGEST:
                    told.append("-")
                    continue
                taken, found = seconds(partial(ask, sphere(n, m), reference))
                last.append(taken)
                said = f" ({found:.6g})" if isinstance(found, float) and "hypervolume" in name else ""
                told.append(f"{taken:.2g}{said}")
            print(f"| {m} | {name} | {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
