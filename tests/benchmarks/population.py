"""What training as rows of a stack gains over training one by one: microseconds a trial and step, one thread.

    python -m tests.benchmarks.population [--gpu] [--quick]

Every table is one run: the variants take turns in short bursts, and what is shown is the median burst. On a CPU
that is processor time of the one thread, which a busy machine disturbs less than the clock; on a GPU wall time up
to the end of the last kernel. The baseline is strong: tensors indexed directly, fused AdamW, nothing read back. It
stops by itself before 8 minutes; what was left out for want of time is said.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from trainers import distill
from trainers.data import digits
from trainers.models.cnn import CNN
from trainers.models.gpt import GPT, adapt
from trainers.models.mlp import MLP
from trainers.population import Population
from trainers.rung import Task
from trainers.stack import Stack

LIMIT_SECONDS, COMPILE_SECONDS, BURSTS, BURST_SECONDS = 450, 60, 5, 0.2
SIZES = (1, 4, 16, 64)
MODELS = {"MLP 64-128-10": lambda: MLP((64, 128, 10)), "CNN": CNN, "GPT": GPT, "LoRA": lambda: adapt(GPT())}
DIVERGENCES = ["forward_kl", "reverse_kl", "jensen_shannon", "alpha", "total_variation"]
GOALS = {"MLP 64-128-10": "stacked 3.5, compiled 4", "CNN": "stacked 1.8", "GPT": "compiled 1.3", "LoRA": "none"}
began = time.perf_counter()


class Short(Exception):
    """No time is left."""


def material(name: str, device: str) -> tuple[dict[str, Tensor], int]:
    """Training examples and the size of a batch."""
    if name in ("GPT", "LoRA"):
        text = torch.randint(256, (500, 65), generator=torch.Generator().manual_seed(0))
        data, batch = {"inputs": text[:, :-1].contiguous(), "labels": text[:, 1:].contiguous()}, 8
    else:
        inputs, labels = digits.load()["train"]
        data, batch = {"inputs": inputs, "labels": labels}, 64
    return {key: tensor.to(device) for key, tensor in data.items()}, batch


def loss(tasks, *, column):
    def compute(outputs, batch):
        labels = batch["labels"].expand(outputs.shape[:-1])
        return -outputs.log_softmax(-1).gather(-1, labels[..., None])[..., 0].flatten(1).mean(1)

    return compute


def eager(module: nn.Module, data: dict[str, Tensor], batch: int) -> Callable[[int], None]:
    """The peer's loop over one model."""
    module.to(data["inputs"].device)
    trained = [tensor for tensor in module.parameters() if tensor.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, fused=True)
    order = torch.randint(len(data["inputs"]), (1000, batch), device=data["inputs"].device)

    def run(steps: int) -> None:
        for i in range(steps):
            inputs, labels = data["inputs"][order[i % 1000]], data["labels"][order[i % 1000]]
            optimizer.zero_grad()
            cross_entropy(module(inputs).flatten(0, -2), labels.flatten()).backward()
            optimizer.step()

    return run


def population(
    stack: Stack, data, batch, k, *, engine="stacked", shared=True, measure=loss, optimizers=("adamw",),
    divergences=None, **how,
) -> Callable[[int], None]:  # fmt: skip
    params = [
        {"optimizer": {"name": optimizers[i % len(optimizers)]}, "learning_rate": 1e-3, "weight_decay": 1e-2}
        | ({"divergence": {"name": divergences[i % len(divergences)]}} if divergences else {})
        | {"temperature": 2.0, "weights": {"labels": 0.4, "teacher": 0.5, "entropy": 0.1}}
        for i in range(k)
    ]
    initial = stack.row(stack.init(0)).to(data["inputs"].device)
    rows = Population(stack, measure, data, initial=initial, batch=batch, engine=engine, **how)
    rows.admit([Task(number=i, seed=0 if shared else i, params=each) for i, each in enumerate(params)])
    if engine == "loop":
        rows.chunks[0, k] = rows.bucket(rows._gradients(), slice(0, k))
    return rows.advance


def hurry(needed: float) -> None:
    if time.perf_counter() - began + needed > LIMIT_SECONDS:
        raise Short


def medians(variants: dict[str, tuple[Callable[[int], None], int]], device: str) -> dict[str, float]:
    """Microseconds a trial and step of each (run, rows) in turns."""
    clock = time.process_time if device == "cpu" else time.perf_counter

    def burst(run, steps):
        start = clock()
        run(steps)
        if device != "cpu":
            torch.cuda.synchronize()
        return clock() - start

    steps = {}
    for name, (run, _) in variants.items():
        hurry(COMPILE_SECONDS if "compiled" in name else 0)
        burst(run, 2)  # whatever is prepared on first use
        steps[name] = max(1, min(200, round(BURST_SECONDS / max(burst(run, 1), 1e-5))))
    found: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(BURSTS):
        for name, (run, k) in variants.items():
            hurry(0)
            found[name].append(burst(run, steps[name]) / steps[name] / k * 1e6)
    return {name: statistics.median(each) for name, each in found.items()}


