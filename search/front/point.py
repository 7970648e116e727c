"""A member of the front, and how it stands in tables."""

from dataclasses import dataclass, field
from typing import Any

ENDS = ("low", "high")  # of an interval, in the names of columns


@dataclass(frozen=True, kw_only=True)
class Point:
    """A member of the front. ``survives``: still not dominated by another member on the report split;
    ``best``: objectives of which it is the best; ``knee``: the bend of the front.

    ``repeats``: the ids of the trials that were trained with its params, where there are several: ``values`` are their
    mean, and ``id`` and the weights are those of the one nearest to it. Where the study has repeats, ``probability``:
    that no other configuration's true losses dominate its own; ``intervals``: what holds each true value, its mean over
    all seeds, with probability 0.9. Luck draws a member to the front, so an interval may lie beside the mean.
    """

    id: str
    kind: str
    params: dict[str, Any]
    parents: tuple[str, ...]
    coefficients: tuple[float, ...]
    values: dict[str, float]
    report_values: dict[str, float]
    probability: float | None = None
    survives: bool = True
    best: tuple[str, ...] = ()
    knee: bool = False
    repeats: tuple[str, ...] = ()
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def doubtful(self) -> bool:
        """It is rather not on the front than on it."""
        return self.probability is not None and self.probability < 0.5


def row(point: Point) -> dict[str, Any]:
    """Flat: id, kind, marks, values on both splits, params."""
    told = {
        "id": point.id,
        "kind": point.kind,
        "marks": marks(point),
        **point.values,
        **{f"report_{name}": value for name, value in point.report_values.items()},
        **{
            f"{name}_{end}": value
            for name, ends in point.intervals.items()
            for end, value in zip(ENDS, ends, strict=True)
        },
        **({} if point.probability is None else {"probability": point.probability, "repeats": " ".join(point.repeats)}),
        "survives": point.survives,
        "parents": " ".join(point.parents),
        "coefficients": " ".join(f"{c:.6g}" for c in point.coefficients),
    }
    return told | {(f"params.{name}" if name in told else name): value for name, value in point.params.items()}


def marks(point: Point) -> str:
    """``knee, best error, doubtful`` as it stands in tables."""
    words = [*(["knee"] if point.knee else []), *(f"best {name}" for name in point.best)]
    return ", ".join([*words, *(["doubtful"] if point.doubtful else [])])


def shown(point: Point, name: str) -> str:
    """``0.123 ±0.02``: a member's value and, where it is known, half of its interval."""
    low, high = point.intervals.get(name, (0.0, 0.0))
    return f"{point.values[name]:.4g}" + (f" ±{(high - low) / 2:.2g}" if name in point.intervals else "")
