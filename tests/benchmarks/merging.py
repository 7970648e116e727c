"""How much of the best front each search of merging coefficients finds: digits in views that contradict each other.

    python -m tests.benchmarks.merging run --out merging.jsonl [--methods outputs,map] [--tasks 2,3,4] [--seeds 0,1]
    python -m tests.benchmarks.merging report merging.jsonl

A network 64-48-32-10 is trained briefly on all of T views (rotated, inverted, mirrored, shifted with noise), then
fine-tuned to each of them; a merge is base + sum c_k (expert k - base), c in [0, 1]^T, and its losses are the errors on
400 images of each view. Every evaluation counts, those of the experts and those of a fit too. Two numbers, each a
share of the hypervolume (up to an error of 1) of the best front of as many points:

    verified   what was evaluated within the budget
    front      up to 100 points that the search's surrogate promises at its end, as they truly are; they cost more

Beside it what MAP's authors publish (Li et al., ICLR 2025): R2 of the surrogate, here at merges that it never saw, and
the win rate against the longest random search in the file, the share of comparisons of a member of the one front with a
member of the other, loss by loss, that are won; one half is a tie. Theirs: `--methods random,map`, a random search of
200 and MAP of 30 evaluations at two tasks, 300 and 50 at three, 300 and 60 at four.

The best front is a subset, greedy, of the truth: a dense screening, refined five times, and all that any run in the
file has found. A line of the file is one run; a run that is there is not made again.
"""

from __future__ import annotations

import importlib
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.datasets import load_digits
from sklearn.metrics import r2_score
from torch import Tensor
from torch.nn.functional import cross_entropy

from search import components, propose
from search.pareto.coefficients import Seen, _screen
from search.pareto.dominance import is_nondominated
from search.pareto.hypervolume import greedy, hypervolume
from search.pareto.sobol import sobol
from search.space import Float, Space
from search.trial import Trial
from tests.benchmarks import lines
from trainers.data.views import inverted, mirrored, rotated

TRAINED, CHOSEN = 997, 400  # images that are trained on, and judged by
WIDTHS = (64, 48, 32, 10)
TOGETHER, ALONE, RATE = 100, 120, 3e-3  # steps of the base, of each expert; Adam
UNSEEN = 512  # merges at which surrogates are judged
DENSE = {2: 4000, 3: 16_000, 4: 30_000}
BATCH, FRONT = 2, 100
KINDS = {"losses": "verified", "front": "front"}
METHODS = "random,lattice,nsga2,cma_es,nested_map,map,bayesian_map,kriging,outputs"
Cells = Mapping[tuple[Any, ...], list[float]]  # method, tasks, budget, kind -> one for each seed


def noisy(inputs: Tensor) -> Tensor:
    """One pixel to the right, with noise."""
    moved = inputs.unflatten(-1, (8, 8)).roll(1, -1).flatten(-2)
    noise = torch.randn(moved.shape, generator=torch.Generator().manual_seed(0))
    return (moved + 0.25 * noise).clamp(0.0, 1.0)


VIEWS = (rotated, inverted, mirrored, noisy)


