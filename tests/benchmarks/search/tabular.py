"""A table of models that were really trained, and what lies between them: a search on the real thing in seconds.

The problem is that of `distill-digits`: error, calibration error and distance from the teacher of a small student, over
the divergence (alpha's order is a condition), the weights of the loss (a simplex), the temperature, the optimizer
(sgd's momentum is a condition) and the learning rate. Every point of a grid was trained with each of ``SEEDS``;
``make_table.py`` is the recipe. Here are numpy and the grid alone, so that a rival's environment can read it.

Truth at a point of the grid is the mean over the seeds. Between, it is interpolated: linearly along each axis, and
barycentrically in the triangles of the weights' lattice. What is seen is the truth and a residual that was measured:
a corner of the cell is drawn by its share, then a seed, and what this training was off the mean of its three is added.
So noise differs from place to place, and is one accident for all objectives.

Why logarithms: a ruined student is up to 1e10 nats away, and against 376 students that were trained anywhere between
the grid's points, logarithms interpolate better (rank correlation .90 for .87, distance .93 for .86), but for the
calibration error, which is close to zero next to students where it is not.

Why the noise of one corner: the mean of several residuals is smaller than any of them. Against the same students that
mean had .4 to .8 of the true deviation (root mean square), the noise of one corner .8 to 2.3, and .9 of the error's.
Why it is enlarged by ``OWN_MEAN``: residuals from the mean of the same three have two thirds of the variance.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache, reduce
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parent / "distill_table.npz"
SEEDS = (1, 2, 3)
STEPS = 800
MEASURES = ("error", "ece", "kl_to_reference", "nll", "brier")
LOGARITHMIC = np.array([True, False, True, True, True])
LIMITS = (0.5, 0.5, 2.0)  # of the first three, the study's: a front beyond them is of no use
OWN_MEAN = (len(SEEDS) / (len(SEEDS) - 1)) ** 0.5

DIVERGENCES = ("forward_kl", "reverse_kl", "jensen_shannon", "total_variation", "alpha")
ORDERS = (-1.0, 0.0, 0.5, 1.0)  # at 2 and temperature 1 sgd diverges, and here a trial cannot fail
OPTIMIZERS = ("adamw", "lion", "sgd")
MOMENTA = (0.0, 0.8, 0.95)  # interpolated along log(1 - momentum): the size of sgd's steps
TEMPERATURES = (1.0, 8.0**0.5, 8.0)
LEARNING_RATES = tuple(1e-4 * 3000.0 ** (part / 10) for part in (0, 2, 4, 6, 7, 8, 9, 10))  # closer where it ends badly
WEIGHTS = ("labels", "teacher", "entropy")
PARTS = 4  # of the lattice of the weights
# Good students have little entropy in their loss, so the lattice is denser there: it is regular in weights that are
# multiplied by these and made to sum to one again, which keeps straight lines straight.
MAGNIFIED = np.array([1.0, 1.0, 4.0])
# Entropy alone makes a student that answers uniformly, almost calibrated, just behind a cliff that no interpolation
# shows. So at this corner stands what comes before the cliff: what was trained with these weights.
BEFORE_ENTROPY = (0.05, 0.05, 0.9)
# divergence (alpha once an order), weights, temperature, optimizer (sgd once a momentum), learning rate
SHAPE = (
    len(DIVERGENCES) - 1 + len(ORDERS), (PARTS + 1) * (PARTS + 2) // 2, len(TEMPERATURES),
    len(OPTIMIZERS) - 1 + len(MOMENTA), len(LEARNING_RATES),
)  # fmt: skip

Config = Mapping[str, Any]
Corners = tuple[list[int], np.ndarray]  # indices along an axis, and their shares, which sum to one
Cell = list[Corners]


@cache
def lattice() -> dict[tuple[int, ...], int]:
    """Points of the weights' lattice, whole numbers that sum to ``PARTS``, and their places along the axis."""
    points = [point for point in product(range(PARTS + 1), repeat=len(WEIGHTS)) if sum(point) == PARTS]
    return {point: place for place, point in enumerate(points)}


def trained(weights: int) -> tuple[float, ...]:
    """Shares of ``WEIGHTS`` that a point of the lattice was trained with."""
    point = np.array(list(lattice())[weights]) / MAGNIFIED
    return BEFORE_ENTROPY if point[2] == point.sum() else tuple((point / point.sum()).tolist())


def config(cell: Sequence[int]) -> dict[str, Any]:
    """A point of the grid as the searcher sees it: what is active, and nothing else."""
    divergence, weights, temperature, optimizer, rate = cell
    found: dict[str, Any] = {"divergence": DIVERGENCES[min(divergence, len(DIVERGENCES) - 1)]}
    if found["divergence"] == "alpha":
        found["order"] = ORDERS[divergence - len(DIVERGENCES) + 1]
    found["weights"] = (0.0, 0.0, 1.0) if trained(weights) == BEFORE_ENTROPY else trained(weights)
    found["temperature"] = TEMPERATURES[temperature]
    found["optimizer"] = OPTIMIZERS[min(optimizer, len(OPTIMIZERS) - 1)]
    if found["optimizer"] == "sgd":
        found["momentum"] = MOMENTA[optimizer - len(OPTIMIZERS) + 1]
    found["learning_rate"] = LEARNING_RATES[rate]
    return found


