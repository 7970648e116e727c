"""Problems with a known front as a trainer: no training, so that the search layer can be judged alone."""

import importlib
import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainers.rung import Budget, Decision, Rung, Task

SPACE = {"problem": {"choice": "all", "default": "zdt1"}}
SETTINGS: dict[str, Any] = {}
MILLISECONDS_PER_STEP = 0.01


def train(
    tasks: Sequence[Task],
    *,
    budget: Budget,
    settings: Mapping[str, Any],
    device: str,
    cache: Path,
    at_rung: Callable[[Rung], Decision],
) -> None:
    """Every task is done at its first rung, which is its last."""
    live = list(tasks)
    while live:
        began = time.perf_counter()
        values, failures = zip(*[_evaluate(task.params["problem"]) for task in live], strict=True)
        names = {name for row in values for name in row}
        seconds = (time.perf_counter() - began) / len(live)
        rung = Rung(
            numbers=[task.number for task in live],
            steps=[budget.steps] * len(live),
            finite=[True] * len(live),
            seconds=[seconds] * len(live),
            values={name: [row.get(name, math.nan) for row in values] for name in sorted(names)},
            failures=list(failures),
        )
        live = list(at_rung(rung).admit)


def _evaluate(problem: Mapping[str, Any]) -> tuple[dict[str, float], tuple[str, str] | None]:
    """The values of one point, or why it has none."""
    name = problem["name"]
    try:
        module = importlib.import_module(name if "." in name else f"trainers.problems.{name}")
        return module.evaluate({key: value for key, value in problem.items() if key != "name"}), None
    except Exception:
        return {}, ("crashed", traceback.format_exc(limit=-4))
