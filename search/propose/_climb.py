"""Up the gain along what is continuous in a point, its floats and weights; choices and whole numbers stay."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from scipy.optimize import minimize
from torch import Tensor

from search.propose._features import Layout
from search.space import Dimension, Float, Params, Simplex, Space

HALVINGS = 20


def climb(space: Space, starts: Sequence[Params], gain: Callable[[Tensor], Tensor], *, steps: int) -> list[Params]:
    """From each of ``starts`` along the slope of ``gain`` (c, f) -> (c,), by L-BFGS within the space, all at once."""
    layout = Layout(space)
    given, places = layout(starts), layout.places
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
        """Params at the features ``row``; choices and whole numbers as at the start."""
        known = space.active(start)

        def value(dimension: Dimension) -> Any:
            place = row[places[dimension.name]]
            if isinstance(dimension, Simplex):
                return tuple(place.tolist())
            return dimension.decode(place) if isinstance(dimension, Float) else known[dimension.name]

        return space.walk(value)

    def kept(start: Params, below: Any, above: Any) -> Params:
        """As far towards ``above`` as the constraints of the space let one go: the slope does not know of them."""
        if space.feasible(found := moved(start, above)):
            return found
        found = start
        for _ in range(HALVINGS):
            middle = moved(start, (below + above) / 2.0)
            if space.feasible(middle):
                below, found = (below + above) / 2.0, middle
            else:
                above = (below + above) / 2.0
        return found

    return [kept(*each) for each in zip(starts, given.numpy(), reached, strict=True)]
