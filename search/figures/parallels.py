"""Params and objectives of the members side by side."""

import math
from typing import TYPE_CHECKING, Any

from search.figures.scatter import hover
from search.figures.style import DECADES, FAINT, KINDS, MUTED, SHADE, dress, empty, escape, short
from search.front import Front, Point

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLUMNS = 14  # axes that fit


def parallel(front: Front) -> "Figure":
    """Params and objectives side by side, one line a member; on every objective's axis better is higher."""
    import plotly.graph_objects as go

    if len(front.points) < 2:
        return empty(go.Figure(), "It takes two members to compare.")
    figure, axes = go.Figure(), _axes(front)
    faint = min(0.45, max(0.15, 12 / len(front.points)))
    for place, axis in enumerate(axes):
        figure.add_shape(type="line", x0=place, x1=place, y0=0, y1=1, line={"color": MUTED, "width": 1}, layer="below")
        for height, label in axis.ticks:
            figure.add_annotation(
                x=place, y=height, text=escape(label, 12), showarrow=False, xanchor="left", xshift=4,
                font={"size": 10, "color": MUTED}, bgcolor="rgba(255,255,255,0.75)", borderpad=1,
            )  # fmt: skip
    for kind, colour in KINDS.items():
        for first, point in enumerate(point for point in front.points if point.kind == kind):
            heights = [axis.height(point) for axis in axes]
            figure.add_scatter(
                x=[place for place, height in enumerate(heights) if height is not None],
                y=[height for height in heights if height is not None],
                mode="lines+markers", name=kind, legendgroup=kind, showlegend=not first,
                line={"color": colour, "width": 3 if point.knee else 1.2},
                marker={"size": 7 if point.knee else 4, "color": colour},
                opacity=(1.0 if point.knee else faint) * (FAINT if point.doubtful else 1.0),
                hoverinfo="text", hovertext=hover(point, front),
                customdata=[[point.id]] * len(axes),
            )  # fmt: skip
    start = len(axes) - len(front.objectives)
    figure.add_vrect(x0=start - 0.35, x1=len(axes) - 0.35, fillcolor=SHADE, line_width=0, layer="below")
    figure.update_xaxes(
        tickvals=list(range(len(axes))), ticktext=[axis.label for axis in axes], side="top", showgrid=False,
        range=[-0.2, len(axes) - 0.35], tickangle=-30, fixedrange=True,
    )  # fmt: skip
    figure.update_yaxes(visible=False, range=[-0.06, 1.06], fixedrange=True)
    dress(figure, height=400, legend={"x": 0, "y": -0.02, "yanchor": "top", "orientation": "h"})
    return figure.update_layout(margin_r=90)  # plotly leaves out the last name where it does not fit


class _Axis:
    """One axis of the parallel coordinates. ``values``: of each member that has one."""

    def __init__(self, label: str, values: dict[str, Any], *, flipped: bool = False):
        self.values, self.flipped = values, flipped
        self.label = escape(label, 18)
        known = list(values.values())
        self.numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in known)
        self.options = [] if self.numeric else sorted({str(value) for value in known})
        self.low, self.high, self.log = 0.0, float(len(self.options) - 1), False
        if self.numeric:
            self.log = min(known) > 0 and max(known) / min(known) > DECADES
            self.low, self.high = self._scaled(min(known)), self._scaled(max(known))

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(height, label) of the two ends, or of every option."""
        if not self.numeric:
            return [(self._height(float(i)), option) for i, option in enumerate(self.options[:12])]
        ends = sorted({min(self.values.values()), max(self.values.values())})
        return [(self._height(self._scaled(value)), short(value)) for value in ends]

    def height(self, point: Point) -> float | None:
        """In [0, 1], or None where the member has no such value."""
        if point.id not in self.values:
            return None
        value = self.values[point.id]
        return self._height(self._scaled(value) if self.numeric else float(self.options.index(str(value))))

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else float(value)

    def _height(self, scaled: float) -> float:
        height = (scaled - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return 1.0 - height if self.flipped else height


def _axes(front: Front) -> list[_Axis]:
    """An axis for every param that differs among the members, as many as fit, and one for every objective."""
    names = list(dict.fromkeys(name for point in front.points for name in point.params))
    axes = []
    for name in names:
        values = {point.id: point.params[name] for point in front.points if name in point.params}
        if len(set(map(str, values.values()))) > 1 or len(values) < len(front.points):
            axes.append(_Axis(".".join(name.split(".")[-2:]), values))
    axes = axes[: max(COLUMNS - len(front.objectives), 2)]
    for objective in front.objectives:
        values = {point.id: point.values[objective.name] for point in front.points}
        axes.append(_Axis(objective.name, values, flipped=objective.direction == "min"))
    return axes
