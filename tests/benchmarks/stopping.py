"""What does a stopping rule cost, and what does it save? Rules side by side on learning curves recorded in full.

    python -m tests.benchmarks.stopping --studies distill-digits two-views-digits --seeds 5 --folder recordings

A study is first run once a seed with stopping off and no merges, and its losses at every rung are kept in ``folder``;
what is there is not run again. Every rule is then replayed on them on the schedule of ``search.loop``: a population
advances a rung at a time, and a batch is let in once a quarter of it is free. With a proposer that learns the
replay is only near the truth: its trials would have been others.

    hypervolume   of the finished trials, as a share of that of the full run
    steps         as a share of those of the full run
    wrong         stopped trials that no other trial of the full run is better than or equal to, their losses made worse
                  by the tolerance times the span from the best final loss to the reference; with the Clopper-Pearson
                  interval of 95 percent, as a share of all stopped ones
    orders        besides the recorded order of trials, in how many others they are let in. Thinner noise between
                  rules, but replays of one recording are not independent, so the interval is then too narrow
    oracle        stops at the first rung all that would not be on the front by more than the tolerance: the floor
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from search import components
from search.pareto import hypervolume

Floats = NDArray[np.float64]
Keep = Callable[..., NDArray[np.bool_]]
TOLERANCE = 0.01
RULES = [
    "off", "oracle", "percentile", "percentile:percentile=35", "halving", "halving:share=0.5", "front",
    "front:risk=0.02", "front:risk=0.075", "front:risk=0.1", "front:risk=0.2", "front:tolerance=0.02",
]  # fmt: skip


@dataclass(frozen=True)
class Replay:
    """``steps``: share of the full run's; ``finished``, ``refused`` (n,): which trials; ``seen``: the curves so far."""

    steps: float
    finished: NDArray[np.bool_]
    refused: NDArray[np.bool_]
    seen: Floats


