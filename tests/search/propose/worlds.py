"""Spaces and problems small enough to know the answer, and trials made on them."""

from collections.abc import Callable, Sequence

import numpy as np

from search.pareto.hypervolume import hypervolume
from search.propose import observed, propose
from search.space import Choice, Fixed, Float, Integer, LinearConstraint, Params, Simplex, Space
from search.trial import Failure, FailureClass, State, Trial

Problem = Callable[[Params], tuple[float, ...]]

REAL = Space(tuple(Float(name=f"x{index}", low=0.0, high=1.0) for index in range(4)))
MIXED = Space(
    (
        Choice(
            name="divergence",
            options=("forward_kl", "alpha"),
            spaces={"alpha": (Float(name="divergence.alpha.order", low=-1.0, high=2.0),)},
            named=True,
        ),
        Float(name="learning_rate", low=1e-4, high=1.0, log=True),
        Integer(name="depth", low=1, high=4),
        Simplex(name="weights", names=("labels", "teacher", "entropy")),
        Fixed(name="temperature", value=2.0),
    )
)
DROP = 0.1  # of every loss between the two rungs of a trial
FINITE = Space((Choice(name="activation", options=("relu", "gelu", "tanh")), Integer(name="depth", low=1, high=4)))
KEPT = Space(  # most of the cube breaks one of the constraints
    MIXED.nodes,
    (
        LinearConstraint("depth + 4 * weights.entropy <= 3", (("depth", 1.0), ("weights.entropy", 4.0)), 3.0),
        LinearConstraint("weights.teacher >= 0.5", (("weights.teacher", -1.0),), -0.5),
        LinearConstraint(
            "learning_rate + divergence.alpha.order <= 0",
            (("learning_rate", 1.0), ("divergence.alpha.order", 1.0)),
            0.0,
        ),
    ),
)
SPACES = {"real": REAL, "mixed": MIXED, "finite": FINITE, "kept": KEPT}


def zdt1(params: Params) -> tuple[float, float]:
    """A convex front where all but the first are zero (Zitzler, Deb, Thiele 2000)."""
    first, *rest = params.values()
    height = 1.0 + 9.0 * sum(rest) / len(rest)
    return first, height * (1.0 - (first / height) ** 0.5)


def mixture(params: Params) -> tuple[float, float]:
    """Two tasks shared by weights; best at one rate, one depth, a little entropy, and alpha at an order of 0.5."""
    share = params["weights.labels"] / (params["weights.labels"] + params["weights.teacher"] + 1e-9)
    order = params.get("divergence.alpha.order")
    waste = (
        0.1 * (np.log10(params["learning_rate"]) + 2.0) ** 2
        + 2.0 * (params["weights.entropy"] - 0.1) ** 2
        + 0.1 * abs(params["depth"] - 3)
        + (0.3 if order is None else 0.1 * (order - 0.5) ** 2)
    )
    return float((1.0 - share) ** 2 + waste), float(share**2 + waste)


def anything(space: Space, m: int) -> Problem:
    """m losses that differ from point to point."""
    return lambda params: tuple(float(np.cos(3.0 * j + space.features(params).sum() * (j + 1))) for j in range(m))


def finished(number: int, params: Params, losses: Sequence[float], violations: Sequence[float] = ()) -> Trial:
    return Trial(
        number=number, params=params, seed=0, state="finished", losses=tuple(losses), violations=tuple(violations),
        step=2, loss_curve=((1, tuple(loss + DROP for loss in losses)), (2, tuple(losses))),
    )  # fmt: skip


def failed(number: int, params: Params, cause: FailureClass = "diverged") -> Trial:
    failure = Failure(cause=cause, message="loss is NaN", step=1)
    return Trial(number=number, params=params, seed=0, state="failed", failure=failure)


def halfway(number: int, params: Params, losses: Sequence[float], state: State = "stopped") -> Trial:
    """Seen at the first of two rungs, where a trial that ends with ``losses`` has DROP more of each."""
    seen = ((1, tuple(loss + DROP for loss in losses)),)
    return Trial(number=number, params=params, seed=0, state=state, step=1, loss_curve=seen)


def history(space: Space, n: int, m: int, *, limits: int = 0) -> list[Trial]:
    """n trials of every kind: mostly finished, some failed, stopped, running, and one merged of two.

    The first that runs was not seen at any rung yet.
    """
    rng, problem = np.random.default_rng([n, m]), anything(space, m)
    trials: list[Trial] = []
    for number in range(n):
        params = space.sample(rng)
        violations = [float(np.sin(5.0 * space.features(params).sum() + j)) for j in range(limits)]
        if number % 8 == 5:
            trials.append(failed(number, params, "diverged" if number % 16 == 5 else "crashed"))
        elif number % 8 == 6:
            trials.append(halfway(number, params, problem(params)))
        elif number % 16 == 15:
            trials.append(halfway(number, params, problem(params), "running"))
        elif number % 8 == 7:
            trials.append(Trial(number=number, params=params, seed=0, state="running"))
        else:
            trials.append(finished(number, params, problem(params), violations))
    pair = observed(trials)[:2]
    if not pair:
        return trials
    merged = Trial(
        number=n, params={}, seed=None, state="finished", losses=(-9.0,) * m, violations=(-1.0,) * limits,
        parents=tuple(trial.number for trial in pair), coefficients=(0.5,) * len(pair),
    )  # fmt: skip
    return [*trials, merged]


def search(
    name: str,
    space: Space,
    problem: Problem,
    n: int,
    *,
    seed: int,
    reference: Sequence[float],
    q: int = 1,
    **settings: int,
) -> list[Trial]:
    """n trials of ``problem``, q at once."""
    trials: list[Trial] = []
    while len(trials) < n:
        asked = propose(name, space, trials, min(q, n - len(trials)), seed=seed, reference=reference, settings=settings)
        trials += [finished(len(trials) + index, params, problem(params)) for index, params in enumerate(asked)]
    return trials


def volume(trials: Sequence[Trial], reference: Sequence[float]) -> float:
    return hypervolume([trial.losses for trial in trials], reference)
