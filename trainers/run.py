"""From rung boundary to rung boundary until no row is left: a population in conversation with its caller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from trainers.params import complete
from trainers.population import Population
from trainers.rung import Budget, Decision, Rung, Task


def run(
    population: Population,
    tasks: list[Task],
    *,
    space: dict[str, Any],
    budget: Budget,
    outputs: Callable[[Tensor, list[float], str], dict[str, Tensor]],
    base: str | None,
    at_rung: Callable[[Rung], Decision],
) -> None:
    """`outputs(rows (k, p), seconds, split)` are a rung's tensors; `space` completes the tasks' params."""
    population.steps, population.capacity = budget.steps, budget.population
    _seat(population, tasks, space, budget)
    while population.tasks:
        population.advance(budget.rung_steps)
        decision = at_rung(
            Rung(
                numbers=[task.number for task in population.tasks],
                steps=[task.step for task in population.tasks],
                finite=list(population.finite),
                seconds=list(population.seconds),
                outputs=partial(_shown, population, outputs),
                weights=population.export,
                checkpoint=population.checkpoint,
                failures=list(population.failures) if any(population.failures) else None,
                base=base,
            )
        )
        rows = zip(decision.keep, population.finite, population.failures, population.tasks, strict=True)
        population.drop(
            [kept and finite and not failed and task.step < budget.steps for kept, finite, failed, task in rows]
        )
        _seat(population, decision.admit, space, budget)


def _shown(population: Population, outputs, split: str, rows: list[int] | None = None) -> dict[str, Tensor]:
    """The outputs of these rows, or of all."""
    if rows is None:
        return outputs(population.parameters, population.seconds, split)
    return outputs(population.parameters[rows], [population.seconds[row] for row in rows], split)


def _seat(population: Population, tasks: list[Task], space: dict[str, Any], budget: Budget) -> None:
    """Admit tasks into the free places, once all of them are known to fit the budget."""
    free = budget.population - len(population.tasks)
    if len(tasks) > free:
        raise ValueError(f"admit: expected at most {free} tasks, got {len(tasks)}: population = {budget.population}")
    for task in tasks:
        if task.step % budget.rung_steps or not 0 <= task.step < budget.steps:
            expected = f"a multiple of rung_steps = {budget.rung_steps} below steps = {budget.steps}"
            raise ValueError(f"task {task.number} step: expected {expected}, got {task.step}")
        if task.step and task.state is None:
            raise ValueError(f"task {task.number} state: expected a checkpoint of step {task.step}, got None")
    whole = [complete(space, task.params, where=f"task {task.number} params") for task in tasks]
    population.admit([replace(task, params=params) for task, params in zip(tasks, whole, strict=True)])
