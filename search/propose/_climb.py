"""Up the gain along what is continuous in a point, its floats and weights; choices and whole numbers stay."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from search.space import Choice, Dimension, Float, Params, Simplex, Space


def features(space: Space, several: Sequence[Params]) -> Tensor:
    """(c, f): what the surrogate sees of params."""
    return torch.from_numpy(np.array([space.features(params) for params in several]))


def climb(space: Space, starts: Sequence[Params], gain: Callable[[Tensor], Tensor], *, steps: int) -> list[Params]:
    """From each of ``starts`` along the slope of ``gain`` (c, f) -> (c,), by L-BFGS within the space, all at once."""
    given = features(space, starts)
    places = _places(space)
    free = torch.zeros(given.shape, dtype=torch.bool)
    for row, params in enumerate(starts):
        for name in space.active(params):
            free[row, places[name]] = True
    for dimension in space.dimensions:
        if not isinstance(dimension, Float | Simplex):
            free[:, places[dimension.name]] = False
    if not free.any():
        return list(starts)
    weights = [places[dimension.name] for dimension in space.dimensions if isinstance(dimension, Simplex)]

    def point(raw: Tensor) -> Tensor:
        """Any weights in [0, 1], as ones that sum to one; those of an inactive simplex do."""
        whole = torch.ones_like(raw)
        for place in weights:
            whole[:, place] = raw[:, place].sum(dim=1, keepdim=True).clamp_min(1e-9)
        return raw / whole

    def loss(flat: Any) -> tuple[float, Any]:
        raw = torch.from_numpy(flat.reshape(given.shape)).requires_grad_()
        total = -gain(point(raw)).sum()
        (slope,) = torch.autograd.grad(total, raw)
        return float(total.detach()), torch.where(free, slope, 0.0).numpy().ravel()

    bounds, options = [(0.0, 1.0)] * given.numel(), {"maxiter": steps}
    top = minimize(loss, given.numpy().ravel(), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    reached = point(torch.from_numpy(top.x.reshape(given.shape))).numpy()

    def moved(start: Params, row: Any) -> Params:
        known = space.active(start)

        def value(dimension: Dimension) -> Any:
            place = row[places[dimension.name]]
            if isinstance(dimension, Simplex):
                return tuple(place.tolist())
            return dimension.decode(place) if isinstance(dimension, Float) else known[dimension.name]

        return space.walk(value)

    rng = np.random.default_rng(len(starts))  # the constraints of the space are not known to the slope
    return [space.repaired(moved(start, row), rng) for start, row in zip(starts, reached, strict=True)]


def _places(space: Space) -> dict[str, slice]:
    """Where each dimension is among the features."""
    places, start = {}, 0
    for dimension in space.dimensions:
        size = len(dimension.options) if isinstance(dimension, Choice) else len(getattr(dimension, "names", (0,)))
        places[dimension.name] = slice(start, start + size)
        start += size
    return places
