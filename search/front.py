"""The front of a study: trials and merged models alike, on the split that chose and on the split kept apart.

``Front.to_json()`` is the contract (``front.json``) that csv, html and the MLflow pages are derived from.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search import certainty, identity, repeats
from search.errors import SearchError, near_miss, one_of
from search.pareto import choose, dominance
from search.pareto import hypervolume as volume
from search.repeats import Configuration
from search.study import Objective, Study
from search.trial import Trial

if TYPE_CHECKING:
    import pandas
    import plotly.graph_objects

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


def _row(point: Point) -> dict[str, Any]:
    row = {
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
    return row | {(f"params.{name}" if name in row else name): value for name, value in point.params.items()}


def marks(point: Point) -> str:
    """``knee, best error, doubtful`` as it stands in tables."""
    words = [*(["knee"] if point.knee else []), *(f"best {name}" for name in point.best)]
    return ", ".join([*words, *(["doubtful"] if point.doubtful else [])])


def candidates(trials: Sequence[Trial]) -> list[Trial]:
    """Trials that may be on the front: only those that ran to the end compare at equal budget."""
    return [trial for trial in trials if trial.complete]


def contenders(trials: Sequence[Trial], reference: Sequence[float]) -> list[Configuration]:
    """Of whom the front is: every configuration with a complete trial. One beyond an objective's limit does not count
    while some feasible one is within them all."""
    complete = repeats.configurations(candidates(trials))
    within = [
        each for each in complete if all(loss <= worst for loss, worst in zip(each.losses, reference, strict=True))
    ]
    return within if any(each.feasible for each in within) else complete


def members(trials: Sequence[Trial], reference: Sequence[float]) -> tuple[list[Trial], bool]:
    """The front itself, in the order of the first objective, and whether it is feasible.

    A configuration with repeats is on it with their mean, and is here the trial nearest to that.
    """
    rivals = contenders(trials, reference)
    rows, feasible = _leaders(rivals)
    return [rivals[row].typical for row in rows], feasible


def _leaders(rivals: Sequence[Configuration]) -> tuple[list[int], bool]:
    """Which of ``contenders`` are on the front, best first objective first, and whether it is feasible."""
    if not rivals:
        return [], True
    mask, feasible = dominance.feasible_front(_losses(rivals), np.array([each.violations for each in rivals]))
    return sorted(np.flatnonzero(mask), key=lambda row: (rivals[row].losses, rivals[row].trials[0].number)), feasible


def build(study: Study, trials: Sequence[Trial], *, certain: bool = True) -> Front:
    """The front of all trials so far. ``certain``: and how surely, a second's work at most where there are repeats."""
    rivals, reference, aims = contenders(trials, study.reference), np.array(study.reference), study.objectives
    rows, feasible = _leaders(rivals)
    front = [rivals[row] for row in rows]
    ids = {trial.number: trial.id for trial in trials}
    curve = repeats.growth(candidates(trials), study.reference)
    report = np.array([study.losses(each.report_values or each.values) for each in front]).reshape(-1, len(aims))
    surviving = dominance.is_nondominated(report) if front else np.zeros(0, dtype=bool)
    own = _losses(front)
    knee = choose.knee(own) if len(front) > 2 else None
    best = {i: own[:, i].argmin() for i in range(own.shape[1])} if front else {}
    known = certainty.certainty(study, rivals if certain else [])
    held, error = curve[-1][1] if curve else 0.0, 0.0
    if feasible and front and not volume.is_exact(*own.shape):
        held, error = volume.stated(own, reference)
    points = tuple(
        Point(
            id=each.typical.id, kind=each.typical.kind, params=each.typical.params,
            coefficients=each.typical.coefficients,
            parents=tuple(ids.get(number, f"t{number:04d}") for number in each.typical.parents),
            values=each.values, report_values=each.report_values, survives=bool(surviving[place]),
            best=tuple(aim.name for i, aim in enumerate(aims) if best[i] == place), knee=place == knee,
            repeats=tuple(trial.id for trial in each.trials) if len(each.trials) > 1 else (),
            **known.points.get(row, {}),
        )
        for place, (row, each) in enumerate(zip(rows, front, strict=True))
    )  # fmt: skip
    return Front(
        study=study.name,
        definition=identity.digest(identity.definition(study)),
        objectives=study.objectives,
        constraints=study.constraints,
        reference=study.reference,
        hypervolume=held,
        report_hypervolume=volume.hypervolume(report, reference) if feasible and front else 0.0,
        trials=len(candidates(trials)),
        feasible=feasible,
        points=points,
        curve=curve,
        hypervolume_interval=known.hypervolume,
        hypervolume_error=error,
    )


def _losses(each: Sequence[Configuration]) -> NDArray[np.float64]:
    return np.array([one.losses for one in each]).reshape(len(each), len(each[0].losses) if each else 0)


def shown(point: Point, name: str) -> str:
    """``0.123 ±0.02``: a member's value and, where it is known, half of its interval."""
    low, high = point.intervals.get(name, (0.0, 0.0))
    return f"{point.values[name]:.4g}" + (f" ±{(high - low) / 2:.2g}" if name in point.intervals else "")


def _shown(values: dict[str, float], name: str) -> str:
    return f"{values[name]:.4g}" if name in values else "-"