class Task:
    """T experts of one base, and how merges of them are judged."""

    def __init__(self, views: int, seed: int) -> None:
        images, labels = load_digits(return_X_y=True)
        self.generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(labels), generator=self.generator)
        inputs, self.labels = torch.tensor(images / 16.0, dtype=torch.float32)[order], torch.tensor(labels)[order]
        self.seen = [view(inputs) for view in VIEWS[:views]]
        start = {}
        for i, (wide, narrow) in enumerate(zip(WIDTHS[:-1], WIDTHS[1:], strict=True)):
            start[f"weight{i}"] = (2 * torch.rand(1, wide, narrow, generator=self.generator) - 1) / wide**0.5
            start[f"bias{i}"] = (2 * torch.rand(1, narrow, generator=self.generator) - 1) / wide**0.5
        self.base = self._trained(start, self.seen, TOGETHER)
        self.experts = [self._trained(self.base, [own], ALONE) for own in self.seen]
        self.judged = [own[TRAINED : TRAINED + CHOSEN] for own in self.seen]

    def _trained(self, start: dict[str, Tensor], views: list[Tensor], steps: int) -> dict[str, Tensor]:
        made = {name: tensor.clone().requires_grad_() for name, tensor in start.items()}
        optimizer = torch.optim.Adam(made.values(), lr=RATE)
        for _ in range(steps):
            batch = torch.randint(TRAINED, (64,), generator=self.generator)
            optimizer.zero_grad()
            sum(cross_entropy(forward(made, own[batch])[0], self.labels[batch]) for own in views).backward()
            optimizer.step()
        return {name: tensor.detach() for name, tensor in made.items()}

    def outputs(self, coefficients: np.ndarray) -> np.ndarray:
        """(n, T) -> (n, p), the logits of every judged image in every view."""
        parts = []
        for some in torch.tensor(coefficients, dtype=torch.float32).split(256):
            rows = {name: tensor.expand(len(some), *tensor.shape[1:]).clone() for name, tensor in self.base.items()}
            for k, expert in enumerate(self.experts):
                for name, tensor in rows.items():
                    tensor += some[:, k].reshape(-1, *[1] * (tensor.dim() - 1)) * (expert[name] - self.base[name])
            parts.append(torch.stack([forward(rows, own) for own in self.judged], 1).flatten(1))
        return torch.cat(parts).numpy()

    def measure(self, outputs: np.ndarray) -> np.ndarray:
        """(n, p) -> the error in every view (n, T)."""
        logits = torch.from_numpy(np.ascontiguousarray(outputs)).reshape(len(outputs), len(self.seen), CHOSEN, -1)
        right = logits.argmax(-1) == self.labels[TRAINED : TRAINED + CHOSEN]
        return 1.0 - right.double().mean(-1).numpy()

    def losses(self, coefficients: np.ndarray) -> np.ndarray:
        return np.vstack(
            [self.measure(self.outputs(coefficients[at : at + 1024])) for at in range(0, len(coefficients), 1024)]
        )


def forward(rows: dict[str, Tensor], inputs: Tensor) -> Tensor:
    """(n, 64) -> logits (k, n, 10) of k models."""
    hidden = inputs.expand(len(rows["bias0"]), *inputs.shape)
    for i in range(len(WIDTHS) - 1):
        hidden = torch.baddbmm(rows[f"bias{i}"][:, None], hidden, rows[f"weight{i}"])
        hidden = hidden.relu() if i < len(WIDTHS) - 2 else hidden
    return hidden


@cache
def task(views: int, seed: int) -> Task:
    return Task(views, seed)


@cache
def truth(views: int, seed: int) -> np.ndarray:
    """The losses of the front of a dense screening that is refined where its front is."""
    made, rng = task(views, seed), np.random.default_rng(0)
    points = np.vstack([sobol(DENSE[views], views, seed=9), np.eye(views)])
    losses = made.losses(points)
    for step in (0.08, 0.04, 0.02, 0.01, 0.01):
        best = is_nondominated(losses)
        moved = points[best][rng.integers(best.sum(), size=6000)] + step * rng.standard_normal((6000, views))
        points, losses = (
            np.vstack([points[best], moved.clip(0, 1)]),
            np.vstack([losses[best], made.losses(moved.clip(0, 1))]),
        )
    return losses[is_nondominated(losses, keep_ties=False)]


def run(method: str, tasks: int, seed: int, budget: int) -> dict[str, object]:
    """One line of the file."""
    made, points, began = task(tasks, seed), np.eye(tasks), time.perf_counter()
    said = made.outputs(points)
    search = (
        importlib.import_module(f"search.pareto.coefficients.{method}")
        if method in components.names("coefficients")
        else None
    )

    def seen() -> Seen:
        return Seen(
            coefficients=points, losses=made.measure(said), reference=np.ones(tasks), simplex=False, free=tasks,
            evaluations=budget - tasks, seed=seed, bounds=[(0.0, 1.0)] * tasks, outputs=said, measure=made.measure,
        )  # fmt: skip

    while len(points) < budget:
        q = min(BATCH, budget - len(points))
        found = search.propose(seen(), q) if search else proposed(method, seen(), q)
        if not len(found):
            break
        points, said = np.vstack([points, found]), np.vstack([said, made.outputs(found)])
    line: dict[str, object] = {"losses": made.measure(said).round(6).tolist(), "front": []}
    if hasattr(search, "surrogate"):
        predict = search.surrogate(seen()).predict
        line["front"] = made.losses(_screen.front(predict, seen(), FRONT)).round(6).tolist()
    line["seconds"] = round(time.perf_counter() - began, 2)
    if line["front"]:
        others = sobol(UNSEEN, tasks, seed=8)
        line["r2"] = r2_score(made.losses(others), predict(others))
    return line


