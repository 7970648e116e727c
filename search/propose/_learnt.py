"""What a surrogate learns from: losses and violations, each with the variance that it is known to.

Finished trials are known exactly. Stopped trials and those that run were seen at some rungs: they count with the losses
that are expected of them at the end, and with the variance of that forecast (`search.curves`). Most trials are stopped
early, in the parts of the space that are worse, so without them the surrogate would have to guess there. What they
will be within the limits of constraints is not forecast and counts as not known.

A loss beyond the reference is of no interest, and it may be so huge that it hides the front from the model. So a loss
is learned as it is where it is good, and by its logarithm beyond the reference, or beyond the median where that is
further: as y, where the loss lies u beyond that ``knee`` in units of what the best is below it,

    u = y + (exp(k y) - 1) / k,    k y = k u + 1 - omega(k u + 1)    (Wright's omega: Corless and Jeffrey 2002)

This is smooth everywhere (warped processes: Snelson, Rasmussen and Ghahramani 2004), and variances follow by its slope.
A loss far beyond has exploded: it would be a step, around which a process swings, so it is not known as a loss, and its
trial counts with those that failed (`_chance`). Violations are learned by their inverse hyperbolic sine: as they are
near the limit, and by their logarithm far from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import wrightomega
from torch import Tensor

from search.curves import forecast
from search.trial import Trial, curves, losses, violations

Array = NDArray[np.float64]
EXPLODED = 4.0  # from the best loss to the reference or the median, and so often above that
BEND = 2.0  # k


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """Of ``trials`` (n): warped losses and signed violations (n, m + limits), and their variances, None for all 0;
    ``exploded``: the numbers of trials that have a loss which is not known as one; ``knee``, ``stretch`` (m,): where
    losses turn to their logarithm, and how far below the best is."""

    trials: list[Trial]
    values: Array
    variances: Array | None
    exploded: frozenset[int]
    knee: Array
    stretch: Array

    @cached_property
    def losses(self) -> Array:
        """(n, m): what is known or expected of them."""
        found: Array = self.real(torch.from_numpy(self.values[:, : len(self.knee)])).numpy()
        return found

    def real(self, values: Tensor) -> Tensor:
        """Warped losses (..., m) -> losses; what follows the losses (..., m + limits) stays."""
        m, knee, stretch = len(self.knee), torch.from_numpy(self.knee), torch.from_numpy(self.stretch)
        return torch.cat([unwarped(values[..., :m], knee, stretch), values[..., m:]], dim=-1)


def learnt(finished: Sequence[Trial], others: Sequence[Trial], reference: Array) -> Learnt:
    """From trials that ``finished``, and from the ``others``, which were seen at a rung."""
    mean, deviation = _ends(finished, others) if others else (np.zeros((0, len(reference))),) * 2
    rows: Any = np.isfinite(mean + deviation).all(axis=1)
    limits = violations(finished)
    found = losses(finished) if finished else mean[rows]
    knee = np.maximum(reference, np.median(found, axis=0))
    stretch = positive(knee - found.min(axis=0))
    # not the median size: a search goes along the limits, where violations are small
    spans = np.subtract(*np.quantile(limits, (0.9, 0.1), axis=0)) if finished else np.ones(limits.shape[1])
    usual = positive(spans / 2.0)
    signed = np.arcsinh(limits / usual)
    own = np.concatenate([warped(losses(finished).reshape(-1, len(reference)), knee, stretch)[0], signed], axis=1)
    expected, slope = warped(mean[rows], knee, stretch)
    unknown = np.full((len(expected), limits.shape[1]), np.inf)
    values = np.concatenate([own, np.concatenate([expected, np.zeros_like(unknown)], axis=1)])
    later = np.concatenate([(slope * deviation[rows]) ** 2, unknown], axis=1)
    variances = np.concatenate([np.zeros_like(own), later])
    trials = [*finished, *(trial for trial, good in zip(others, rows, strict=True) if good)]
    beyond = np.concatenate([losses(finished).reshape(-1, len(reference)), mean[rows]]) > knee + EXPLODED * stretch
    variances[:, : len(reference)][beyond] = np.inf
    return Learnt(
        trials=trials,
        values=values,
        variances=variances if variances.any() else None,
        exploded=frozenset(trials[row].number for row in np.flatnonzero(beyond.any(axis=1))),
        knee=knee,
        stretch=stretch,
    )


def warped(values: Array, knee: Array, stretch: Array) -> tuple[Array, Array]:
    """Losses (n, m) as the model learns them, and the slope of that by the losses (n, m)."""
    beyond = BEND * (values - knee) / stretch + 1.0
    omega = wrightomega(beyond)
    return (beyond - omega) / BEND, 1.0 / (stretch * (1.0 + omega))


def unwarped(values: Tensor, knee: Tensor, stretch: Tensor) -> Tensor:
    """Losses (..., m) as the model learns them -> losses."""
    return knee + stretch * (values + torch.expm1(BEND * values) / BEND)


def positive(lengths: Array) -> Array:
    """``lengths`` to divide by: 1 for 0."""
    return np.where(lengths > 0, lengths, 1.0)


def _ends(finished: Sequence[Trial], seen: Sequence[Trial]) -> tuple[Array, Array]:
    """The final losses that are expected of ``seen`` (n, m), and their standard deviations (n, m)."""
    every = [*finished, *seen]
    steps = sorted({step for trial in every for step, _ in trial.loss_curve} | {trial.step for trial in finished})
    rungs = curves(every, steps)
    if finished:
        rungs[: len(finished), -1] = losses(finished)
    mean, deviation = forecast(rungs)
    return mean[len(finished) :], deviation[len(finished) :]
