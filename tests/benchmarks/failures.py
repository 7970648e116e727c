"""Is the front still found when three trainings in ten fail, and do the failures teach the search?

    python -m tests.benchmarks.failures [--seeds 0,1,2] [--trials 60] [--batch 4] [--proposer ehvi] [--problems ...]

Every problem is searched without failures, with a region of the space in which training diverges, and with divergence
by chance; the latter two also with the cause called a crash, which teaches nothing. Every region holds a part of the
front, or lies just before it. Printed: the hypervolume as a share of what can be reached, median (lowest to highest),
the share of the proposals after the design that failed, and the seconds a proposal takes.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from search.pareto.hypervolume import hypervolume
from search.propose import propose
from search.space import Float, Params, Space
from search.trial import Failure, Trial
from tests.search.propose.worlds import MIXED, finished, mixture
from trainers.problems import dtlz2, zdt1

UNIT = Space(tuple(Float(name=f"x{i}", low=0.0, high=1.0) for i in range(1, 7)))
SHARE = 0.3
DESIGN = 8  # of every problem here: two more than the space has columns, and at least 6


@dataclass(frozen=True, kw_only=True)
class World:
    """``ruinous``: where training diverges, in SHARE of the space; ``front``: params of all fronts, and of more."""

    space: Space
    losses: Callable[[Params], tuple[float, ...]]
    reference: tuple[float, ...]
    ruinous: Callable[[Params], bool]
    front: Callable[[], list[Params]]

    def best(self, fails: Callable[[Params], bool]) -> float:
        """The hypervolume of everything that can be reached, to about a thousandth."""
        return hypervolume([self.losses(params) for params in self.front() if not fails(params)], self.reference)


def _unit(first: Sequence[Sequence[float]], rest: float) -> list[Params]:
    names = [dimension.name for dimension in UNIT.dimensions]
    return [dict(zip(names, [*some] + [rest] * (6 - len(some)), strict=True)) for some in first]


def _shared(entropy: float, share: float) -> Params:
    weights = ((1.0 - entropy) * share, (1.0 - entropy) * (1.0 - share), entropy)
    named = {f"weights.{name}": weight for name, weight in zip(("labels", "teacher", "entropy"), weights, strict=True)}
    best = {"divergence": "alpha", "divergence.alpha.order": 0.5, "learning_rate": 0.01, "depth": 3}
    return {**best, **named, "temperature": 2.0}


LITTLE = 1.0 - (1.0 - SHARE) ** 0.5  # a weight of three, uniform on their simplex, is below this in SHARE of all cases
GRID = np.linspace(0.0, 1.0, 61)
WORLDS = {
    "zdt1": World(
        space=UNIT,
        losses=lambda params: tuple(zdt1.evaluate(params).values()),
        reference=(1.1, 6.0),
        ruinous=lambda params: params["x1"] < SHARE,
        front=lambda: _unit([(x,) for x in np.linspace(0.0, 1.0, 2001)], 0.0),
    ),
    "dtlz2": World(
        space=UNIT,
        losses=lambda params: tuple(dtlz2.evaluate(params).values()),
        reference=(1.1, 1.1, 1.1),
        ruinous=lambda params: params["x1"] + params["x2"] < (2.0 * SHARE) ** 0.5,
        front=lambda: _unit([(x, y) for x in GRID for y in GRID], 0.5),
    ),
    "simplex": World(
        space=MIXED,
        losses=mixture,
        reference=(1.5, 1.5),
        ruinous=lambda params: params["weights.entropy"] < LITTLE,
        front=lambda: [_shared(e, s) for e in (0.1, LITTLE) for s in np.linspace(0.0, 1.0, 1001)],
    ),
}


def study(
    world: World, fails: str, cause: str, *, proposer: str, n: int, q: int, seed: int
) -> tuple[list[Trial], float]:
    """n trials, q at once, and the seconds of a proposal. ``fails``: never, region or chance."""
    trials: list[Trial] = []
    dice = np.random.default_rng([seed, 30])
    failure = Failure(cause=cause, message="loss is NaN", step=1)  # type: ignore[arg-type]
    seconds = 0.0
    while len(trials) < n:
        began = time.perf_counter()
        asked = propose(proposer, world.space, trials, min(q, n - len(trials)), seed=seed, reference=world.reference)
        seconds += time.perf_counter() - began
        for params in asked:
            ruined = {"never": False, "region": world.ruinous(params), "chance": dice.random() < SHARE}[fails]
            number = len(trials)
            ended = finished(number, params, world.losses(params))
            failed = Trial(number=number, params=params, seed=0, state="failed", failure=failure)
            trials.append(failed if ruined else ended)
    return trials, seconds / n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--proposer", default="ehvi")
    parser.add_argument("--problems", default=",".join(WORLDS))
    asked = parser.parse_args()
    print("| problem | failures | taught | hypervolume | failed | seconds |\n|---|---|---|---|---|---|")
    for name in asked.problems.split(","):
        world = WORLDS[name]
        for fails, cause in [("never", ""), *((f, c) for f in ("region", "chance") for c in ("diverged", "crashed"))]:
            best = world.best(world.ruinous if fails == "region" else lambda params: False)
            volumes, shares, seconds = [], [], []
            for seed in map(int, asked.seeds.split(",")):
                trials, took = study(
                    world, fails, cause, proposer=asked.proposer, n=asked.trials, q=asked.batch, seed=seed
                )
                reached = [trial.losses for trial in trials if trial.complete]
                volumes.append(hypervolume(reached, world.reference) / best)
                shares.append(float(np.mean([trial.failure is not None for trial in trials[DESIGN:]])))
                seconds.append(took)
            taught = {"": "", "diverged": "yes", "crashed": "no"}[cause]
            spread = f"{median(volumes):.3f} ({min(volumes):.3f} to {max(volumes):.3f})"
            failed = f"{median(shares):.2f} ({min(shares):.2f} to {max(shares):.2f})"
            print(f"| {name} | {fails} | {taught} | {spread} | {failed} | {median(seconds):.2f} |", flush=True)


if __name__ == "__main__":
    main()