def replay(
    curves: Floats, reference: Floats, population: int, keep: Keep, *, audit: float = 0.0, seed: int = 0
) -> Replay:
    """The recorded ``curves`` (n, rungs, m) under a rule, trials in order; ``audit``: share of refused ones run on."""
    n, rungs, _ = curves.shape
    seen, age = np.full_like(curves, np.nan), np.zeros(n, dtype=np.int64)
    refused, finished = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    running: list[int] = []
    admitted = 0
    while True:
        free, left = population - len(running), n - admitted
        if left and (free >= min(left, max(1, population // 4)) or not running):
            running += range(admitted, admitted + min(free, left))
            admitted += min(free, left)
        if not running:
            return Replay(float(age.sum()) / (n * rungs), finished, refused, seen)
        for row in running:
            seen[row, age[row]] = curves[row, age[row]]
            age[row] += 1
        alive = [row for row in running if np.isfinite(curves[row, age[row] - 1]).all()]
        finished[[row for row in alive if age[row] == rungs]] = True
        running = [row for row in alive if age[row] < rungs]
        asking = np.array([row for row in running if not refused[row]], dtype=np.int64)
        if not len(asking):
            continue
        known = slice(0, admitted)
        goes_on = keep(seen[known].copy(), asking, reference=reference, audited=refused[known].copy())
        for row in asking[~goes_on]:
            refused[row] = True
            if np.random.default_rng([seed, int(row), 2]).random() >= audit:
                running.remove(row)


def members(final: Floats, reference: Floats, tolerance: float = TOLERANCE) -> NDArray[np.bool_]:
    """Final losses (n, m), NaN for failed trials -> (n,): who is on the front by more than the tolerance."""
    ended = np.flatnonzero(np.isfinite(final).all(axis=1))
    slack = tolerance * (reference - final[ended].min(axis=0)) if len(ended) else 0.0
    found = np.zeros(len(final), dtype=np.bool_)
    for row in ended:
        others = final[ended[ended != row]]
        found[row] = (final[row] < reference).all() and not (others <= final[row] + slack).all(axis=1).any()
    return found


def oracle(curves: Floats, reference: Floats) -> Keep:
    on = members(curves[:, -1], reference)
    return lambda seen, asking, **given: np.asarray(on[asking])


def rule(text: str) -> Keep:
    """``name`` or ``name:setting=value,setting=value`` -> its function with all settings."""
    name, _, changes = text.partition(":")
    if name == "off":
        return lambda seen, asking, **given: np.ones(len(asking), dtype=np.bool_)
    settings = {key: spec["default"] for key, spec in components.describe("stop", name, where=text).space.items()}
    for change in filter(None, changes.split(",")):
        key, _, value = change.partition("=")
        settings[key] = type(settings[key])(value)
    return partial(components.load("stop", name, where=text).keep, **settings)


def interval(hits: int, of: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson (1934): the rates that ``hits`` ``of`` so many do not rule out.

    >>> [round(bound, 3) for bound in interval(0, 59)]
    [0.0, 0.061]
    """
    tail = (1.0 - confidence) / 2.0
    low = float(beta.ppf(tail, hits, of - hits + 1)) if hits else 0.0
    return low, float(beta.ppf(1.0 - tail, hits + 1, of - hits)) if hits < of else 1.0


def record(name: str, seed: int, proposer: str, folder: Path, **budget: int) -> Path:
    """The losses of a study's full run at every rung, in a file of ``folder``."""
    import tomllib

    from search import api, study
    from search.store import Store
    from search.trial import curves

    path = folder / f"{name}-{proposer}-{seed}{''.join(f'-{key}{value}' for key, value in budget.items())}.npz"
    if not path.exists():
        table = tomllib.loads(study.find(name).read_text(encoding="utf-8"))
        table = {key: value for key, value in table.items() if key != "merge"}
        table |= {"name": path.stem, "seed": seed, "stop": "off", "proposer": {"name": proposer}}
        made = study.read({**table, "budget": {**table["budget"], **budget}})
        _, full, _ = api.run(made, home=folder / "home", mirror=False, fresh=True)
        store = Store(folder / "home")
        losses = curves(store.trials(full, made), made.rungs)
        np.savez(path, curves=losses, reference=np.array(made.reference), population=made.capacity)
    return path


def rows(texts: Sequence[str], paths: Sequence[Path], audit: float, orders: int = 0) -> Iterator[dict[str, Any]]:
    """A line of the table for each rule, over the recordings ``paths`` of one study, as recorded and in ``orders``
    others."""
    for text in texts:
        volumes, steps, wrong, stopped, finished = [], [], 0, 0, []
        for (seed, path), order in product(enumerate(paths, 1), range(1 + orders)):
            with np.load(path) as file:
                curves, reference, population = file["curves"], file["reference"], int(file["population"])
            curves = curves[np.random.default_rng(order).permutation(len(curves))] if order else curves
            final = curves[:, -1]
            keep = oracle(curves, reference) if text == "oracle" else rule(text)
            found = replay(curves, reference, population, keep, audit=audit, seed=seed)
            full = hypervolume.hypervolume(final[np.isfinite(final).all(axis=1)], reference)
            volumes.append(hypervolume.hypervolume(final[found.finished], reference) / full)
            steps.append(found.steps)
            finished.append(int(found.finished.sum()))
            wrong += int((found.refused & members(final, reference)).sum())
            stopped += int(found.refused.sum())
        low, high = interval(wrong, stopped) if stopped else (0.0, 1.0)
        near = sum(volume >= 0.99 for volume in volumes)
        yield {
            "rule": text, "hypervolume median (least)": f"{np.median(volumes):.4f} ({min(volumes):.4f})",
            "within 1 %": f"{near} of {len(volumes)}", "steps median (range)":
            f"{np.median(steps):.3f} ({min(steps):.3f} to {max(steps):.3f})", "finished": f"{np.median(finished):.0f}",
            "wrong / stopped [95 %]": f"{wrong} / {stopped} [{low:.3f}, {high:.3f}]" if stopped else "",
        }  # fmt: skip


def table(lines: Sequence[dict[str, Any]]) -> str:
    head = list(lines[0])
    return "\n".join(
        f"| {' | '.join(map(str, line))} |" for line in (head, ["---"] * len(head), *(each.values() for each in lines))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--studies", nargs="+", default=["distill-digits", "two-views-digits"])
    parser.add_argument("--seeds", type=int, default=5, help="seeds 1 to N of the first proposer")
    parser.add_argument("--proposers", nargs="+", default=["sobol"], help="the others are run for two seeds")
    parser.add_argument("--rungs", type=int, help="other than the study's")
    parser.add_argument("--rules", nargs="+", default=RULES, help="name, or name:setting=value,...")
    parser.add_argument("--audit", type=float, nargs="+", default=[0.0, 0.1])
    parser.add_argument("--orders", type=int, default=0, help="orders of trials besides the recorded one")
    parser.add_argument("--folder", type=Path, default=Path("recordings"))
    parser.add_argument("--minutes", type=float, default=60.0, help="no recording is begun after that")
    given = parser.parse_args()
    until = time.monotonic() + 60.0 * given.minutes
    given.folder.mkdir(parents=True, exist_ok=True)
    budget = {"rungs": given.rungs} if given.rungs else {}
    for name in given.studies:
        for place, proposer in enumerate(given.proposers):
            seeds = range(1, 1 + (given.seeds if place == 0 else min(2, given.seeds)))
            paths = []
            for seed in seeds:
                known = sorted(given.folder.glob(f"{name}-{proposer}-{seed}{'-rungs*' if budget else ''}.npz"))
                if known or time.monotonic() < until:
                    paths.append(record(name, seed, proposer, given.folder, **budget))
            for audit in given.audit if paths else ():
                print(f"\n{name}, {proposer}, {len(paths)} seeds, {audit:.0%} of the refused trials run on\n")
                print(table(list(rows(given.rules, paths, audit, given.orders))), flush=True)


if __name__ == "__main__":
    main()
