"""The front of a study: trials and merged models alike, on the split that chose and on the split kept apart.

``Front.to_json()`` is the contract (``front.json``) that csv, html and the MLflow pages are derived from.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from search import identity
from search.errors import SearchError, near_miss, one_of
from search.pareto import choose, dominance
from search.pareto import hypervolume as volume
from search.study import Objective, Study
from search.trial import Trial, losses, violations

if TYPE_CHECKING:
    import pandas
    import plotly.graph_objects


@dataclass(frozen=True, kw_only=True)
class Point:
    """A member of the front. ``survives``: still not dominated by another member on the report split;
    ``best``: objectives of which it is the best; ``knee``: the bend of the front."""

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


@dataclass(frozen=True, kw_only=True)
class Front:
    """``curve``: (trial number, hypervolume) after each complete trial; ``trials``: how many are complete;
    ``feasible``: false where no trial satisfies every constraint, and ``points`` are those of least violation."""

    study: str
    definition: str
    objectives: tuple[Objective, ...]
    constraints: tuple[Objective, ...]
    reference: tuple[float, ...]
    hypervolume: float
    report_hypervolume: float
    trials: int
    feasible: bool
    points: tuple[Point, ...]
    curve: tuple[tuple[int, float], ...]

    @cached_property
    def names(self) -> list[str]:
        return [objective.name for objective in self.objectives]

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Point]:
        return iter(self.points)

    def __getitem__(self, id: str) -> Point:
        for point in self.points:
            if point.id == id:
                return point
        known = [point.id for point in self.points]
        raise SearchError(f"the front of {self.study}", expected=one_of(known), got=id, hint=near_miss(id, known))

    def rows(self) -> list[dict[str, Any]]:
        """Flat rows, best first objective first: id, kind, marks, values on both splits, params."""
        return [_row(point) for point in self.points]

    def to_json(self) -> dict[str, Any]:
        kept = ("name", "direction", "unit", "limit")
        described = [{key: asdict(objective)[key] for key in kept} for objective in self.objectives]
        bounds = [{key: asdict(bound)[key] for key in kept} for bound in self.constraints]
        return {
            "study": self.study,
            "definition": self.definition,
            "objectives": described,
            "constraints": bounds,
            "reference": list(self.reference),
            "hypervolume": self.hypervolume,
            "report_hypervolume": self.report_hypervolume,
            "trials": self.trials,
            "feasible": self.feasible,
            "points": [asdict(point) for point in self.points],
            "curve": [list(step) for step in self.curve],
        }

    def dumps(self) -> str:
        return json.dumps(self.to_json(), indent=1)

    def to_csv(self) -> str:
        rows, text = self.rows(), io.StringIO()
        writer = csv.DictWriter(text, self._columns(rows), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def to_pandas(self) -> "pandas.DataFrame":
        """One row a point, indexed by id."""
        import pandas

        rows = self.rows()
        return pandas.DataFrame(rows, columns=self._columns(rows)).set_index("id")

    def plot(self) -> "plotly.graph_objects.Figure":
        """The front as a plotly figure, which a notebook shows."""
        from search import figures

        return figures.front(self)

    def __str__(self) -> str:
        if not self.points:
            return f"{self.study}: no front yet, no trial has finished"
        names = self.names
        apart = names if any(point.report_values for point in self.points) else []
        lines = [
            [p.id, *(_shown(p.values, n) for n in names), *(_shown(p.report_values, n) for n in apart), marks(p)]
            for p in self.points
        ]
        header = ["id", *names, *(f"report {name}" for name in apart), ""]
        widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
        table = [[cell.rjust(w) for cell, w in zip(line, widths, strict=True)] for line in [header, *lines]]
        return "\n".join([self.title, *("  ".join(line).rstrip() for line in table)])

    @property
    def title(self) -> str:
        kind = "front" if self.feasible else "no feasible trial; least violation:"
        return f"{self.study}: {kind} {len(self)} of {self.trials} trials, hypervolume {self.hypervolume:.4g}"

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(float_format=lambda value: f"{value:.4g}"))

    def _columns(self, rows: list[dict[str, Any]]) -> list[str]:
        """Of all rows, since an option has its own params; without rows, those that every row has."""
        return list(dict.fromkeys(key for row in rows for key in row)) or ["id", "kind", "marks", *self.names]


def _row(point: Point) -> dict[str, Any]:
    row = {
        "id": point.id,
        "kind": point.kind,
        "marks": marks(point),
        **point.values,
        **{f"report_{name}": value for name, value in point.report_values.items()},
        "survives": point.survives,
        "parents": " ".join(point.parents),
        "coefficients": " ".join(f"{c:.6g}" for c in point.coefficients),
    }
    return row | {(f"params.{name}" if name in row else name): value for name, value in point.params.items()}


def marks(point: Point) -> str:
    """``knee, best error`` as it stands in tables."""
    return ", ".join([*(["knee"] if point.knee else []), *(f"best {name}" for name in point.best)])


def candidates(trials: Sequence[Trial]) -> list[Trial]:
    """Trials that may be on the front: only those that ran to the end compare at equal budget."""
    return [trial for trial in trials if trial.complete]


def members(trials: Sequence[Trial], reference: Sequence[float]) -> tuple[list[Trial], bool]:
    """The front itself, in the order of the first objective, and whether it is feasible.

    A trial beyond an objective's limit does not count, and is on no front while some trial is within them all.
    """
    complete = candidates(trials)
    if not complete:
        return [], True
    within = [t for t in complete if all(loss <= worst for loss, worst in zip(t.losses, reference, strict=True))]
    if any(max(trial.violations, default=0.0) <= 0.0 for trial in within):
        complete = within
    mask, feasible = dominance.feasible_front(losses(complete), violations(complete))
    front = [trial for trial, on in zip(complete, mask, strict=True) if on]
    return sorted(front, key=lambda trial: (trial.losses, trial.number)), feasible


def build(study: Study, trials: Sequence[Trial]) -> Front:
    """The front of all trials so far."""
    complete, (front, feasible) = candidates(trials), members(trials, study.reference)
    ids = {trial.number: trial.id for trial in trials}
    reference = np.array(study.reference)
    allowed = [trial for trial in complete if max(trial.violations, default=0.0) <= 0.0]
    heights = volume.curve(losses(allowed), reference) if allowed else np.zeros(0)
    report = np.array([study.losses(t.report_values or t.values) for t in front]).reshape(len(front), len(reference))
    surviving = dominance.is_nondominated(report) if front else np.zeros(0, dtype=bool)
    own = losses(front)
    knee = choose.knee(own) if len(front) > 2 else None
    best = {i: own[:, i].argmin() for i in range(own.shape[1])} if front else {}
    points = tuple(
        Point(
            id=trial.id, kind=trial.kind, params=trial.params, coefficients=trial.coefficients,
            parents=tuple(ids.get(number, f"t{number:04d}") for number in trial.parents),
            values=trial.values, report_values=trial.report_values, survives=bool(surviving[row]),
            best=tuple(objective.name for i, objective in enumerate(study.objectives) if best[i] == row),
            knee=row == knee,
        )
        for row, trial in enumerate(front)
    )  # fmt: skip
    return Front(
        study=study.name,
        definition=identity.digest(identity.definition(study)),
        objectives=study.objectives,
        constraints=study.constraints,
        reference=study.reference,
        hypervolume=float(heights[-1]) if len(heights) else 0.0,
        report_hypervolume=volume.hypervolume(report, reference) if feasible and front else 0.0,
        trials=len(complete),
        feasible=feasible,
        points=points,
        curve=tuple((trial.number, float(height)) for trial, height in zip(allowed, heights, strict=True)),
    )


def _shown(values: dict[str, float], name: str) -> str:
    return f"{values[name]:.4g}" if name in values else "-"
