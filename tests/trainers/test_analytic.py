"""Problems with a known front, and the trainer that poses them."""

import importlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search import components
from search.pareto import dominance
from trainers import analytic
from trainers.rung import Budget, Decision, Rung, Task

PROBLEMS = components.names("problem")


def evaluate(problem: str, point: dict[str, float]) -> dict[str, float]:
    return dict(importlib.import_module(f"trainers.problems.{problem}").evaluate(point))


def at(problem: str, *values: float) -> dict[str, float]:
    """The values of the first variables; the rest is 0, or 1/2 for DTLZ2, where the distance vanishes."""
    names = importlib.import_module(f"trainers.problems.{problem}").SPACE
    rest = 0.5 if problem == "dtlz2" else 0.0
    return evaluate(problem, dict(zip(names, [*values, *[rest] * (len(names) - len(values))], strict=True)))


def on_zdt1(f: np.ndarray) -> tuple[float, ...]:
    return (f[0],)


def on_dtlz2(f: np.ndarray) -> tuple[float, ...]:
    return (2 / math.pi * math.asin(min(f[2], 1.0)), 2 / math.pi * math.atan2(f[1], f[0]))


def on_bnh(f: np.ndarray) -> tuple[float, ...]:
    """x1 = x2 gives f1 = 8 x1^2 up to 72, then x2 = 3 gives f1 = 4 x1^2 + 36."""
    return ((f[0] / 8) ** 0.5,) * 2 if f[0] <= 72 else (((f[0] - 36) / 4) ** 0.5, 3.0)


INVERSE: dict[str, Callable[[np.ndarray], tuple[float, ...]]] = {"zdt1": on_zdt1, "dtlz2": on_dtlz2, "bnh": on_bnh}
KNOWN = [
    ("zdt1", (0.0,), {"f1": 0.0, "f2": 1.0}),
    ("zdt1", (0.25,), {"f1": 0.25, "f2": 0.5}),
    ("zdt1", (1.0,), {"f1": 1.0, "f2": 0.0}),
    ("zdt1", (1.0, 1, 1, 1, 1, 1), {"f1": 1.0, "f2": 10 * (1 - math.sqrt(0.1))}),
    ("dtlz2", (0.0, 0.0), {"f1": 1.0, "f2": 0.0, "f3": 0.0}),
    ("dtlz2", (1.0, 0.3), {"f1": 0.0, "f2": 0.0, "f3": 1.0}),
    ("dtlz2", (0.5, 0.5), {"f1": 0.5, "f2": 0.5, "f3": math.sqrt(0.5)}),
    ("dtlz2", (0.0, 0.0, 0, 0, 0, 0), {"f1": 2.0, "f2": 0.0, "f3": 0.0}),
    ("bnh", (0.0, 0.0), {"f1": 0.0, "f2": 50.0, "c1": 0.0, "c2": 7.7 - 73.0}),
    ("bnh", (5.0, 3.0), {"f1": 136.0, "f2": 4.0, "c1": 9.0 - 25.0, "c2": 7.7 - 45.0}),
]


@pytest.mark.parametrize(("problem", "point", "values"), KNOWN)
def test_a_problem_has_its_published_values(problem: str, point: tuple[float, ...], values: dict[str, float]) -> None:
    assert at(problem, *point) == pytest.approx(values, abs=1e-12)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_point_of_a_front_is_reached_and_feasible(problem: str) -> None:
    front = importlib.import_module(f"trainers.problems.{problem}").front(40)
    for row in front:
        values = at(problem, *INVERSE[problem](row))
        assert [values[f"f{i + 1}"] for i in range(len(row))] == pytest.approx(list(row), abs=1e-9)
        assert all(value <= 1e-9 for name, value in values.items() if name.startswith("c"))


@pytest.mark.parametrize("problem", PROBLEMS)
def test_no_point_of_a_front_dominates_another(problem: str) -> None:
    front = importlib.import_module(f"trainers.problems.{problem}").front(40)
    assert front.shape[0] == 40 and np.isfinite(front).all()
    assert dominance.is_nondominated(front).all()