def proposed(method: str, seen: Seen, q: int) -> np.ndarray:
    """By a proposer of params."""
    names = [f"c{k}" for k in range(seen.k)]
    space = Space(tuple(Float(name=name, low=0.0, high=1.0) for name in names))
    rows = zip(seen.coefficients.tolist(), seen.losses.tolist(), strict=True)
    trials = [
        Trial(number=n, params=dict(zip(names, at, strict=True)), seed=0, state="finished", losses=tuple(losses))
        for n, (at, losses) in enumerate(rows)
    ]
    found = propose.propose(method, space, trials, q, seed=seen.seed, reference=seen.reference.tolist())
    return np.array([[params[name] for name in names] for params in found])


def report(path: Path) -> str:
    """Means over the seeds, their standard deviation and number: shares of the best front, and what rivals publish."""
    runs = [json.loads(line) for line in path.read_text().splitlines()]
    known = defaultdict(list)
    for line in runs:
        known[line["tasks"], line["seed"]] += [*line["losses"], *line["front"]]

    @cache
    def best(views: int, seed: int, n: int) -> float:
        every = np.vstack([truth(views, seed), np.array(known[views, seed])])
        every = every[is_nondominated(every, keep_ties=False)]
        return hypervolume(every[greedy(every, np.ones(views), n)], np.ones(views))

    shares = defaultdict(list)
    for line in runs:
        views, seed, budget = line["tasks"], line["seed"], line["budget"]
        for kind, n in (("losses", budget), ("front", FRONT)):
            if line[kind]:
                share = hypervolume(line[kind], np.ones(views)) / best(views, seed, n)
                shares[line["method"], views, budget, KINDS[kind]].append(share)
    return f"{table(shares)}\n\nR2 of surrogates, and win rates against random search\n\n{table(rivalled(runs))}"


def rivalled(runs: list[dict[str, Any]]) -> Cells:
    """R2 of each surrogate, and the win rates of what was verified and of what was promised."""
    found = defaultdict(list)
    direct = {}
    for line in sorted((line for line in runs if line["method"] == "random"), key=lambda line: line["budget"]):
        direct[line["tasks"], line["seed"]] = line
    for line in runs:
        where, rival = (line["method"], line["tasks"], line["budget"]), direct.get((line["tasks"], line["seed"]))
        if "r2" in line:
            found[*where, "R2"].append(line["r2"])
        if rival and rival is not line:
            for kind, said in KINDS.items():
                if line[kind]:
                    found[*where, f"{said} over {rival['budget']}"].append(wins(line[kind], rival["losses"]))
    return found


def wins(losses: ArrayLike, others: ArrayLike) -> float:
    """The share of comparisons of two fronts' members, loss by loss, that the first wins; a tie is half won."""
    first, second = (np.array(each)[is_nondominated(each, keep_ties=False)] for each in (losses, others))
    gap = second[None] - first[:, None]
    return float((gap > 0).mean() + (gap == 0).mean() / 2)


def table(cells: Cells) -> str:
    columns = sorted({key[1:] for key in cells}, key=lambda each: (each[0], each[2], each[1]))
    told = [
        "| method | " + " | ".join(f"T={t} {kind} {n}" for t, n, kind in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for method in dict.fromkeys(key[0] for key in cells):
        found = [cells.get((method, *column)) for column in columns]
        shown = [
            f"{statistics.mean(c):.4f} ({statistics.stdev(c) if len(c) > 1 else 0:.4f}, {len(c)})" if c else ""
            for c in found
        ]
        told.append(f"| {method} | " + " | ".join(shown) + " |")
    return "\n".join(told)


GRID: dict[str, lines.Axis] = {
    "seeds": ("seed", int, "0,1,2,3,4"),
    "budgets": ("budget", int, "30,100"),
    "tasks": ("tasks", int, "2,3,4"),
    "methods": ("method", str, METHODS),
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    lines.main(__doc__ or "", run, report, GRID)
