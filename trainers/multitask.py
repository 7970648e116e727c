"""One small network is fine-tuned to several views of the digits at once: how much care for each view?

    loss = sum over views v of w_v CE(labels, model(view v of the images)); the weights sum to 1

The network is too small to serve all views, and an upside-down 6 is a 9, so the views' errors trade off.
All trials start from one base, which saw all views alike, so that they can be merged. Which views:
settings["views"]; the simplex of the weights has the same names.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from trainers.cached import cached, fingerprint
from trainers.data import digits
from trainers.data.views import VIEWS
from trainers.fit import VERSION, fit
from trainers.models.mlp import MLP
from trainers.params import complete
from trainers.population import Population, logits
from trainers.run import run
from trainers.stack import Stack

SPACE = {
    "weights": {
        "simplex": ["upright", "rotated", "inverted"],
        "default": {"upright": 0.34, "rotated": 0.33, "inverted": 0.33},
    },
    "learning_rate": {"low": 1e-4, "high": 0.3, "log": True, "default": 0.01},
    "weight_decay": {"low": 1e-6, "high": 0.1, "log": True, "default": 1e-4},
    "optimizer": {"choice": "all", "default": "adamw"},
}
SETTINGS = {
    "views": ["upright", "rotated", "inverted"],
    "hidden": [12, 12],
    "base_steps": 600,
    "batch": 64,
    "engine": "stacked",
}
MILLISECONDS_PER_STEP = 0.6  # of one row, measured: one core, 16 mixed rows stacked
PROVIDES = ("{view}.logits", "{view}.labels", "parameters", "seconds")


def train(tasks, *, budget, settings, device, cache, at_rung) -> None:
    settings = complete(SETTINGS, settings, where="multitask settings")
    model, start, views = _network(settings), base(settings, device, cache), settings["views"]
    inputs, labels = (tensor.to(device) for tensor in digits.load()["train"])
    data = {"inputs": _seen(inputs, views), "labels": labels}
    how = {"batch": settings["batch"], "engine": settings["engine"], "cache": cache}
    run(
        Population(model, partial(loss, views=views), data, initial=model.row(start).to(device), **how),
        tasks,
        space=SPACE | {"weights": {"simplex": views, "default": {view: 1 / len(views) for view in views}}},
        budget=budget,
        outputs=partial(_outputs, model, views),
        base=fingerprint(start),
        at_rung=at_rung,
    )


def loss(tasks, *, column, views):
    """Prepare logits (k, b, v, c), batch -> losses (k,)."""
    shares = [column([task.params["weights"][view] for task in tasks]) for view in views]
    shares = torch.cat(shares, 1)  # (k, v)

    def compute(student: Tensor, batch: dict[str, Tensor]) -> Tensor:
        log_probabilities = student.log_softmax(-1).reshape(len(student), -1, len(views), student.shape[-1])
        labels = batch["labels"][..., None].expand(log_probabilities.shape[:-1])
        cross_entropy = -log_probabilities.gather(-1, labels[..., None])[..., 0]
        return (cross_entropy.mean(1) * shares).sum(1)

    return compute


def evaluate(states, *, split, settings, device, cache) -> dict[str, Tensor]:
    settings = complete(SETTINGS, settings, where="multitask settings")
    model = _network(settings)
    rows = torch.stack([model.row(state) for state in states]).to(device)
    return _outputs(model, settings["views"], rows, [0.0] * len(states), split)


def base(settings, device, cache) -> dict[str, Tensor]:
    settings = complete(SETTINGS, settings, where="multitask settings")
    inputs, labels = digits.load()["train"]
    views, rates = (
        settings["views"],
        {"steps": settings["base_steps"], "batch": settings["batch"], "learning_rate": 0.01},
    )
    recipe = rates | {
        "fit": VERSION,
        "views": views,
        "hidden": settings["hidden"],
        "data": digits.fingerprint(),
    }
    lesson = _seen(inputs, views).flatten(0, 1), labels.repeat_interleave(len(views))
    return cached(cache, "multitask-base", recipe, lambda: fit(_network(settings), *lesson, **rates))


def data(settings) -> str:
    return digits.fingerprint()


def module(settings) -> nn.Module:
    return _network(complete(SETTINGS, settings, where="multitask settings")).module()


def _network(settings) -> Stack:
    unknown = sorted(set(settings["views"]) - set(VIEWS))
    if unknown:
        raise ValueError(f"multitask settings views: expected some of {sorted(VIEWS)}, got {unknown}")
    return Stack(MLP((64, *settings["hidden"], digits.CLASSES)))


def _seen(inputs: Tensor, views: list[str]) -> Tensor:
    """(n, 64) -> (n, v, 64)."""
    return torch.stack([VIEWS[view](inputs) for view in views], 1)


def _outputs(model, views: list[str], rows: Tensor, seconds: list[float], split: str) -> dict[str, Tensor]:
    inputs, labels = (tensor.to(rows.device) for tensor in digits.load()[split])
    named = {f"{view}.logits": logits(model, rows, VIEWS[view](inputs)) for view in views}
    return named | {
        **{f"{view}.labels": labels for view in views},
        "parameters": torch.full((len(rows),), float(model.parameters)),
        "seconds": torch.tensor(seconds, dtype=torch.float64),
    }
