"""The front as a whole: its members, what they hold together, and every form in which it is told."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search.errors import SearchError, near_miss, one_of
from search.front.point import Point, marks, row, shown
from search.study import Objective

if TYPE_CHECKING:
    import pandas
    import plotly.graph_objects


@dataclass(frozen=True, kw_only=True)
class Front:
    """``curve``: (trial number, hypervolume) after each complete trial; ``trials``: how many are complete;
    ``feasible``: false where no trial satisfies every constraint, and ``points`` are those of least violation;
    ``hypervolume_interval``: what holds that of the true losses with probability 0.9, where the study has repeats;
    ``hypervolume_error``: the standard error where so many members in so many objectives are not measured exactly."""

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
    hypervolume_interval: tuple[float, float] | None = None
    hypervolume_error: float = 0.0

    @cached_property
    def names(self) -> list[str]:
        return [objective.name for objective in self.objectives]

    @cached_property
    def losses(self) -> NDArray[np.float64]:
        """(n, m) of the points, in their order."""
        rows = [[aim.loss(point.values[aim.name]) for aim in self.objectives] for point in self.points]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.objectives))

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
        return [row(point) for point in self.points]

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
            "hypervolume_interval": self.hypervolume_interval,
            "hypervolume_error": self.hypervolume_error,
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
            [
                p.id, *(shown(p, n) for n in names), *([f"{p.probability:.2f}"] if self.doubted else []),
                *(_shown(p.report_values, n) for n in apart), marks(p),
            ]
            for p in self.points
        ]  # fmt: skip
        header = ["id", *names, *(["P(front)"] if self.doubted else []), *(f"report {name}" for name in apart), ""]
        widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
        table = [[cell.rjust(w) for cell, w in zip(line, widths, strict=True)] for line in [header, *lines]]
        return "\n".join([self.title, *("  ".join(line).rstrip() for line in table)])

    @property
    def title(self) -> str:
        kind = "front" if self.feasible else "no feasible trial; least violation:"
        return f"{self.study}: {kind} {len(self)} of {self.trials} trials, {self.hypervolume_text}"

    @property
    def hypervolume_text(self) -> str:
        """``hypervolume 0.43 [0.42, 0.44]``: the number with all that is known of its error."""
        ends = self.hypervolume_interval
        between = f" [{ends[0]:.4g}, {ends[1]:.4g}]" if ends else ""
        about = f" (estimated, standard error {self.hypervolume_error:.1g})" if self.hypervolume_error else ""
        return f"hypervolume {self.hypervolume:.4g}{between}{about}"

    @property
    def doubted(self) -> bool:
        """It is known how surely each member is one."""
        return any(point.probability is not None for point in self.points)

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(float_format=lambda value: f"{value:.4g}"))

    def _columns(self, rows: list[dict[str, Any]]) -> list[str]:
        """Of all rows, since an option has its own params; without rows, those that every row has."""
        return list(dict.fromkeys(key for row in rows for key in row)) or ["id", "kind", "marks", *self.names]


def _shown(values: dict[str, float], name: str) -> str:
    return f"{values[name]:.4g}" if name in values else "-"
