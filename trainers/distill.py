"""A small student learns from few, partly wrong labels and from a large teacher: whom to trust, and how far?

    loss = w_labels CE(labels, student) + w_teacher T^2 D(teacher / T, student / T)
           + w_entropy (log c - H(student));  the weights sum to 1

D is any divergence of `objectives.divergences`, T the temperature, H the entropy of the student's
prediction in nats. Source: Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network, 2015,
for the first two terms; Pereyra et al., Regularizing Neural Networks by Penalizing Confident Output
Distributions, 2017, for the third.

Why smoothing and noise: a teacher trained on smoothed labels is accurate but too modest, and a twentieth of
the student's labels are wrong. So the labels calibrate, the teacher makes accurate, and distance from the
teacher is a third wish: no student is best at all three. All trials start from one base, the student after
a few steps on its own labels, so that they can be merged.
"""

from __future__ import annotations

from functools import partial
from math import log

import torch
from torch import Tensor, nn

from trainers.cached import cached, fingerprint
from trainers.data import digits
from trainers.distance import distance
from trainers.fit import VERSION, fit
from trainers.models.mlp import MLP
from trainers.params import complete
from trainers.population import Population, logits
from trainers.run import run
from trainers.stack import Stack

SPACE = {
    "divergence": {"choice": "all", "default": "forward_kl"},
    "weights": {
        "simplex": ["labels", "teacher", "entropy"],
        "default": {"labels": 0.45, "teacher": 0.5, "entropy": 0.05},
    },
    "temperature": {"low": 1.0, "high": 8.0, "log": True, "default": 2.0},
    "learning_rate": {"low": 1e-4, "high": 0.3, "log": True, "default": 0.01},
    "weight_decay": {"low": 1e-6, "high": 0.1, "log": True, "default": 1e-4},
    "optimizer": {"choice": "all", "default": "adamw"},
}
SETTINGS = {
    "hidden": [24, 24],
    "teacher_hidden": [128],
    "teacher_steps": 1500,
    "teacher_smoothing": 0.1,
    "base_steps": 100,
    "labelled": 300,
    "label_noise": 0.05,
    "batch": 64,
    "engine": "stacked",
}
MILLISECONDS_PER_STEP = 0.4  # of one row, measured: one core, 24 mixed rows stacked
PROVIDES = ("logits", "labels", "reference_logits", "parameters", "seconds")


def train(tasks, *, budget, settings, device, cache, at_rung) -> None:
    settings = complete(SETTINGS, settings, where="distill settings")
    model, start = _student(settings), base(settings, device, cache)
    inputs, labels = (tensor.to(device) for tensor in _lesson(settings))
    teach = _teacher(settings, device, cache)
    data = {"inputs": inputs, "labels": labels, "reference_logits": teach(inputs)}
    how = {"batch": settings["batch"], "engine": settings["engine"], "cache": cache}
    run(
        Population(model, loss, data, initial=model.row(start).to(device), **how),
        tasks,
        space=SPACE,
        budget=budget,
        outputs=partial(_outputs, model, teach),
        base=fingerprint(start),
        at_rung=at_rung,
    )


def loss(tasks, *, column):
    """Prepare logits (k, b, c), batch -> losses (k,) for these tasks."""
    names = ("labels", "teacher", "entropy")
    labelled, taught, spread = (column([task.params["weights"][name] for task in tasks]) for name in names)
    temperature = column([task.params["temperature"] for task in tasks])
    apart_by = distance([task.params["divergence"] for task in tasks], column)

    def compute(student: Tensor, batch: dict[str, Tensor]) -> Tensor:
        log_probabilities, warmth = student.log_softmax(-1), temperature[..., None]
        labels = batch["labels"].expand(student.shape[:-1])
        cross_entropy = -log_probabilities.gather(-1, labels[..., None])[..., 0]
        penalty = log(student.shape[-1]) + (log_probabilities.exp() * log_probabilities).sum(-1)
        apart = temperature.square() * apart_by(batch["reference_logits"] / warmth, student / warmth)
        return (labelled * cross_entropy + taught * apart + spread * penalty).mean(-1)

    return compute


def evaluate(states, *, split, settings, device, cache) -> dict[str, Tensor]:
    settings = complete(SETTINGS, settings, where="distill settings")
    model, teach = _student(settings), _teacher(settings, device, cache)
    rows = torch.stack([model.row(state) for state in states]).to(device)
    return _outputs(model, teach, rows, [0.0] * len(states), split)


def base(settings, device, cache) -> dict[str, Tensor]:
    settings = complete(SETTINGS, settings, where="distill settings")
    rates = {"steps": settings["base_steps"], "batch": settings["batch"], "learning_rate": 0.01}
    recipe = rates | {name: settings[name] for name in ("hidden", "labelled", "label_noise")}
    recipe |= {"fit": VERSION, "data": digits.fingerprint()}
    return cached(cache, "distill-base", recipe, lambda: fit(_student(settings), *_lesson(settings), **rates))


def data(settings) -> str:
    return digits.fingerprint()


def module(settings) -> nn.Module:
    return _student(complete(SETTINGS, settings, where="distill settings")).module()


def _student(settings) -> Stack:
    return Stack(MLP((64, *settings["hidden"], digits.CLASSES)))


def _lesson(settings) -> tuple[Tensor, Tensor]:
    """What the student sees: inputs (labelled, 64), labels (labelled,), a fraction of them wrong."""
    inputs, labels = digits.load()["train"]
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(labels), generator=generator)[: settings["labelled"]]
    wrong = round(settings["label_noise"] * len(chosen))
    shift = torch.randint(1, digits.CLASSES, (wrong,), generator=generator)
    labels = labels[chosen]
    labels[:wrong] = (labels[:wrong] + shift) % digits.CLASSES
    return inputs[chosen], labels


def _teacher(settings, device, cache):
    """inputs (n, 64) -> the teacher's logits (n, c). It saw the whole training split and its true labels."""
    model = Stack(MLP((64, *settings["teacher_hidden"], digits.CLASSES)))
    rates = {"steps": settings["teacher_steps"], "smoothing": settings["teacher_smoothing"]}
    rates |= {"batch": 64, "learning_rate": 3e-3}
    recipe = rates | {"fit": VERSION, "hidden": settings["teacher_hidden"], "data": digits.fingerprint()}
    state = cached(cache, "distill-teacher", recipe, lambda: fit(model, *digits.load()["train"], **rates))
    row = model.row(state).to(device)[None]
    return lambda inputs: logits(model, row, inputs)[0]


def _outputs(model, teach, rows: Tensor, seconds: list[float], split: str) -> dict[str, Tensor]:
    inputs, labels = (tensor.to(rows.device) for tensor in digits.load()[split])
    return {
        "logits": logits(model, rows, inputs),
        "labels": labels,
        "reference_logits": teach(inputs),
        "parameters": torch.full((len(rows),), float(model.parameters)),
        "seconds": torch.tensor(seconds, dtype=torch.float64),
    }
