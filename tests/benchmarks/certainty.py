"""Are the probabilities of a front met, and are repeats worth their trials? Whole studies on losses that are known.

    python -m tests.benchmarks.certainty [--proposers sobol,ehvi] [--seeds 20] [--trials 60] [--noise 0.1]

A study of ``tests.search.noisy`` is launched for every seed and share of repeats. A member is wrong where another
configuration that was tried truly dominates it. Printed: for each share the wrong members, those missed, and the
hypervolume that the members truly have; then the stated probabilities, in bins, against how often they were met.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from search import front, study
from search.front import Front, Point
from search.loop import Loop
from search.pareto.dominance import is_nondominated
from search.pareto.hypervolume import hypervolume
from search.repeats import configurations
from search.store import Store
from tests.search import noisy
from tests.search.studies import NOISY, changed

REFERENCE = (2.0, 2.0)


@dataclass(frozen=True)
class Judged:
    """Of one study: ``stated`` (k,) and ``held`` (k,), the members' probabilities and whether they are met; ``inside``
    (k, m), whether the true losses are in their intervals; how many members it ``missed``; ``true``, the hypervolume
    of what the members truly are, and whether its ``volume`` interval holds that of the best of all that was tried."""

    stated: np.ndarray
    held: np.ndarray
    inside: np.ndarray
    missed: int
    true: float
    said: float
    volume: bool

    @property
    def wrong(self) -> int:
        return int((~self.held).sum())


def judged(found: Front, trials: Sequence[Any]) -> Judged:
    """What a front said, against the truth."""
    tried = configurations([trial for trial in trials if trial.complete])
    truth = {one.typical.id: noisy.truth(one.typical.params) for one in tried}
    right = dict(zip(truth, is_nondominated(list(truth.values())).tolist(), strict=True))
    members = [point.id for point in found]
    best = hypervolume(list(truth.values()), REFERENCE)
    ends = found.hypervolume_interval
    return Judged(
        stated=np.array([np.nan if point.probability is None else point.probability for point in found]),
        held=np.array([right[id] for id in members]),
        inside=np.array([_inside(point, truth[point.id]) for point in found if point.intervals]),
        missed=sum(right.values()) - sum(right[id] for id in members),
        true=hypervolume([truth[id] for id in members], REFERENCE),
        said=found.hypervolume,
        volume=ends is not None and ends[0] <= best <= ends[1],
    )


def _inside(point: Point, truth: Sequence[float]) -> list[bool]:
    return [low <= value <= high for (low, high), value in zip(point.intervals.values(), truth, strict=True)]


def run(
    home: Path, seed: int, repeats: float, *, trials: int, noise: float, proposer: str = "sobol", population: int = 4
) -> Judged:
    """One study, searched and judged; in ``home`` there may be others."""
    name = f"{proposer}-{trials}-{population}-{noise:g}-{repeats:g}-{seed}"
    changes = {"name": name, "seed": seed, "trainer.noise": noise, "proposer": {"name": proposer}}
    budget = {"trials": trials, "population": population, "repeats": repeats}
    made, store = study.read(changed(NOISY, {**changes, "budget": budget})), Store(home)
    loop = Loop(made, store, store.create(made))
    loop.run()
    return judged(front.build(made, loop.known), loop.known)


def calibration(results: Sequence[Judged], bins: int = 5) -> list[tuple[float, int, float, float]]:
    """(lower end, members, mean stated, share met) of each bin that has members."""
    stated = np.concatenate([each.stated for each in results])
    held = np.concatenate([each.held for each in results])
    places = np.minimum((stated * bins).astype(int), bins - 1)
    return [
        (k / bins, int((places == k).sum()), float(stated[places == k].mean()), float(held[places == k].mean()))
        for k in range(bins)
        if (places == k).any()
    ]


def spread(values: Sequence[float]) -> str:
    """``mean (standard error)``."""
    return f"{np.mean(values):.3g} ({np.std(values, ddof=1) / len(values) ** 0.5:.2g})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--proposers", default="sobol,ehvi")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--shares", default="0,0.25,0.5")
    told = parser.parse_args()
    for proposer in told.proposers.split(","):
        for share in map(float, told.shares.split(",")):
            with tempfile.TemporaryDirectory() as home:
                options = {"trials": told.trials, "noise": told.noise, "proposer": proposer}
                results = [run(Path(home), seed, share, **options) for seed in range(told.seeds)]
            columns = {
                "members": [len(each.held) for each in results],
                "wrong": [each.wrong for each in results],
                "missed": [each.missed for each in results],
                "true hypervolume": [each.true for each in results],
                "said less true": [each.said - each.true for each in results],
            }
            line = ", ".join(f"{name} {spread(values)}" for name, values in columns.items())
            print(f"{proposer}, noise {told.noise:g}, {told.trials} trials, repeats {share:g}: {line}")
            if share:
                inside = np.vstack([each.inside for each in results]).mean()
                doubt = spread([int(((each.stated < 0.5) != ~each.held).sum()) for each in results])
                volume = np.mean([each.volume for each in results])
                print(f"    intervals of 0.9 hold {inside:.3f}, of the hypervolume {volume:.2f}; p > 1/2 wrong {doubt}")
                for low, n, said, met in calibration(results):
                    print(f"    p from {low:.1f}: {n} members, stated {said:.3f}, met {met:.3f}")


if __name__ == "__main__":
    main()
