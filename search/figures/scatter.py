"""The front, drawn: a scatter for every pair of objectives."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from search.figures.style import DECADES, DOMINATED, FAINT, INK, KINDS, MUTED, dress, empty, escape, short, title
from search.front import Front, Point, marks
from search.study import Objective
from search.trial import Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PANELS = 6  # objectives in a scatter matrix
OUTSIDE = "outside a limit"
REACH = 0.6  # how far beyond the front the first view goes, in its own widths


def front(front: Front, trials: Sequence[Trial] = ()) -> "Figure":
    """The front: one scatter for two objectives, else one for each pair; ``trials``: those behind it in grey."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    objectives = front.objectives[:PANELS]
    if not front.points:
        return empty(go.Figure(), "No trial has finished yet.")
    if len(objectives) == 1:
        return _single(go.Figure(), front, trials)
    size = len(objectives) - 1
    figure = make_subplots(
        rows=size, cols=size, shared_xaxes=True, shared_yaxes=True,
        horizontal_spacing=0.025, vertical_spacing=0.025,
        specs=[[{} if column <= row else None for column in range(size)] for row in range(size)],
    )  # fmt: skip
    ranges = {objective.name: _range(objective, front, trials) for objective in objectives}
    named: set[str] = set()
    for row in range(size):
        for column in range(row + 1):
            x, y = objectives[column], objectives[row + 1]
            for trace in _panel(front, trials, x, y):
                label = trace.legendgroup
                trace.showlegend = label not in named
                named.add(label)
                figure.add_trace(trace, row=row + 1, col=column + 1)
            figure.update_xaxes(ranges[x.name], row=row + 1, col=column + 1)
            figure.update_yaxes(ranges[y.name], row=row + 1, col=column + 1)
    for index in range(size):
        figure.update_xaxes(title_text=title(objectives[index], lines=size > 2), row=size, col=index + 1)
        figure.update_yaxes(title_text=title(objectives[index + 1], lines=size > 2), row=index + 1, col=1)
    legend: dict[str, Any] = {"x": 1.0, "y": 1.0, "xanchor": "right", "yanchor": "top"}
    if size == 1:
        legend = {"x": 0.0, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "orientation": "h"}
    return dress(figure, height=470 if size == 1 else 140 + 205 * size, legend=legend)


def _panel(front: Front, trials: Sequence[Trial], x: Objective, y: Objective) -> list[Any]:
    """The traces of one pair of objectives, from the back to the front."""
    import plotly.graph_objects as go

    traces = [
        _grey(behind, [trial.values[x.name] for trial in behind], [trial.values[y.name] for trial in behind], name)
        for name, behind in _behind(front, trials)
    ]
    if len(front.objectives) == 2:
        if front.feasible:
            places = sorted((point.values[x.name], point.values[y.name]) for point in front.points)
            line = {"shape": "hv" if x.direction == "min" else "vh", "color": MUTED, "width": 1}
            named = {"name": "attained", "legendgroup": "attained", "hoverinfo": "skip"}
            xs, ys = zip(*places, strict=True)
            traces.append(go.Scatter(x=xs, y=ys, mode="lines", line=line, **named))
        traces += _reported(front, x, y)
    size = 9 if len(front.objectives) < 4 else 7
    for kind, colour in KINDS.items():
        points = [point for point in front.points if point.kind == kind]
        if points:
            name = kind if front.feasible else f"{kind}, least violation"
            sure = [FAINT if point.doubtful else 1.0 for point in points]
            dot = {"color": colour, "size": size, "line": {"color": "white", "width": 1}, "opacity": sure}
            traces.append(_markers(points, front, x, y, name, dot))
    knees = [point for point in front.points if point.knee]
    if knees:
        ring = {"color": "rgba(0,0,0,0)", "size": 14, "symbol": "diamond", "line": {"color": INK, "width": 2}}
        traces.append(_markers(knees, front, x, y, "knee", ring, meta="echo"))
    return traces


def _behind(front: Front, trials: Sequence[Trial]) -> list[tuple[str, list[Trial]]]:
    """Complete trials that are not on the front, by the reason why not."""
    members = {point.id for point in front.points}
    others = [trial for trial in trials if trial.complete and trial.id not in members]
    dominated = [trial for trial in others if within_limits(trial, front.reference)]
    outside = [trial for trial in others if not within_limits(trial, front.reference)]
    return [(name, found) for name, found in (("dominated", dominated), (OUTSIDE, outside)) if found]


def within_limits(trial: Trial, reference: Sequence[float]) -> bool:
    """Whether a trial keeps every constraint and the limit of every objective; ``reference`` (m,): those as losses."""
    kept = all(loss <= worst for loss, worst in zip(trial.losses, reference, strict=True))
    return kept and max(trial.violations, default=0.0) <= 0.0


