"""Small studies for the tests, as dicts of the study file's shape."""

import json
from typing import Any

ANALYTIC: dict[str, Any] = {
    "name": "small",
    "seed": 3,
    "trainer": {"name": "analytic"},
    "space": {"problem": "zdt1"},
    "objectives": {"f1": {"limit": 1.1}, "f2": {"limit": 11.0}},
    "proposer": {"name": "random"},
    "budget": {"trials": 12, "population": 3},
}

DISTILL: dict[str, Any] = {
    "name": "tiny-distill",
    "seed": 5,
    "trainer": {"name": "distill", "teacher_steps": 60, "base_steps": 20, "teacher_hidden": [32], "hidden": [12]},
    "space": {
        "divergence": ["forward_kl", "alpha"],
        "weights": {},
        "learning_rate": {"high": 0.05},
        "optimizer": ["sgd", "adamw"],
    },
    "objectives": {"ece": {"limit": 1.0}, "kl_to_teacher": {"measure": "kl_to_reference", "limit": 20.0}},
    "proposer": {"name": "ehvi", "start": 6},
    "stop": {"rule": "halving", "minimum": 3, "grace": 0.25, "share": 0.7},
    "budget": {"trials": 12, "steps": 48, "rungs": 4, "population": 4},
    "merge": {"evaluations": 9, "parents": 2},
}

NOISY: dict[str, Any] = {
    "name": "noisy",
    "seed": 4,
    "trainer": {"name": "tests.search.noisy"},
    "space": {name: {"low": 0.0, "high": 1.0} for name in "xyz"},
    "objectives": {name: {"limit": 2.0, "direction": "min"} for name in ("first", "second")},
    "proposer": {"name": "sobol"},
    "budget": {"trials": 20, "population": 4, "repeats": 0.5},
}

AMORTISED: dict[str, Any] = {**DISTILL, "name": "tiny-amortised", "amortise": {"rounds": 3}}


def changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with dotted keys set, or with ``...`` removed."""
    made = json.loads(json.dumps(base))
    for dotted, value in changes.items():
        *outer, key = dotted.split(".")
        target = made
        for part in outer:
            target = target.setdefault(part, {})
        if value is ...:
            del target[key]
        else:
            target[key] = value
    return dict(made)
