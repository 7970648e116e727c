"""A small network reads clean and noisy digits: how robust shall it be, and how sure of itself?

    loss = w_clean CE(clean images) + w_noisy CE(noisy images) + w_smooth CE(uniform, model);  they sum to 1

Half of the training examples are clean and half are noisy pictures of the same digits, and a batch is drawn from
all of them, so each example weighs 2 w of its kind. The third term is label smoothing: w_smooth / (w_clean +
w_smooth) is its share where all images are clean. Source: Szegedy et al., Rethinking the Inception Architecture
for Computer Vision, 2016, section 7; noise as augmentation: Bishop, Training with Noise is Equivalent to
Tikhonov Regularization, 1995.

All trials start from one base, the network after a few steps on the clean images, so that they can be merged.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from trainers.cached import cached, fingerprint
from trainers.data import digits
from trainers.data.noise import noisy
from trainers.fit import VERSION, fit
from trainers.models.cnn import CNN
from trainers.models.mlp import MLP
from trainers.params import complete
from trainers.population import Population, logits
from trainers.run import run
from trainers.stack import Stack

SPACE = {
    "weights": {
        "simplex": ["clean", "noisy", "smooth"],
        "default": {"clean": 0.5, "noisy": 0.45, "smooth": 0.05},
    },
    "dropout": {"low": 0.0, "high": 0.6, "default": 0.0},
    "learning_rate": {"low": 1e-4, "high": 0.1, "log": True, "default": 0.005},
    "weight_decay": {"low": 1e-6, "high": 0.1, "log": True, "default": 1e-4},
    "clip_norm": {"low": 0.1, "high": 10.0, "log": True, "default": 1.0},
    "optimizer": {"choice": "all", "default": "adamw"},
    "schedule": {"choice": "all", "default": "linear"},
}
SETTINGS = {
    "model": "cnn",
    "channels": [16, 32],
    "norm": "none",
    "hidden": [24, 24],
    "labelled": 400,
    "noise": 0.5,
    "draws": 4,
    "base_steps": 60,
    "batch": 64,
    "engine": "stacked",
}
MILLISECONDS_PER_STEP = 1.6  # of one row, measured: one core, 16 mixed rows stacked
PROVIDES = ("clean.logits", "clean.labels", "noisy.logits", "noisy.labels", "parameters", "seconds")
VIEWS = ("clean", "noisy")
SEEDS = {"choose": 1, "report": 2}  # of the noise; the training draws come after


def train(tasks, *, budget, settings, device, cache, at_rung) -> None:
    settings = complete(SETTINGS, settings, where="classify settings")
    model, start = _network(settings), base(settings, device, cache)
    data = {name: tensor.to(device) for name, tensor in _lesson(settings).items()}
    how = {"batch": settings["batch"], "engine": settings["engine"], "cache": cache}
    run(
        Population(model, loss, data, initial=model.row(start).to(device), **how),
        tasks,
        space=SPACE,
        budget=budget,
        outputs=partial(_outputs, model, settings),
        base=fingerprint(start),
        at_rung=at_rung,
    )


def loss(tasks, *, column):
    """Prepare logits (k, b, c), batch -> losses (k,); batch["views"] (1 or k, b) counts the kinds of images."""
    shares = torch.cat([column([task.params["weights"][view] for task in tasks]) for view in VIEWS], 1)  # (k, 2)
    smooth = column([task.params["weights"]["smooth"] for task in tasks])

    def compute(student: Tensor, batch: dict[str, Tensor]) -> Tensor:
        log_probabilities = student.log_softmax(-1)
        labels, views = (batch[name].expand(student.shape[:-1]) for name in ("labels", "views"))
        cross_entropy = -log_probabilities.gather(-1, labels[..., None])[..., 0]
        care = len(VIEWS) * shares.gather(1, views)
        return (care * cross_entropy - smooth * log_probabilities.mean(-1)).mean(-1)

    return compute


def evaluate(states, *, split, settings, device, cache) -> dict[str, Tensor]:
    settings = complete(SETTINGS, settings, where="classify settings")
    model = _network(settings)
    rows = torch.stack([model.row(state) for state in states]).to(device)
    return _outputs(model, settings, rows, [0.0] * len(states), split)


def base(settings, device, cache) -> dict[str, Tensor]:
    settings = complete(SETTINGS, settings, where="classify settings")
    rates = {"steps": settings["base_steps"], "batch": settings["batch"], "learning_rate": 0.005}
    recipe = rates | {name: settings[name] for name in ("model", "channels", "norm", "hidden", "labelled")}
    recipe |= {"fit": VERSION, "data": digits.fingerprint()}
    return cached(cache, "classify-base", recipe, lambda: fit(_network(settings), *_labelled(settings), **rates))


def data(settings) -> str:
    return digits.fingerprint()


def module(settings) -> nn.Module:
    return _network(complete(SETTINGS, settings, where="classify settings")).module()


def _network(settings) -> Stack:
    if settings["model"] not in ("mlp", "cnn"):
        raise ValueError(f"classify settings model: expected 'mlp' or 'cnn', got {settings['model']!r}")
    if settings["model"] == "cnn":
        return Stack(CNN(settings["channels"], classes=digits.CLASSES, norm=settings["norm"]))
    *below, head = MLP((64, *settings["hidden"], digits.CLASSES))
    return Stack(nn.Sequential(*below, nn.Dropout(0.0), head))


def _labelled(settings) -> tuple[Tensor, Tensor]:
    """Inputs (labelled, 64) and labels (labelled,): fewer than there are, so that care makes a difference."""
    inputs, labels = digits.load()["train"]
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))[: settings["labelled"]]
    return inputs[chosen], labels[chosen]


def _lesson(settings) -> dict[str, Tensor]:
    """Inputs (n, 64), labels (n,), views (n,): every image `draws` times clean and as often with other noise."""
    inputs, labels = _labelled(settings)
    draws = range(settings["draws"])
    seeds = [each + len(SEEDS) + 1 for each in draws]
    images = [inputs for _ in draws] + [noisy(inputs, settings["noise"], seed=seed) for seed in seeds]
    views = torch.arange(len(VIEWS)).repeat_interleave(len(draws) * len(labels))
    return {"inputs": torch.cat(images), "labels": labels.repeat(len(images)), "views": views}


def _outputs(model, settings, rows: Tensor, seconds: list[float], split: str) -> dict[str, Tensor]:
    inputs, labels = digits.load()[split]
    images = {"clean": inputs, "noisy": noisy(inputs, settings["noise"], seed=SEEDS[split])}
    named = {f"{view}.logits": logits(model, rows, images[view].to(rows.device)) for view in VIEWS}
    return named | {
        **{f"{view}.labels": labels.to(rows.device) for view in VIEWS},
        "parameters": torch.full((len(rows),), float(model.parameters)),
        "seconds": torch.tensor(seconds, dtype=torch.float64),
    }
