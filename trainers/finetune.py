"""A small language model learns another kind of text: how much may it forget, and how far may it move?

    loss = w_new CE(new text) + w_old CE(old text) + w_reference D(base, model);  the weights sum to 1

The base read the old text; D is any divergence of `objectives.divergences` from the base's next-byte
distribution to the model's, on the windows of both texts. Rehearsing the old text fights forgetting, the
distance also keeps what no label asks for, and each costs progress on the new text. Source: Robins, Catastrophic
Forgetting, Rehearsal and Pseudorehearsal, 1995, for the second term; Li and Hoiem, Learning without Forgetting,
2016, and Ziegler et al., Fine-Tuning Language Models from Human Preferences, 2019, for the third.

settings: `adapt` "full" or "lora", with adapters of `rank` and scale 2 (Hu et al., 2022); `trained` "all", the
"upper" half of the blocks, or the "head". What lies below is frozen, and its features are computed once and
cached. Whatever was trained, weights leave as those of the plain model, adapters multiplied out: so merging
averages products, never factors, and all trials of a study can be merged.

Few windows choose, for every rung asks them: 48 of code are known to 0.06 nats, but the same for all rows. More
report, which is asked once a trial.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache as once
from functools import partial

import torch
from torch import Tensor, nn

from trainers.cached import cached, features, fingerprint
from trainers.data import text
from trainers.distance import distance
from trainers.fit import VERSION, fit
from trainers.models.gpt import GPT, adapt, folded
from trainers.params import complete
from trainers.population import Population, logits
from trainers.run import run
from trainers.stack import Stack

SPACE = {
    "weights": {
        "simplex": ["new", "old", "reference"],
        "default": {"new": 0.4, "old": 0.3, "reference": 0.3},
    },
    "divergence": {"choice": "all", "default": "forward_kl"},
    "learning_rate": {"low": 1e-4, "high": 0.03, "log": True, "default": 0.003},
    "weight_decay": {"low": 1e-6, "high": 0.1, "log": True, "default": 1e-4},
    "optimizer": {"choice": "all", "default": "adamw"},
    "schedule": {"choice": "all", "default": "linear"},
    "clip_norm": {"low": 0.1, "high": 10.0, "log": True, "default": 1.0},
}
SETTINGS = {
    "old": "prose",
    "new": "code",
    "layers": 2,
    "width": 64,
    "heads": 4,
    "context": 64,
    "adapt": "full",
    "rank": 4,
    "trained": "all",
    "base_steps": 600,
    "train_windows": 512,
    "choose_windows": 48,
    "report_windows": 128,
    "batch": 4,
    "engine": "stacked",
}
MILLISECONDS_PER_STEP = 14.0  # of one row, measured: one core, 8 mixed rows stacked, 4 windows of each text
PROVIDES = (
    "new.logits",
    "new.labels",
    "new.reference_logits",
    "old.logits",
    "old.labels",
    "old.reference_logits",
    "parameters",
    "seconds",
)
TEXTS = ("new", "old")
BASE_BATCH, BASE_RATE = 16, 6e-3  # windows a step, learning rate
LORA_SCALE = 2.0  # alpha / rank


def train(tasks, *, budget, settings, device, cache, at_rung) -> None:
    settings, start = _checked(settings), base(settings, device, cache)
    learner = _learner(settings, start)
    # adapters begin as their own rule says, all else with the base
    state = learner.init(0) if settings["adapt"] == "lora" else start
    data = {name: tensor.to(device) for name, tensor in _lesson(settings, start, device, cache).items()}
    how = {"batch": settings["batch"], "engine": settings["engine"], "cache": cache}
    judge = _judge(settings, start, device)
    whole = partial(_whole, learner, start)

    def told(rung):
        return at_rung(replace(rung, weights=lambda row: whole(rung.weights(row))))

    run(
        Population(learner, loss, data, initial=learner.row(state).to(device), **how),
        tasks,
        space=SPACE,
        budget=budget,
        outputs=lambda rows, seconds, split: judge([whole(learner.state(row)) for row in rows], seconds, split),
        base=fingerprint(start),
        at_rung=told,
    )


def loss(tasks, *, column):
    """Prepare logits (k, b, 2, t, c), batch -> losses (k,); the new text's window is in front of the old one's."""
    shares = torch.cat([column([task.params["weights"][name] for task in tasks]) for name in TEXTS], 1)  # (k, 2)
    held = column([task.params["weights"]["reference"] for task in tasks])[:, 0]
    apart = distance([task.params["divergence"] for task in tasks], column)

    def compute(student: Tensor, batch: dict[str, Tensor]) -> Tensor:
        labels = batch["labels"].expand(student.shape[:-1])
        cross_entropy = -student.log_softmax(-1).gather(-1, labels[..., None])[..., 0]
        reference, own = batch["reference_logits"].flatten(1, -2), student.flatten(1, -2)
        moved = apart(reference.expand(own.shape), own)
        return (cross_entropy.mean((1, 3)) * shares).sum(1) + held * moved.mean(1)

    return compute


def evaluate(states, *, split, settings, device, cache) -> dict[str, Tensor]:
    settings = _checked(settings)
    return _judge(settings, base(settings, device, cache), device)(list(states), [0.0] * len(states), split)


def base(settings, device, cache) -> dict[str, Tensor]:
    settings = _checked(settings)
    rates = {"steps": settings["base_steps"], "batch": BASE_BATCH, "learning_rate": BASE_RATE}
    recipe = rates | _sizes(settings) | {"text": settings["old"], "fit": VERSION, "data": text.fingerprint()}
    windows = text.windows(settings["old"], settings["context"])["train"].to(device)
    return cached(
        cache, "finetune-base", recipe, lambda: fit(_network(settings), windows[:, :-1], windows[:, 1:], **rates)
    )


def data(settings) -> str:
    return text.fingerprint()


def module(settings) -> nn.Module:
    return _network(_checked(settings)).module()


def _checked(settings) -> dict:
    settings = complete(SETTINGS, settings, where="finetune settings")
    for name, known in (("adapt", ["full", "lora"]), ("trained", ["all", "upper", "head"])):
        if settings[name] not in known:
            raise ValueError(f"finetune settings {name}: expected one of {known}, got {settings[name]!r}")
    if settings["adapt"] == "lora" and settings["trained"] == "head":
        raise ValueError("finetune settings adapt: expected 'full' where only the head is trained, got 'lora'")
    return settings


def _sizes(settings) -> dict[str, int]:
    return {name: settings[name] for name in ("layers", "width", "heads", "context")}


def _network(settings) -> Stack:
    return Stack(GPT(**_sizes(settings)))


def _depth(settings) -> int:
    """How many blocks are frozen, with the embedding, when it is not all that is trained."""
    layers = settings["layers"]
    return {"all": 0, "upper": (layers + 1) // 2, "head": layers}[settings["trained"]]


def _learner(settings, start: dict[str, Tensor]) -> Stack:
    """What is trained, with the base's weights where it is frozen."""
    part = GPT(**_sizes(settings), first=_depth(settings))
    part.load_state_dict({name: start[name] for name in part.state_dict()})
    if settings["adapt"] == "lora":
        part = adapt(part, settings["rank"], LORA_SCALE * settings["rank"])
    return Stack(part)