def table(name: str, device: str, sizes: tuple[int, ...]) -> None:
    """Loop, vmap and stacks; a population of any size advances in chunks of the rows that it finds good."""
    data, batch = material(name, device)
    make = MODELS[name]
    variants = {"eager loop, fused AdamW K=1": (eager(make(), data, batch), 1)}
    rows = {"vmap": {"engine": "vmap"}, "stacked, own order": {"shared": False}, "stacked, shared order": {}}
    rows |= {"graph": {"engine": "graph"}} if device != "cpu" else {}
    for row, how in rows.items():
        for k in sizes:
            variants[f"{row} K={k}"] = (population(Stack(make()), data, batch, k, **how), k)
    shown(name, medians(variants, device), GOALS[name])


def compilations(name: str, device: str) -> None:
    """The same against a loop whose whole step is compiled: of 64 rows, in the same chunks."""
    data, batch = material(name, device)
    make = MODELS[name]
    variants = {
        "eager loop, fused AdamW K=1": (eager(make(), data, batch), 1),
        "stacked, shared order K=64": (population(Stack(make()), data, batch, 64), 64),
        "stacked, compiled K=64": (population(Stack(make()), data, batch, 64, compile=True), 64),
        "loop, compiled K=1": (population(Stack(make()), data, batch, 1, engine="loop"), 1),
    }
    start = time.perf_counter()
    found = medians(variants, device)
    shown(f"{name}, compiled ({time.perf_counter() - start:.0f} s with the compilations)", found, GOALS[name])


def shown(title: str, found: dict[str, float], goal: str) -> None:
    """Microseconds a trial-step, and in brackets the gain over the first one."""
    base, cells = next(iter(found.values())), {tuple(name.rsplit(" K=", 1)): value for name, value in found.items()}
    sizes = sorted({int(k) for _, k in cells})
    print(f"\n{title} (goal: {goal})\n{'us a trial-step':32}" + "".join(f"{f'K={k}':>16}" for k in sizes))
    for name in dict.fromkeys(name for name, _ in cells):
        values = [cells.get((name, str(k))) for k in sizes]
        told = ["" if value is None else f"{value:.1f} ({base / value:.2f})" for value in values]
        print(f"{name:32}" + "".join(f"{each:>16}" for each in told), flush=True)


def heads(device: str) -> None:
    """A classifier on a frozen GPT: the loop computes its features in every step, the stack once for all."""
    generator = torch.Generator().manual_seed(0)
    body = GPT().requires_grad_(False).to(device)
    tokens = torch.randint(256, (500, 64), generator=generator).to(device)
    labels = torch.randint(10, (500,), generator=generator).to(device)

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = body, nn.Linear(64, 10)

        def forward(self, tokens):
            return self.head(self.body.features(tokens, 2).mean(-2))

    with torch.no_grad():
        features = body.features(tokens, 2).mean(-2)
    variants = {
        "loop, features in every step K=1": (eager(Whole(), {"inputs": tokens, "labels": labels}, 8), 1),
        "loop, cached features K=1": (eager(nn.Linear(64, 10), {"inputs": features, "labels": labels}, 8), 1),
        "stacked, cached features K=64": (
            population(Stack(nn.Linear(64, 10)), {"inputs": features, "labels": labels}, 8, 64), 64,
        ),
    }  # fmt: skip
    shown("Heads on a frozen GPT", medians(variants, device), "10")


def mixtures(device: str) -> None:
    """What it costs that rows differ: a mixed population against the mean of pure ones, the same rows."""
    data, batch = material("MLP 64-128-10", device)
    generator = torch.Generator().manual_seed(0)
    data["reference_logits"] = torch.randn(len(data["labels"]), 10, generator=generator).to(device)
    for what, choices, k in (("divergences", DIVERGENCES, 60), ("optimizers", ["sgd", "adamw", "lion"], 60)):
        fixed = {"divergences": ["forward_kl"], "optimizers": ["adamw"], "measure": distill.loss, "chunk": k}
        kinds = {name: [name] for name in choices} | {"mixed": choices}
        variants = {
            name: (population(Stack(MLP((64, 128, 10))), data, batch, k, **fixed | {what: some}), k)
            for name, some in kinds.items()
        }
        found = medians(variants, device)
        pure = statistics.mean(found[name] for name in choices)
        extra = 100 * (found["mixed"] / pure - 1)
        told = ", ".join(f"{name} {found[name]:.0f}" for name in kinds)
        print(
            f"\n{len(choices)} mixed {what}: {extra:+.1f} % over the mean of the pure ones (goal: below 10)\n  {told}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpu", action="store_true", help="on the first CUDA device")
    parser.add_argument("--quick", action="store_true", help="K = 1 and 64 only, nothing compiled")
    parser.add_argument("--only", help="the tables with this in their name, such as 'CNN' or 'mixtures'")
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    device = "cuda" if given.gpu else "cpu"
    parts = {"heads": lambda: heads(device), "mixtures": lambda: mixtures(device)}
    sizes = (1, 64) if given.quick else SIZES
    parts |= {name: lambda name=name: table(name, device, sizes) for name in MODELS}
    order = [*MODELS, "heads", "mixtures"]
    if device == "cpu":
        parts |= {f"{name}, compiled": lambda name=name: compilations(name, device) for name in MODELS}
        order += [] if given.quick else [f"{name}, compiled" for name in ("MLP 64-128-10", "GPT", "CNN", "LoRA")]
    for name in [each for each in parts if given.only in each] if given.only else order:
        try:
            parts[name]()
        except Short:
            print(f"\n{name}: left out, the time is over", flush=True)


if __name__ == "__main__":
    main()
