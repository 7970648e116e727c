"""BNH: two objectives under two constraints.

Source: Binh and Korn, MOBES: A Multiobjective Evolution Strategy for Constrained Optimization Problems, 1997.
"""

import numpy as np

SPACE = {"x1": {"low": 0.0, "high": 5.0}, "x2": {"low": 0.0, "high": 3.0}}


def evaluate(point: dict[str, float]) -> dict[str, float]:
    x1, x2 = point["x1"], point["x2"]
    return {
        "f1": 4.0 * x1**2 + 4.0 * x2**2,
        "f2": (x1 - 5.0) ** 2 + (x2 - 5.0) ** 2,
        "c1": (x1 - 5.0) ** 2 + x2**2 - 25.0,
        "c2": 7.7 - (x1 - 8.0) ** 2 - (x2 + 3.0) ** 2,
    }


def front(n: int) -> np.ndarray:
    """x1 = x2 up to 3, then x2 = 3 (both constraints hold on it)."""
    x1 = np.linspace(0.0, 5.0, n)
    x2 = np.minimum(x1, 3.0)
    return np.stack([4.0 * x1**2 + 4.0 * x2**2, (x1 - 5.0) ** 2 + (x2 - 5.0) ** 2], axis=1)