def _whole(learner: Stack, start: dict[str, Tensor], state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A row's state dict as one of the plain model."""
    part = learner.module()
    part.load_state_dict(state)
    return start | folded(part)


def _windows(settings, split: str) -> Tensor:
    """Windows (n, 2, t + 1) from all over the split, of the new text and of the old; n as set, if there are as many."""
    found = [text.windows(settings[name], settings["context"])[split] for name in TEXTS]
    count = min(settings[f"{split}_windows"], *map(len, found))
    return torch.stack([each[torch.linspace(0, len(each) - 1, count).long()] for each in found], 1)


def _lesson(settings, start: dict[str, Tensor], device, cache) -> dict[str, Tensor]:
    """Inputs (n, 2, t), or (n, 2, t, d) where features of a frozen prefix are read; labels; the base's logits."""
    windows, model, depth = _windows(settings, "train"), _network(settings), _depth(settings)
    tokens, labels = windows[..., :-1], windows[..., 1:]
    reference = logits(model, model.row(start).to(device)[None], tokens.to(device))[0]
    inputs = tokens
    if depth:
        network = model.module()
        network.load_state_dict(start)
        recipe = _sizes(settings) | {"depth": depth, "base": fingerprint(start)}
        inputs = features(cache, "finetune-features", recipe, partial(network.features, depth=depth), tokens)
    return {"inputs": inputs, "labels": labels, "reference_logits": reference}


def _judge(settings, start: dict[str, Tensor], device):
    """Prepare states, seconds, split -> outputs; the base is asked once a split."""
    model, p = _network(settings), _learner(settings, start).parameters

    def answers(states, split: str) -> list[Tensor]:
        """Logits (k, n t, c) on the windows of each text."""
        rows = torch.stack([model.row(state) for state in states]).to(device)
        found = logits(model, rows, _windows(settings, split)[..., :-1].to(device))
        return [found[:, :, i].flatten(1, 2) for i in range(len(TEXTS))]

    reference = once(lambda split: answers([start], split))

    def outputs(states, seconds: list[float], split: str) -> dict[str, Tensor]:
        labels = _windows(settings, split)[..., 1:].to(device)
        found = {}
        for i, (name, own, base_own) in enumerate(zip(TEXTS, answers(states, split), reference(split), strict=True)):
            found[f"{name}.logits"] = own
            found[f"{name}.labels"] = labels[:, i].flatten()
            found[f"{name}.reference_logits"] = base_own[0]
        return found | {
            "parameters": torch.full((len(states),), float(p)),
            "seconds": torch.tensor(seconds, dtype=torch.float64),
        }

    return outputs