def _grey(trials: list[Trial], x: list[float], y: list[float], name: str) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=x, y=y, mode="markers", name=name, legendgroup=name, hoverinfo="text",
        hovertext=[f"{escape(trial.id)}, {name}" for trial in trials],
        marker={"color": DOMINATED, "size": 6, "symbol": "x" if name == OUTSIDE else "circle"},
    )  # fmt: skip


def _reported(front: Front, x: Objective, y: Objective) -> list[Any]:
    """Hollow markers on the report split, each tied to its member."""
    import plotly.graph_objects as go

    traces = []
    named = {"name": "on the report split", "legendgroup": "on the report split", "hoverinfo": "skip"}
    for kind, colour in KINDS.items():
        points = [p for p in front.points if p.kind == kind and x.name in p.report_values and y.name in p.report_values]
        pairs = [(point.values, point.report_values) for point in points]
        hollow = {"color": "white", "size": 7, "line": {"color": colour, "width": 1.2}}
        ties_x = [v for value, report in pairs for v in (value[x.name], report[x.name], None)]
        ties_y = [v for value, report in pairs for v in (value[y.name], report[y.name], None)]
        ends_x, ends_y = ([report[axis.name] for _, report in pairs] for axis in (x, y))
        if points:
            traces.append(go.Scatter(x=ends_x, y=ends_y, mode="markers", marker=hollow, opacity=0.7, **named))
            traces.append(go.Scatter(x=ties_x, y=ties_y, mode="lines", line={"color": colour, "width": 0.7}, **named))
    return traces


def _markers(points: list[Point], front: Front, x: Objective, y: Objective, name: str, marker: Any, **more: Any) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[point.values[x.name] for point in points], y=[point.values[y.name] for point in points], mode="markers",
        name=name, legendgroup=name, marker=marker, customdata=[[point.id] for point in points], hoverinfo="text",
        hovertext=[hover(point, front) for point in points], **more,
    )  # fmt: skip


def _single(figure: "Figure", front: Front, trials: Sequence[Trial]) -> "Figure":
    """One objective: its value by trial."""
    objective = front.objectives[0]
    for name, behind in _behind(front, trials):
        values = [trial.values[objective.name] for trial in behind]
        figure.add_trace(_grey(behind, [float(trial.number) for trial in behind], values, name))
    for kind, colour in KINDS.items():
        points = [point for point in front.points if point.kind == kind]
        figure.add_scatter(
            x=[int(point.id[1:]) for point in points], y=[point.values[objective.name] for point in points],
            mode="markers", name=f"best, {kind}", marker={"color": colour, "size": 11}, hoverinfo="text",
            customdata=[[point.id] for point in points], hovertext=[hover(point, front) for point in points],
            showlegend=bool(points),
        )  # fmt: skip
    figure.update_xaxes(title_text="trial")
    figure.update_yaxes(title_text=title(objective))
    return dress(figure, height=400, legend={"x": 0.0, "y": 1.02, "yanchor": "bottom", "orientation": "h"})


def _range(objective: Objective, front: Front, trials: Sequence[Trial]) -> dict[str, Any]:
    """An axis that holds the front and the trials near it; in logarithms where it spans more than two decades."""
    values = [point.values[objective.name] for point in front.points]
    if len(front.objectives) == 2:
        reported = [point.report_values for point in front.points]
        values += [report[objective.name] for report in reported if objective.name in report]
    log = min(values) > 0 and max(values) / min(values) > DECADES
    scale = math.log10 if log else float
    low, high = scale(min(values)), scale(max(values))
    span, few = (high - low) or abs(high) * 0.2 or 1.0, len(front) < 3
    behind = [trial.values[objective.name] for _, group in _behind(front, trials) for trial in group]
    near = [scale(value) for value in behind if not log or value > 0]
    near = [value for value in near if few or low - REACH * span <= value <= high + REACH * span]
    low, high = min([low, *near]), max([high, *near])
    pad = 0.07 * max(high - low, abs(high) if few else 0.0, span if high == low else 0.0)
    axis = {"range": [low - pad, high + pad], "type": "log" if log else "linear"}
    return {**axis, "dtick": 1} if log and high - low > 3 else axis  # one label a decade


def hover(point: Point, front: Front) -> str:
    """What is said of a member under the pointer."""
    lines = [f"<b>{escape(point.id)}</b> {point.kind}" + (f", {escape(marks(point))}" if marks(point) else "")]
    for objective in front.objectives:
        report = point.report_values.get(objective.name)
        kept = "" if report is None else f" (report split {report:.4g})"
        lines.append(f"{escape(objective.name)} <b>{point.values[objective.name]:.4g}</b>{kept}")
    if not point.survives:
        lines.append("dominated on the report split")
    lines += [f"{escape(' + '.join(point.parents))}"] if point.parents else []
    lines += [f"{escape(name)} {escape(short(value))}" for name, value in list(point.params.items())[:12]]
    return "<br>".join(lines)
