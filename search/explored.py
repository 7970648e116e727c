"""How much of the space was looked at: of every dimension, the entropy of what was tried, and one figure for all.

Shannon's entropy H of the shares of bins: equal cells of a number's scale or of a weight's, one for each option. The
cells of a weight are such that uniform weights fall alike in each. Few trials leave bins empty even where they are
spread evenly, so the whole, 1, is what n uniform draws have on average, which is exact:

    explored = min(1, H / E[H of n uniform draws]),    E[H] = log n - sum_k E[B_k log B_k] / n,    B_k ~ Bin(n, p_k)

with p_k the share of bin k of uniform draws. As n grows this tends to H / log K, by which "Pre-trained knowledge
elevates large language models beyond traditional chemical reaction optimizers" compares optimizers: 0 for one value
only, 1 for uniform ones; but here those are at 1, on average and before the cut, at every n. One trial alone has no
spread: a dimension is None until there are two. Constraints are not looked at: where they take much of a range away,
uniform draws of the space are below 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import lgamma, log, log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.errors import SearchError
from search.repeats import places
from search.space import Choice, Dimension, Integer, Simplex, Space
from search.trial import Trial

BINS = 10


@dataclass(frozen=True, kw_only=True)
class Explored:
    """``dimensions``: of each number, choice and weight, by its name in params, 0 where one value was tried, 1 where
    they are spread as uniform draws would be, None with less than two trials; ``overall``: the mean of those known."""

    dimensions: Mapping[str, float | None]
    overall: float | None


def explored(space: Space, trials: Sequence[Trial], *, bins: int = BINS) -> Explored:
    """Of all trials that are points of the space, however they ended; what is conditional among those that have it."""
    if bins < 2:
        raise SearchError("bins", expected="two at least", got=bins)
    points = [trial for trial in trials if not trial.parents]
    firsts = dict(zip(places(points)[::-1], points[::-1], strict=True)).values()  # a repeat explores nothing
    tried = [space.active(trial.params) for trial in firsts]
    found: dict[str, float | None] = {}
    for dimension in space.dimensions:
        values = [params[dimension.name] for params in tried if dimension.name in params]
        for name, cells, p in _cells(dimension, values, bins):
            found[name] = evenness(np.bincount(cells, minlength=len(p)), p)
    known = [figure for figure in found.values() if figure is not None]
    return Explored(dimensions=found, overall=float(np.mean(known)) if known else None)


def evenness(counts: NDArray[np.int64], p: NDArray[np.float64]) -> float | None:
    """(k,), (k,): the entropy of counts over what as many draws of probabilities p have on average, 1 at most.

    >>> half = np.full(2, 0.5)
    >>> evenness(np.array([7, 0]), half), evenness(np.array([50, 50]), half), evenness(np.array([1, 0]), half)
    (0.0, 1.0, None)
    """
    n = int(counts.sum())
    whole = usual(n, p) if n > 1 else 0.0
    if whole <= 0.0:
        return None
    shares = counts[counts > 0] / n
    return min(float((shares * np.log(1.0 / shares)).sum()) / whole, 1.0)


def usual(n: int, p: NDArray[np.float64]) -> float:
    """The mean entropy, in nats, of n >= 1 draws of probabilities p (k,); it tends to the entropy of p.

    >>> round(usual(2, np.full(2, 0.5)) / log(2.0), 6), round(usual(100_000, np.full(10, 0.1)) / log(10.0), 3)
    (0.5, 1.0)
    """
    if p.max() > 1.0 - 1e-12:
        return 0.0
    several, often = np.unique(np.round(p[p > 0.0], 12), return_counts=True)
    lost = sum(times * _mean_b_log_b(n, share) for share, times in zip(several.tolist(), often.tolist(), strict=True))
    return float(log(n) - lost / n)


def _mean_b_log_b(n: int, p: float) -> float:
    """E[B log B] of a binomial B."""
    spread = 12.0 * (n * p) ** 0.5 + 40.0  # beyond it there is nothing
    held = np.arange(max(1, int(n * p - spread)), min(n, int(n * p + spread)) + 1)
    mass = [lgamma(n + 1) - lgamma(b + 1) - lgamma(n - b + 1) + b * log(p) + (n - b) * log1p(-p) for b in held.tolist()]
    return float((np.exp(mass) * held * np.log(held)).sum())


def _cells(
    dimension: Dimension, values: Sequence[Any], bins: int
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.float64]]]:
    """Of each name in params: the bin of every value (n,), and the probability of each bin (k,)."""
    even = np.full(bins, 1.0 / bins)
    if isinstance(dimension, Choice):
        k = len(dimension.options)
        yield dimension.name, np.array([dimension.options.index(v) for v in values], np.int64), np.full(k, 1.0 / k)
    elif isinstance(dimension, Simplex):
        weights = np.array(values, dtype=np.float64).reshape(len(values), len(dimension.names))
        # one of k uniform weights is below w with probability 1 - (1 - w)^(k - 1)
        for name, column in zip(dimension.names, weights.T, strict=True):
            yield f"{dimension.name}.{name}", _binned(1.0 - (1.0 - column) ** dimension.width, bins), even
    else:
        units = np.array([dimension.encode(value)[0] for value in values])
        yield dimension.name, _binned(units, bins), _shares(dimension, bins) if isinstance(dimension, Integer) else even


def _binned(units: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    return np.clip((units * bins).astype(np.int64), 0, bins - 1)


def _shares(dimension: Integer, bins: int) -> NDArray[np.float64]:
    """(bins,): how much of the unit interval is of the whole numbers whose middle is in each of equal cells."""
    ends = [0.0]
    for cell in range(1, bins):
        near = dimension.decode(np.array([cell / bins]))
        first = near if int(float(dimension.encode(near)[0]) * bins) >= cell else near + 1
        ends.append(min(float(dimension.encode(first - 0.5)[0]), 1.0))  # type: ignore[arg-type]
    return np.diff([*ends, 1.0])
