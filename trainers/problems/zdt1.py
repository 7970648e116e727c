"""ZDT1: two objectives and the convex front f2 = 1 - sqrt(f1); here with 6 variables.

Source: Zitzler, Deb, Thiele, Comparison of Multiobjective Evolutionary Algorithms, 2000, equation 7.
"""

import numpy as np

SPACE = {
    "x1": {"low": 0.0, "high": 1.0},
    "x2": {"low": 0.0, "high": 1.0},
    "x3": {"low": 0.0, "high": 1.0},
    "x4": {"low": 0.0, "high": 1.0},
    "x5": {"low": 0.0, "high": 1.0},
    "x6": {"low": 0.0, "high": 1.0},
}


def evaluate(point: dict[str, float]) -> dict[str, float]:
    first, *rest = (point[name] for name in SPACE)
    distance = 1.0 + 9.0 * sum(rest) / len(rest)
    return {"f1": first, "f2": distance * (1.0 - (first / distance) ** 0.5)}


def front(n: int) -> np.ndarray:
    f1 = np.linspace(0.0, 1.0, n)
    return np.stack([f1, 1.0 - np.sqrt(f1)], axis=1)
