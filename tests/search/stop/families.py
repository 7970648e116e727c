"""Learning curves whose end is known: families of power laws, and what is done to them in practice."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FAMILIES = ("power", "crossing", "worsening", "noisy", "diverging", "wandering")
REFERENCE = np.array([1.3, 1.3])


def curves(family: str, rng: Generator, *, n: int = 72, rungs: int = 8) -> Floats:
    """(n, rungs, 2): every loss is a + b (t^-c - rungs^-c), so a is where it ends; a convex front, and most behind it.

    crossing: the better it ends, the slower it learns and the worse it begins; worsening: the second loss rises;
    noisy: 0.02 of white noise at every rung; diverging: every tenth explodes, every tenth fails; wandering: steps
    are random besides, and shrink as 1/t.
    """
    along, behind = rng.random(n), rng.exponential(0.35, n)
    final = np.stack([along**2 + behind, (1.0 - along) ** 2 + behind * rng.uniform(0.5, 1.5, n)], axis=1)
    height, exponent = rng.uniform(0.1, 0.8, (n, 2)), rng.uniform(0.3, 1.5, (n, 2))
    if family == "crossing":
        height = 0.1 + 1.6 * np.exp(-3.0 * behind)[:, None] * rng.uniform(0.8, 1.2, (n, 2))
        exponent = 0.2 + 1.5 * (1.0 - np.exp(-3.0 * behind))[:, None] * rng.uniform(0.8, 1.2, (n, 2))
    if family == "worsening":
        height[:, 1] *= -0.5
    t = np.arange(1.0, rungs + 1)[None, :, None]
    made = final[:, None] + height[:, None] * (t ** -exponent[:, None] - float(rungs) ** -exponent[:, None])
    if family == "noisy":
        made += 0.02 * rng.standard_normal(made.shape)
    if family == "wandering":
        made += (0.1 * rng.standard_normal(made.shape) / t).cumsum(axis=1)
    if family == "diverging":
        for row in range(0, n, 5):
            since = int(rng.integers(1, rungs))
            made[row, since:] = (
                np.nan if row % 2 else made[row, since:] * 10.0 ** np.arange(1, rungs - since + 1)[:, None]
            )
    return np.asarray(made)


def cut(full: Floats, rng: Generator, *, finished: float = 0.2) -> tuple[Floats, NDArray[np.int64]]:
    """Some of the curves seen to the end, the others to a rung drawn before it; and who of these asks, half of them."""
    n, rungs, _ = full.shape
    ended = rng.random(n) < finished
    until = np.where(ended, rungs, rng.integers(1, rungs, n))
    made = full.copy()
    for row in range(n):
        made[row, until[row] :] = np.nan
    alive = np.flatnonzero(~ended & np.isfinite(full).all(axis=(1, 2)))
    return made, np.sort(rng.permutation(alive)[: max(1, len(alive) // 2)])
