"""DTLZ2: three objectives, and the front is the unit sphere's positive octant.

Source: Deb, Thiele, Laumanns, Zitzler, Scalable Multi-Objective Optimization Test Problems, 2002, section 6.2.
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
    x = np.array([point[name] for name in SPACE])
    radius = 1.0 + float(((x[2:] - 0.5) ** 2).sum())
    first, second = x[:2] * np.pi / 2
    return {
        "f1": radius * float(np.cos(first) * np.cos(second)),
        "f2": radius * float(np.cos(first) * np.sin(second)),
        "f3": radius * float(np.sin(first)),
    }


def front(n: int) -> np.ndarray:
    points = np.abs(np.random.default_rng(0).normal(size=(n, 3)))
    return points / np.linalg.norm(points, axis=1, keepdims=True)
