"""Studies, trials and fronts for the tests of the mirror and of the figures: made up, nothing is trained."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from search import front as fronts
from search import study as studies
from search.front import Front
from search.study import Study
from search.trial import Failure, Trial

NAMES = ("error", "kl_to_reference", "latency", "size", "ece", "gap")
UNITS = ("fraction", "nats", "ms", "MB", "fraction", "fraction")
BEGIN = 1_700_000_000.0  # seconds since the epoch


def study(name: str = "digits", objectives: int | Mapping[str, Any] = 2, **tables: Any) -> Study:
    """A study with a trainer that reports by itself; ``objectives``: how many, or which; ``tables`` replace others."""
    units = list(zip(NAMES, UNITS, strict=True))
    if isinstance(objectives, int):
        objectives = {name: {"unit": unit, "limit": 10.0} for name, unit in units[:objectives]}
    table: dict[str, Any] = {
        "name": name,
        "trainer": {"command": "python train.py {learning_rate}"},
        "space": {
            "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
            "depth": {"low": 1, "high": 6, "integer": True},
            "activation": ["relu", "gelu", "silu"],
        },
        "objectives": dict(objectives),
        "budget": {"trials": 64, "steps": 100, "rungs": 4},
    }
    return studies.read({**table, **tables})


def running(made: Study, number: int, rungs: Sequence[Mapping[str, float]] = (), **more: Any) -> Trial:
    """A trial under way: its values at each rung so far."""
    params = made.space.sample(np.random.default_rng(number))
    curve = tuple((25 * (i + 1), dict(values)) for i, values in enumerate(rungs))
    facts: dict[str, Any] = {"params": params, "seed": number, "started": BEGIN + number, "curve": curve}
    return Trial(**{"number": number, **facts, **more})


def finished(made: Study, number: int, values: Sequence[float], **more: Any) -> Trial:
    """A complete trial, with rungs on the way to ``values`` and report values a little above them."""
    named = dict(zip([o.name for o in (*made.objectives, *made.constraints)], map(float, values), strict=True))
    rungs = [{name: value * (3 - i / 2) for name, value in named.items()} for i in range(4)]
    known = {
        "state": "finished", "values": named, "report_values": {name: 1.01 * value for name, value in named.items()},
        "losses": made.losses(named), "violations": made.violations(named), "step": 100, "seconds": 2.5,
        "ended": BEGIN + number + 5,
    }  # fmt: skip
    return running(made, number, rungs, **{**known, **more})


def merged(made: Study, number: int, values: Sequence[float], parents: Sequence[int], **more: Any) -> Trial:
    """A merged model of equal parts."""
    parts = {"parents": tuple(parents), "coefficients": tuple(1.0 / len(parents) for _ in parents)}
    return finished(made, number, values, **{"params": {}, "seed": None, "curve": (), **parts, **more})


def failed(made: Study, number: int, message: str = "loss is NaN", **more: Any) -> Trial:
    """A trial without values."""
    facts = {"state": "failed", "failure": Failure(cause="diverged", message=message, step=25), "ended": BEGIN + number}
    return running(made, number, **{**facts, **more})


def study_of(
    trials: int, objectives: int, seed: int = 0, name: str = "digits", **tables: Any
) -> tuple[Study, list[Trial], Front]:
    """A whole study: a curved front with trials behind it, some failed, the last tenth merged."""
    made, rng = study(name, objectives, **tables), np.random.default_rng(seed)
    known: list[Trial] = []
    for number in range(trials):
        weights, behind = rng.dirichlet(np.ones(objectives)), 0.1 + 0.4 * rng.random() ** 2
        values = [*(behind + (1 - weights) ** 2), *rng.random(len(made.constraints))]
        if number >= 0.9 * trials:
            known.append(merged(made, number, values, (0, 1)))
        elif number % 13 == 6:
            known.append(failed(made, number))
        else:
            state = "stopped" if number % 9 == 4 else "finished"
            known.append(finished(made, number, values, state=state))
    return made, known, fronts.build(made, known)
