"""Which dimension matters for which objective, and for the front: total effects."""

import numpy as np

from search.explain.view import Array, Share, View, share
from search.pareto.indicators import uniform

WEIGHTS = 12  # of the front, about


def importance(view: View) -> dict[str, dict[str, Share]]:
    """Objective, or ``front`` -> dimension -> its total effect, the largest first."""
    m = len(view.names)
    best, spread = view.losses.min(axis=(0, 1)), view.losses.std(axis=(0, 1)).clip(1e-12)
    weights = uniform(m, WEIGHTS) if m > 1 else np.ones((1, 1))

    def kinds(losses: Array) -> dict[str, Array]:
        """(s, n, m) -> (s, n, w) for each objective, w = 1, and for the front."""
        scaled = (losses - best) / spread
        worst = np.stack([(scaled * w).max(axis=2) for w in weights], axis=2)
        return {name: losses[:, :, [j]] for j, name in enumerate(view.names)} | {"front": worst}

    found: dict[str, dict[str, Share]] = {name: {} for name in [*view.names, "front"]}
    own = kinds(view.losses)
    for dimension, there in view.dimensions:
        fresh = view.moved(dimension, view.again[:, view.space.columns[dimension.name]])
        for name, values in kinds(view.drawn_where(fresh, there)).items():
            before = own[name][:, there]
            variance = before.var(axis=1).clip(1e-18)
            effect = ((before - values) ** 2).mean(axis=1) / (2 * variance)  # (s, w)
            found[name][dimension.name] = share(effect.mean(axis=1).clip(0.0, 1.0))
    return {name: dict(sorted(each.items(), key=lambda item: -item[1].mean)) for name, each in found.items()}
