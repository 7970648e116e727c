"""Pareto-set learning: a hypernetwork from preferences to points, taught by the surrogate, with Stein steps.

    x_k = h_k(w),  k = 1..K particles, w uniform on the simplex
    g(x, w) = max_j (y_j(x) - z_j) / w_j + 0.01 sum_j (y_j(x) - z_j) / w_j      y = mean - 0.1 deviation
    h follows  -mean_i [ c(x_i, x_k) grad g(x_i) ] + mean_i [ grad_{x_i} c(x_i, x_k) ]

(Lin et al. 2022, Pareto set learning for expensive multi-objective optimization; Nguyen, Dang and Le 2025, by Stein
variational hypernetworks; c is a Gaussian kernel at the median distance.) The losses y are the lower confidence bounds
of `_process`, each as a share of the way from the best to the reference; z is a little better than the best. What comes
out of the network are features: a choice and weights by softmax, numbers by the logistic function, so every point is in
the space. Proposed are the points of the set that add most hypervolume to the front, as the surrogate sees them.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.grammar.interest import Interest
from search.pareto import hypervolume
from search.propose import generator, pending, points
from search.propose._belief import Belief, alone, believe, neighbours
from search.space import Choice, Dimension, Integer, Params, Simplex, Space
from search.trial import Trial, losses

SPACE = {
    "start": {"low": 0, "high": 1000, "integer": True, "default": 0},
    "steps": {"low": 1, "high": 10_000, "integer": True, "default": 200},
    "particles": {"low": 1, "high": 50, "integer": True, "default": 5},
}

CONFIDENCE, AUGMENT, BETTER = 0.1, 0.01, 0.1
WIDTH, RATE, PREFERENCES = 64, 3e-3, 8
CANDIDATES = 400  # points of the set that is learned


def propose(
    space: Space,
    trials: Sequence[Trial],
    q: int,
    *,
    seed: int,
    reference: NDArray[np.float64],
    interest: Interest | None = None,
    earlier: Sequence[Sequence[Trial]] = (),
    start: int = 0,
    steps: int = 200,
    particles: int = 5,
) -> list[Params]:
    """The next q params; ``reference`` (m,): the worst losses that count."""
    with alone():
        belief = believe(
            space, trials, q, seed=seed, reference=reference, interest=interest, earlier=earlier, start=start
        )
        if isinstance(belief, list):
            return belief
        rng = generator(seed, trials)
        stream = torch.Generator().manual_seed(int(rng.integers(2**62)))
        network = learn(belief, stream, steps=steps, particles=particles)
        with torch.no_grad():
            wanted = _preferences(CANDIDATES // particles + 1, len(reference), stream)
            at = network(wanted).flatten(0, 1)
        several = list({space.key(params): params for params in _params(belief, at)}.values())
        taken = {space.key(trial.params) for trial in points(trials)}
        several = [params for params in several if space.key(params) not in taken] or several
        found = _chosen(belief, trials, several, q)
        return [*found, *neighbours(space, [trial.params for trial in belief.front], q - len(found), rng)]


def learn(belief: Belief, stream: torch.Generator, *, steps: int, particles: int) -> "_Network":
    """The network after ``steps`` of Adam."""
    m = len(belief.reference)
    network = _Network(belief, m, particles, stream)
    optimizer = torch.optim.Adam(network.parameters, lr=RATE)
    for _ in range(steps):
        wanted = _preferences(PREFERENCES, m, stream)
        found = network(wanted)  # (preferences, particles, f)
        at = found.detach().requires_grad_()
        cost = tchebycheff(bound(belief, at.flatten(0, 1)).unflatten(0, at.shape[:2]), wanted)  # type: ignore[no-untyped-call]
        hope = belief.likely(at.flatten(0, 1)).sum()
        (slope,) = torch.autograd.grad(cost.sum() - hope, at)
        optimizer.zero_grad()
        found.backward(-stein(at.detach(), slope))  # type: ignore[no-untyped-call]
        optimizer.step()
    return network


def bound(belief: Belief, at: Tensor) -> Tensor:
    """(c, f) -> (c, m): lower confidence bounds; 0 is a little better than the best so far, the reference about 1."""
    m = len(belief.reference)
    mean, deviation = belief.process.predict(at)
    unit, worst = torch.from_numpy(belief.unit), torch.from_numpy(belief.reference)
    return (belief.seen.real(mean[:, :m] - CONFIDENCE * deviation[:, :m]) - worst) / unit + 1.0 + BETTER


def tchebycheff(values: Tensor, wanted: Tensor) -> Tensor:
    """(p, k, m), (p, m) -> (p, k): the augmented Tchebycheff distance to 0."""
    each = values / wanted.unsqueeze(1)
    return each.amax(dim=2) + AUGMENT * each.sum(dim=2)


def stein(at: Tensor, slope: Tensor) -> Tensor:
    """(p, k, f) twice -> (p, k, f): where each particle goes, down the slopes of those near and away from them."""
    apart = at.unsqueeze(2) - at.unsqueeze(1)  # (p, k, k, f): k minus i
    squared, k = apart.square().sum(dim=3), at.shape[1]
    width = torch.ones(len(at), dtype=torch.float64)
    if k > 1:  # the median over pairs
        pairs = squared[:, *torch.tril_indices(k, k, -1)]
        width = pairs.median(dim=1).values / (2.0 * np.log(k + 1.0)) + 1e-12
    near = (-squared / (2.0 * width[:, None, None])).exp()
    away = near.unsqueeze(3) * apart / width[:, None, None, None]
    found: Tensor = (away.sum(dim=2) - near @ slope) / k
    return found


class _Network:
    """Preferences (p, m) -> features (p, particles, f) of points in the space."""

    def __init__(self, belief: Belief, m: int, particles: int, stream: torch.Generator) -> None:
        self.belief, self.particles = belief, particles
        outputs = particles * belief.at.shape[1]
        sizes = [(m, WIDTH), (WIDTH, WIDTH), (WIDTH, outputs)]
        self.parameters: list[Tensor] = []
        for into, out in sizes:
            weight = torch.randn(into, out, generator=stream, dtype=torch.float64) * (2.0 / into) ** 0.5
            self.parameters += [weight.requires_grad_(), torch.zeros(out, dtype=torch.float64).requires_grad_()]

    def __call__(self, wanted: Tensor) -> Tensor:
        first, b1, second, b2, last, b3 = self.parameters
        hidden = ((wanted @ first + b1).relu() @ second + b2).relu()
        raw = (hidden @ last + b3).reshape(len(wanted), self.particles, -1)
        parts = []
        for dimension in self.belief.layout.space.dimensions:
            part = raw[..., self.belief.layout.places[dimension.name]]
            parts.append(part.softmax(dim=-1) if isinstance(dimension, Choice | Simplex) else part.sigmoid())
        return torch.cat(parts, dim=-1)


def _preferences(count: int, m: int, stream: torch.Generator) -> Tensor:
    drawn = -torch.rand(count, m, generator=stream, dtype=torch.float64).clamp_min(1e-12).log()
    return (drawn / drawn.sum(dim=1, keepdim=True)).clamp_min(1e-3)


def _params(belief: Belief, at: Tensor) -> list[Params]:
    """Features of points, the relaxed ones too, as params: the likeliest option, the cell that a number is in."""
    space, places = belief.layout.space, belief.layout.places

    def value(dimension: Dimension, row: NDArray[np.float64]) -> object:
        part = row[places[dimension.name]]
        if isinstance(dimension, Choice):
            return dimension.options[int(part.argmax())]
        if isinstance(dimension, Simplex):
            return tuple((part / part.sum()).tolist())
        return dimension.decode(part if isinstance(dimension, Integer) else np.clip(part, 0.0, 1.0))

    return [space.walk(lambda dimension, row=row: value(dimension, row)) for row in at.numpy()]  # type: ignore[misc]


def _chosen(belief: Belief, trials: Sequence[Trial], several: list[Params], q: int) -> list[Params]:
    """At most q points that add most to the front and to what runs, as the surrogate sees them."""
    layout, m = belief.layout, len(belief.reference)
    with torch.no_grad():
        promised, hope = bound(belief, layout(several)), belief.likely(layout(several))
        running = [trial.params for trial in pending(trials)]
        waiting = bound(belief, layout(running)).numpy() if running else np.zeros((0, m))
    promised = promised + (hope < np.log(0.5)).double().unsqueeze(1) * 10.0  # rather not where training fails
    violated = None
    if len(belief.process.values) > m:
        with torch.no_grad():
            violated = belief.process.mean_at(layout(several))[:, m:].clamp_min(0.0).sum(dim=1, keepdim=True)
        promised = promised + 10.0 * violated
    known = np.zeros((0, m))
    if belief.known:
        known = (losses(belief.front) - belief.reference) / belief.unit + 1.0 + BETTER if belief.front else known
    corner = np.full(m, 1.0 + BETTER)
    rows = hypervolume.greedy(promised.numpy(), corner, q, given=np.concatenate([known, waiting]))
    rest = [row for row in np.argsort(promised.numpy().max(axis=1), kind="stable").tolist() if row not in rows]
    return [several[row] for row in [*rows, *rest][:q]]
