"""Space and trials so far -> the next params; one proposer a file.

    SPACE = {...}                                                     its own settings, plain literals with defaults
    def propose(space, trials, q, *, seed, reference, [interest,] [earlier,] **settings) -> list[params]

``trials``: every trial so far, the running ones too (they are pending points); ``reference`` (m,): the worst losses
that count; ``seed``: the study's. For whoever has the argument, ``interest``: what part of the front is wanted, and
``earlier``: the trials of earlier studies, as trials of this one with NaN for losses that they do not have.

A proposer is a pure function: what it draws comes from ``generator(seed, trials)``, so the same seed with the same
trials in the same order gives the same proposals, also after a resume. A cache may make it fast; a memory may not make
it different.

A merged model has no params of its own: it is no point of the space. But it may be on the front, and who knows what a
point would add to the front counts that on top of ``merges``.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator

from search import components
from search.grammar.interest import Interest
from search.space import Params, Space
from search.trial import Trial

ATTEMPTS = 200
FEW = 100_000  # points of a space that are gone through one by one, when it is nearly used up
# A trial that ran out of time tells as much of the machine's load as of its params, a crash of the code, an
# interruption of the machine: none of them teaches where not to go.
RUINS = ("out_of_memory", "diverged")


def points(trials: Sequence[Trial]) -> list[Trial]:
    """Trials that are points of the space, in whatever state; their number is the index of the next proposal."""
    return [trial for trial in trials if not trial.parents]


def observed(trials: Sequence[Trial]) -> list[Trial]:
    """Points whose losses compare with one another: trained to the end."""
    return [trial for trial in points(trials) if trial.complete and trial.losses]


def merges(trials: Sequence[Trial]) -> list[Trial]:
    """Merged models that keep every limit."""
    return [trial for trial in trials if trial.parents and trial.losses and max(trial.violations, default=0.0) <= 0]


def pending(trials: Sequence[Trial]) -> list[Trial]:
    """Points that are being trained."""
    return [trial for trial in points(trials) if trial.state == "running"]


def ruined(trials: Sequence[Trial]) -> list[Trial]:
    """Points that failed of their own params, and so teach where not to go."""
    return [trial for trial in points(trials) if trial.failure and trial.failure.cause in RUINS]


def alive(trials: Sequence[Trial], *, ended: bool = True) -> list[Trial]:
    """Points that reached a rung and did not fail; with ``ended`` false not those that were trained to the end."""
    return [
        trial
        for trial in points(trials)
        if trial.state == "stopped"
        or (trial.state == "running" and (trial.curve or trial.loss_curve))
        or (ended and trial.complete)
    ]


def generator(seed: int, trials: Sequence[Trial], ahead: int = 0) -> Generator:
    """The random stream of the next proposal but ``ahead``, of the study's seed and the number of points."""
    return np.random.default_rng([seed, len(points(trials)) + ahead])


def propose(
    name: str,
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: Sequence[float],
    settings: Mapping[str, Any] | None = None,
    repeats: bool = False,
    interest: Interest | None = None,
    earlier: Sequence[Sequence[Trial]] = (),
    start: Sequence[Params] = (),
) -> list[Params]:
    """At most ``q`` params from proposer ``name``; without ``repeats`` none is a point that was tried or is pending.

    Points of ``start`` that were not tried come first, and are pending for the others. All keep the constraints of the
    space, whatever the proposer knows of them. Fewer than ``q`` come back when the space has no more points.
    ``settings`` that are left out have the defaults that the proposer declares.
    """
    first = _untried(space, start, trials)[:q]
    trials = [*trials, *(Trial(number=len(trials) + i, params=params, seed=None) for i, params in enumerate(first))]
    q -= len(first)
    if first and not q:
        return first
    proposer = components.load("proposer", name, where="proposer")
    chosen = {key: entry["default"] for key, entry in proposer.SPACE.items()} | dict(settings or {})
    worst = np.asarray(reference, dtype=np.float64)
    offered = {"interest": interest, "earlier": earlier}
    chosen |= {name: offered[name] for name in inspect.signature(proposer.propose).parameters if name in offered}
    found: list[Params] = proposer.propose(space, trials, q, seed=seed, reference=worst, **chosen)
    # a stream of its own: the first draws of generator(seed, trials) may be what was proposed
    stream = np.random.default_rng([seed, len(points(trials)), 1])
    found = [space.repaired(params, stream) for params in found]
    return [*first, *(found if repeats else distinct(space, found, trials, q, stream))]


def _untried(space: Space, start: Sequence[Params], trials: Sequence[Trial]) -> list[Params]:
    """The points of ``start`` that no trial is at."""
    tried = {space.key(trial.params) for trial in points(trials)} if start else set()
    return [params for params in start if space.key(params) not in tried]


def distinct(space: Space, found: Sequence[Params], trials: Sequence[Trial], q: int, rng: Generator) -> list[Params]:
    """``found`` with every repeated point replaced by a neighbour or, when those are used up, by a new sample."""
    taken = {space.key(trial.params) for trial in points(trials)}
    fresh: list[Params] = []
    for params in list(found)[:q]:
        candidate = params
        for attempt in range(ATTEMPTS):
            if space.key(candidate) not in taken:
                break
            candidate = space.mutate(params, rng) if attempt < ATTEMPTS // 2 else space.sample(rng)
        else:
            if (unused := _unused(space, taken, rng)) is None:
                break
            candidate = unused
        taken.add(space.key(candidate))
        fresh.append(candidate)
    return fresh


def _unused(space: Space, taken: set[tuple[float, ...]], rng: Generator) -> Params | None:
    """Some point of an almost exhausted space, or None where there is none."""
    if space.size() <= FEW:
        left = [params for params in space.every() if space.key(params) not in taken]
        return left[int(rng.integers(len(left)))] if left else None
    samples = (space.sample(rng) for _ in range(5 * ATTEMPTS))
    return next((params for params in samples if space.key(params) not in taken), None)
