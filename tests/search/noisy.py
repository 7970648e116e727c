"""A trainer whose true losses are known and whose noise is a function of seed and params: several populations a second.

With x, y, z in [0, 1], ``behind`` = (y^2 + z^2) / 2 and ``noise`` of the deviation that is set, at x = 0.5 (at x = 1 it
is twice what it is at x = 0),

    first = x + 0.3 behind + noise,    second = 1 - sqrt(x) + behind + noise

and before the last step both are larger by what is left of the steps.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trainers.rung import Rung, Task

SPACE = {"x": {"low": 0.0, "high": 1.0}, "y": {"low": 0.0, "high": 1.0}, "z": {"low": 0.0, "high": 1.0}}
SETTINGS: dict[str, Any] = {"noise": 0.1}


def truth(params: Mapping[str, float]) -> tuple[float, float]:
    """The true losses."""
    behind = (params["y"] ** 2 + params["z"] ** 2) / 2
    return params["x"] + 0.3 * behind, 1 - params["x"] ** 0.5 + behind


def evaluated(params: Mapping[str, float], seed: int, noise: float) -> tuple[float, ...]:
    """The losses of one training."""
    drawn = np.random.default_rng([seed, zlib.crc32(json.dumps(params, sort_keys=True).encode())]).normal(size=2)
    return tuple((np.array(truth(params)) + noise * (1 + params["x"]) / 1.5 * drawn).tolist())


def train(
    tasks: Sequence[Task], *, budget: Any, settings: Mapping[str, Any], device: str, cache: Any, at_rung: Any
) -> None:
    """The population of ``tasks``, whose rows advance together."""
    live = [(task, task.step) for task in tasks]
    while live:
        live = [(task, step + budget.rung_steps) for task, step in live]
        found = [evaluated(task.params, task.seed, settings["noise"]) for task, _ in live]
        left = [1 - step / budget.steps for _, step in live]
        rung = Rung(
            numbers=[task.number for task, _ in live],
            steps=[step for _, step in live],
            finite=[True] * len(live),
            seconds=[0.0] * len(live),
            values={
                name: [row[i] + more for row, more in zip(found, left, strict=True)]
                for i, name in enumerate(("first", "second"))
            },
        )
        decision = at_rung(rung)
        live = [row for row, keep in zip(live, decision.keep, strict=True) if keep]
        live += [(task, task.step) for task in decision.admit]