@pytest.mark.parametrize("problem", PROBLEMS)
def test_no_feasible_point_is_better_than_the_front(problem: str, rng: np.random.Generator) -> None:
    module = importlib.import_module(f"trainers.problems.{problem}")
    front = module.front(2000)
    slack = 1e-2 * np.ptp(front, axis=0)  # the front is drawn at points, and between them it bends
    for _ in range(500):
        values = evaluate(problem, {name: rng.uniform(s["low"], s["high"]) for name, s in module.SPACE.items()})
        if any(value > 0 for name, value in values.items() if name.startswith("c")):
            continue
        losses = np.array([values[f"f{i + 1}"] for i in range(front.shape[1])])
        assert not (losses + slack < front).all(axis=1).any(), values


def train(*params: dict[str, Any], admit: list[Task] | None = None, steps: int = 4) -> list[Rung]:
    """Every rung of a training; ``admit``: what comes in after the first."""
    told: list[Rung] = []

    def at_rung(rung: Rung) -> Decision:
        told.append(rung)
        return Decision(keep=[True] * len(rung.numbers), admit=(admit or []) if len(told) == 1 else [])

    tasks = [Task(number=number, params={"problem": each}, seed=0) for number, each in enumerate(params)]
    budget = Budget(steps=steps, rung_steps=2, population=max(len(tasks), 1))
    analytic.train(tasks, budget=budget, settings={}, device="cpu", cache=Path(), at_rung=at_rung)
    return told


BNH = {"name": "bnh", "x1": 5.0, "x2": 3.0}
ZDT1 = {"name": "zdt1", **{f"x{i}": 0.25 for i in range(1, 7)}}


def test_a_point_is_done_at_its_first_rung_with_its_values() -> None:
    (rung,) = train(BNH, {**BNH, "x1": 0.0, "x2": 0.0})
    assert rung.numbers == [0, 1] and rung.steps == [4, 4] and rung.finite == [True, True]
    assert rung.values["f1"] == [136.0, 0.0] and rung.values["c1"] == [-16.0, 0.0]
    assert rung.failures == [None, None] and min(rung.seconds) >= 0.0


def test_what_is_admitted_is_evaluated_next() -> None:
    first, second = train(BNH, admit=[Task(number=7, params={"problem": ZDT1}, seed=0)])
    assert (first.numbers, second.numbers) == ([0], [7])
    assert second.values.keys() == {"f1", "f2"}
    assert train() == []


def test_problems_with_other_objectives_can_share_a_batch() -> None:
    (rung,) = train(BNH, ZDT1)
    alone = train(ZDT1)[0].values
    assert {name: column[1] for name, column in rung.values.items() if name in alone} == {
        name: column[0] for name, column in alone.items()
    }
    assert math.isnan(rung.values["c1"][1]) and rung.values["c1"][0] == -16.0


def test_a_problem_that_breaks_fails_its_own_trial_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brittle").mkdir()
    (tmp_path / "brittle" / "problem.py").write_text(
        "def evaluate(point):\n"
        "    if point['x'] > 0.5:\n"
        "        raise RuntimeError('too far')\n"
        "    return {'f1': 1.0}\n"
    )
    (tmp_path / "brittle" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    (rung,) = train({"name": "brittle.problem", "x": 0.0}, {"name": "brittle.problem", "x": 1.0})
    assert rung.failures is not None and rung.failures[0] is None and rung.failures[1] is not None
    cause, message = rung.failures[1]
    assert cause == "crashed" and "RuntimeError: too far" in message and "problem.py" in message
    assert rung.values["f1"][0] == 1.0


def test_every_problem_has_its_known_values_and_its_inverse_here() -> None:
    assert set(PROBLEMS) == set(INVERSE) == {problem for problem, _, _ in KNOWN}