@cache
def trainings() -> tuple[np.ndarray, np.ndarray]:
    """Cells (n, 5) that differ as trainings, and which of them every cell is, of ``SHAPE``.

    Without a teacher neither the divergence nor the temperature matters; alpha of order 0 is the reverse KL and of
    order 1 the forward.
    """
    cells = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1).reshape(-1, len(SHAPE))
    for order, name in ((0.0, "reverse_kl"), (1.0, "forward_kl")):
        cells[cells[:, 0] == len(DIVERGENCES) - 1 + ORDERS.index(order), 0] = DIVERGENCES.index(name)
    alone = np.array([trained(weights)[1] == 0.0 for weights in range(SHAPE[1])])[cells[:, 1]]
    cells[np.ix_(alone, (0, 2))] = 0
    found, which = np.unique(cells, axis=0, return_inverse=True)
    return found, which.reshape(SHAPE)


def recipe() -> str:
    """sha256 of the grid, of what is trained there, and of how long and with which seeds."""
    levels = [f"{level:.6g}" for level in (*ORDERS, *MOMENTA, *TEMPERATURES, *LEARNING_RATES)]  # some are computed
    weights = [f"{share:.6g}" for place in range(SHAPE[1]) for share in trained(place)]
    said = (SHAPE, DIVERGENCES, OPTIMIZERS, levels, WEIGHTS, weights, SEEDS, STEPS, MEASURES)
    return hashlib.sha256(repr(said).encode()).hexdigest()


@cache
def table() -> tuple[np.ndarray, np.ndarray]:
    """Means (*SHAPE, measures) and residuals (*SHAPE, seeds, measures), those of LOGARITHMIC as logarithms."""
    with np.load(FILE) as file:
        values = file["choose"].astype(np.float64)
    means, which = values.mean(1), trainings()[1]
    return means[which], OWN_MEAN * (values - means[:, None])[which]


def evaluate(given: Config) -> np.ndarray:
    """The truth (measures,)."""
    return _unscaled(_interpolated(corners(given)))


def observe(given: Config, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What is seen and the truth, (measures,) each."""
    cell = corners(given)
    corner = tuple(indices[rng.choice(len(indices), p=shares)] for indices, shares in cell)
    residual, truth = table()[1][corner][rng.integers(len(SEEDS))], _interpolated(cell)
    return _unscaled(truth + residual), _unscaled(truth)


def _interpolated(cell: Cell) -> np.ndarray:
    indices, shares = zip(*cell, strict=True)
    return np.tensordot(reduce(np.multiply.outer, shares), table()[0][np.ix_(*indices)], len(SHAPE))


def _unscaled(values: np.ndarray) -> np.ndarray:
    return np.exp(values, out=values.copy(), where=LOGARITHMIC)


def corners(given: Config) -> Cell:
    """The cell that a configuration lies in: along every axis the indices of its corners, and their shares."""
    order = _between(ORDERS, given["order"]) if given["divergence"] == "alpha" else None
    momentum = None
    if given["optimizer"] == "sgd":
        momentum = _between(-np.log1p(-np.array(MOMENTA)), -np.log1p(-given["momentum"]))
    return [
        _chosen(DIVERGENCES, given["divergence"], order),
        _triangle(given["weights"]),
        _between(np.log(TEMPERATURES), np.log(given["temperature"])),
        _chosen(OPTIMIZERS, given["optimizer"], momentum),
        _between(np.log(LEARNING_RATES), np.log(given["learning_rate"])),
    ]


def _chosen(options: Sequence[str], option: str, levels: Corners | None) -> Corners:
    """An option, or the levels of the last one, which stands once a level."""
    if levels is None:
        return [options.index(option)], np.ones(1)
    return [len(options) - 1 + level for level in levels[0]], levels[1]


def _between(levels: Sequence[float] | np.ndarray, value: float) -> Corners:
    """Neighbouring levels, which ascend."""
    at = float(np.interp(value, levels, range(len(levels))))
    low = min(int(at), len(levels) - 2)
    return [low, low + 1], np.array([low + 1 - at, at - low])


def _triangle(weights: Sequence[float]) -> Corners:
    """A triangle of the weights' lattice: sums from the end rounded down, then up one by one, most left first.

    Source: Freudenthal, Simplizialzerlegungen von beschraenkter Flachheit, 1942.
    """
    magnified = np.clip(weights, 0.0, None) * MAGNIFIED  # a searcher rounds, too
    sums = np.minimum(np.cumsum(magnified[:0:-1])[::-1] * (PARTS / magnified.sum()), PARTS)
    down = np.floor(sums)
    rank = np.argsort(down - sums, kind="stable")
    shares = -np.diff([1.0, *(sums - down)[rank], 0.0])
    path = down + np.tri(len(WEIGHTS), len(WEIGHTS) - 1, -1)[:, np.argsort(rank)]
    points = -np.diff(path[shares > 0], prepend=PARTS, append=0)
    return [lattice()[tuple(point)] for point in points.astype(int).tolist()], shares[shares > 0]
