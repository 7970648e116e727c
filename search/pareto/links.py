"""Links: a metric with bounds <-> the whole real line, where a quadratic may live.

    low and high   logit     v = low + (high - low) / (1 + exp(-z))      accuracy, calibration error
    low            log       v = low + exp(z)                            losses, divergences, seconds
    high           log       v = high - exp(-z)                          their negatives
    neither        identity  v = z

Every link rises. The log link knows no unit: a loss in other units has the same quadratic but for its
constant.
"""

from dataclasses import dataclass

import numpy as np

from search.errors import SearchError
from search.pareto.arrays import Floats

LARGEST = 300.0  # exp of it, squared, is still a float


@dataclass(frozen=True)
class Link:
    """``low`` and ``high``: bounds of the metric in its own unit, infinite where there is none.

    >>> Link(0.0, 1.0).metric(np.array([0.0])).tolist(), Link(0.0).real(np.array([1.0])).tolist()
    ([0.5], [0.0])
    """

    low: float = -np.inf
    high: float = np.inf

    @property
    def is_identity(self) -> bool:
        return self.low == -np.inf and self.high == np.inf

    def metric(self, real: Floats) -> Floats:
        """z -> v, anywhere: strictly inside the bounds but for rounding."""
        real = np.clip(real, -LARGEST, LARGEST) if not self.is_identity else real
        if self.is_identity:
            return real
        if self.high == np.inf:
            return self.low + np.exp(real)
        if self.low == -np.inf:
            return self.high - np.exp(-real)
        return self.low + (self.high - self.low) * _sigmoid(real)

    def real(self, metric: Floats) -> Floats:
        """v -> z, for v strictly inside the bounds."""
        if self.is_identity:
            return metric
        if self.high == np.inf:
            return np.asarray(np.log(metric - self.low))
        if self.low == -np.inf:
            return np.asarray(-np.log(self.high - metric))
        return np.asarray(np.log(metric - self.low) - np.log(self.high - metric))

    def slope(self, real: Floats) -> Floats:
        """dv/dz at z."""
        if self.is_identity:
            return np.ones_like(real)
        real = np.clip(real, -LARGEST, LARGEST)
        if self.high == np.inf:
            return np.asarray(np.exp(real))
        if self.low == -np.inf:
            return np.asarray(np.exp(-real))
        return (self.high - self.low) * _sigmoid(real) * _sigmoid(-real)

    def inside(self, metric: Floats, *, count: int | None = None) -> Floats:
        """Values on a bound, where z is infinite, moved off it; a value beyond a bound is refused.

        By half a count, 0.5 / ``count`` of the range, where the metric is a mean of so many zeros and ones;
        otherwise by half the smallest distance from a bound that any other value keeps, a millionth of the
        largest being none.
        """
        if ((metric < self.low) | (metric > self.high)).any():
            worst = float(metric[np.argmax(np.maximum(self.low - metric, metric - self.high))])
            raise SearchError("values", expected=f"metrics between {self.low} and {self.high}", got=worst)
        if self.is_identity:
            return metric
        width = self.high - self.low
        distance = np.minimum(metric - self.low, self.high - metric)
        kept = distance[distance > 1e-6 * distance.max()]
        if count is not None and width < np.inf:
            margin = 0.5 * width / count
        else:
            margin = 0.5 * kept.min() if len(kept) else 1e-3 * min(width, 1.0)
        return np.clip(metric, self.low + margin, self.high - margin)


def _sigmoid(real: Floats) -> Floats:
    small = np.exp(-np.abs(real))  # never overflows
    return np.where(real >= 0, 1.0, small) / (1.0 + small)
