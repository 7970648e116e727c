"""A front in pictures, and in one html page that needs nothing else.

Colours are told apart by colour-blind eyes and in print. Drawn as SVG alone: WebGL figures (``splom``,
``parcoords``) need a graphics driver and ``eval``, which a sandboxed page has not.
"""

import base64
import hashlib
import html
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from search.front import Front, Point, marks
from search.study import Objective
from search.trial import Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TRAINED, MERGED, DOMINATED = "#0072B2", "#D55E00", "#C9CED6"
MERGED_BEHIND, FAILED, RUNNING, STUDY = "#EBC7AE", "#E9ECEF", "#7FB8DA", "#333333"
INK, MUTED, GRID = "#1F2933", "#5B6770", "#E4E8EC"
KINDS = {"trained": TRAINED, "merged": MERGED}
PANELS = 6  # objectives in a scatter matrix
COLUMNS = 14  # axes side by side in parallel coordinates
DECADES = 100.0  # a positive range wider than this is drawn in its logarithm


def front(front: Front, trials: Sequence[Trial] = ()) -> "Figure":
    """The front: one scatter for two objectives, else one for each pair; ``trials``: those behind it in grey."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    objectives = front.objectives[:PANELS]
    if not front.points:
        return _empty(go.Figure(), "No trial has finished yet.")
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
        figure.update_xaxes(title_text=_title(objectives[index]), row=size, col=index + 1)
        figure.update_yaxes(title_text=_title(objectives[index + 1]), row=index + 1, col=1)
    legend: dict[str, Any] = {"x": 1.0, "y": 1.0, "xanchor": "right", "yanchor": "top"}
    if size == 1:
        legend = {"x": 0.0, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "orientation": "h"}
    return _dress(figure, height=470 if size == 1 else 140 + 205 * size, legend=legend)


def parallel(front: Front) -> "Figure":
    """Params and objectives side by side, one line a member; on every objective's axis better is higher."""
    import plotly.graph_objects as go

    axes = _axes(front)
    if not front.points or not axes:
        return _empty(go.Figure(), "No trial has finished yet.")
    figure = go.Figure()
    for place, axis in enumerate(axes):
        figure.add_shape(type="line", x0=place, x1=place, y0=0, y1=1, line={"color": MUTED, "width": 1}, layer="below")
        for height, label in axis.ticks:
            figure.add_annotation(
                x=place, y=height, text=_escape(label, 12), showarrow=False, xanchor="left", xshift=4,
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
                opacity=1.0 if point.knee else 0.45, hoverinfo="text", hovertext=_hover(point, front),
                customdata=[[point.id]] * len(axes),
            )  # fmt: skip
    start = len(axes) - len(front.objectives)
    figure.add_vrect(x0=start - 0.35, x1=len(axes) - 0.35, fillcolor="#F4F6F8", line_width=0, layer="below")
    figure.update_xaxes(
        tickvals=list(range(len(axes))), ticktext=[axis.label for axis in axes], side="top", showgrid=False,
        range=[-0.2, len(axes) - 0.35], tickangle=-30, fixedrange=True,
    )  # fmt: skip
    figure.update_yaxes(visible=False, range=[-0.06, 1.06], fixedrange=True)
    return _dress(figure, height=400, legend={"x": 0, "y": -0.02, "yanchor": "top", "orientation": "h"})


def progress(front: Front) -> "Figure":
    """The hypervolume by trial; a dot is a trial that moved the front."""
    import plotly.graph_objects as go

    figure = go.Figure()
    if not front.curve:
        why = "No trial satisfies every constraint yet." if front.trials else "No trial has finished yet."
        return _empty(figure, why)
    numbers, heights = [number for number, _ in front.curve], [height for _, height in front.curve]
    moved = [i for i, height in enumerate(heights) if height > (heights[i - 1] if i else 0.0)]
    figure.add_scatter(
        x=numbers, y=heights, mode="lines", line={"shape": "hv", "color": TRAINED, "width": 2},
        fill="tozeroy", fillcolor="rgba(0,114,178,0.08)", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=[numbers[i] for i in moved], y=[heights[i] for i in moved], mode="markers", hoverinfo="text",
        marker={"color": TRAINED, "size": 6},
        hovertext=[f"trial {numbers[i]}: {heights[i]:.5g}" for i in moved],
    )  # fmt: skip
    if not moved:
        figure.add_annotation(
            text="Every trial is beyond the limit of some objective, so the hypervolume is 0.",
            xref="paper", yref="paper", x=0.5, y=0.6, showarrow=False, font={"size": 14, "color": MUTED},
        )  # fmt: skip
        figure.update_yaxes(range=[0, 1])
    figure.update_xaxes(title_text="trial")
    figure.update_yaxes(title_text="hypervolume", rangemode="tozero")
    return _dress(figure, height=300, showlegend=False)


def page(front: Front, trials: Sequence[Trial] = ()) -> str:
    """One html file of about 5 MB: the front, its members, its growth. It loads nothing and works without a network."""
    from plotly.offline import get_plotlyjs

    panels = globals()["front"](front, trials)
    highlights = sorted({(trace.xaxis or "x", trace.yaxis or "y") for trace in panels.data})
    for x, y in highlights:
        panels.add_scatter(
            x=[], y=[], xaxis=x, yaxis=y, mode="markers", meta="highlight", showlegend=False, hoverinfo="skip",
            marker={"size": 17, "color": "rgba(0,0,0,0)", "line": {"color": INK, "width": 2.5}},
        )  # fmt: skip
    side = parallel(front)
    side.add_scatter(
        x=[], y=[], mode="lines", meta="highlight", showlegend=False, hoverinfo="skip", line={"color": INK, "width": 3}
    )
    drawn = {"front": panels, "parallel": side, "progress": progress(front)}
    data = json.dumps({name: json.loads(figure.to_json()) for name, figure in drawn.items()}).replace("<", "\\u003c")
    library = get_plotlyjs().replace("</script", "<\\/script")
    allowed = " ".join(f"'sha256-{_sha(code)}'" for code in (library, SCRIPT))
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
    shown = f"{len(front.points)} members" if len(front.points) != 1 else "1 member"
    found = f"hypervolume {front.hypervolume:.4g}, {front.report_hypervolume:.4g} on the report split"
    warning = "" if front.feasible else WARNING
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_escape(front.study)}: front</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{_escape(front.study)}</h1>
<p class="lead">{shown} of the front among {front.trials} complete trials; {found}</p>
<p class="small">{_counts(trials)}definition {_escape(front.definition[:12])}</p>
</header>
{warning}
<section><h2>Objectives</h2>{_objectives(front)}</section>
<section><h2>Front</h2><div id="front" class="plot"></div>
<p class="small">Hover a point to find it everywhere; click it to find its row. Drag to zoom, double-click to zoom out.
Grey trials far from the front lie outside the first view.</p></section>
<section><h2>Members</h2>{_table(front)}</section>
<section><h2>Hypervolume by trial</h2><div id="progress" class="plot"></div></section>
<section><h2>Params and objectives of the members</h2><div id="parallel" class="plot"></div>
<p class="small">One line a member, the knee thicker. On the shaded axes better is higher; a line passes an axis without a
dot where its member has no such param.</p></section>
<script type="application/json" id="data">{data}</script>
<script>{library}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


WARNING = '<p class="warning">No trial satisfies every constraint. Shown are the trials of least violation.</p>'

STYLE = """
:root{color-scheme:light}
body{font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;color:#1F2933;background:#fff;
margin:0 auto;padding:18px 22px 40px;max-width:1280px}
h1{font-size:24px;margin:0;overflow-wrap:anywhere}h2{font-size:16px;margin:26px 0 8px}
p{margin:4px 0}.lead{font-size:15px}.small{font-size:12px;color:#5B6770}
.warning{background:#FFF4E5;border-left:4px solid #D55E00;padding:8px 12px;margin:12px 0}
.scroll{overflow:auto;max-height:430px;border:1px solid #E4E8EC;border-radius:6px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;text-align:left;vertical-align:top;border-bottom:1px solid #EEF1F4}
th{background:#F4F6F8;font-weight:600;font-size:12px;white-space:nowrap;position:sticky;top:0;z-index:1}
#members th{cursor:pointer;user-select:none}#members th[aria-sort=ascending]::after{content:" \\25B2"}
#members th[aria-sort=descending]::after{content:" \\25BC"}
td.number,th.number{text-align:right}td.number{white-space:nowrap}
td .report{display:block;font-size:12px;color:#5B6770}td.params{font-size:12px;color:#3E4C59;min-width:260px;overflow-wrap:anywhere}
.dot{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:6px}
.mark{display:inline-block;background:#E8F1F8;border-radius:9px;padding:0 8px;margin:0 4px 2px 0;font-size:12px}
.mark.knee{background:#1F2933;color:#fff}
tr.lit td{background:#FFF8DB}.plot{width:100%}.key b{font-weight:600}
"""

SCRIPT = """
"use strict";
const figures = JSON.parse(document.getElementById("data").textContent);
const rows = new Map([...document.querySelectorAll("#members tbody tr")].map(row => [row.dataset.id, row]));
const plots = {};
function idOf(point) { return point && point.customdata ? point.customdata[0] : null; }
function where(plot) {
  const places = new Map();
  plot.data.forEach(trace => {
    if (!trace.customdata || trace.meta === "echo") return;
    trace.customdata.forEach((entry, i) => {
      const id = entry[0], axes = (trace.xaxis || "x") + (trace.yaxis || "y");
      if (!places.has(id)) places.set(id, new Map());
      if (!places.get(id).has(axes)) places.get(id).set(axes, {x: [], y: []});
      const at = places.get(id).get(axes);
      at.x.push(trace.x[i]); at.y.push(trace.y[i]);
    });
  });
  return places;
}
let lit = null;
function light(id) {
  if (id === lit) return;
  if (rows.has(lit)) rows.get(lit).classList.remove("lit");
  lit = id;
  if (rows.has(id)) rows.get(id).classList.add("lit");
  for (const name of ["front", "parallel"]) {
    const {plot, places, highlights} = plots[name];
    const found = places.get(id);
    const at = highlights.map(index => {
      const trace = plot.data[index];
      return found && found.get((trace.xaxis || "x") + (trace.yaxis || "y")) || {x: [], y: []};
    });
    if (highlights.length) Plotly.restyle(plot, {x: at.map(each => each.x), y: at.map(each => each.y)}, highlights);
  }
}
const ready = Object.keys(figures).map(name => {
  const element = document.getElementById(name);
  const {data, layout} = figures[name];
  return Plotly.newPlot(element, data, layout, {displayModeBar: false, responsive: true}).then(plot => {
    const highlights = plot.data.map((trace, i) => trace.meta === "highlight" ? i : -1).filter(i => i >= 0);
    plots[name] = {plot, places: where(plot), highlights};
  });
});
Promise.all(ready).then(() => {
  for (const name of ["front", "parallel"]) {
    const plot = plots[name].plot;
    plot.on("plotly_hover", event => light(idOf(event.points[0])));
    plot.on("plotly_unhover", () => light(null));
    plot.on("plotly_click", event => {
      const row = rows.get(idOf(event.points[0]));
      if (row) row.scrollIntoView({block: "center", behavior: "smooth"});
    });
  }
  for (const [id, row] of rows) {
    row.addEventListener("mouseenter", () => light(id));
    row.addEventListener("mouseleave", () => light(null));
  }
  document.body.dataset.drawn = Object.keys(figures).length;
});
const headings = [...document.querySelectorAll("#members th")];
headings.forEach((heading, column) => heading.addEventListener("click", () => {
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  headings.forEach(each => each.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const value = row => row.cells[column].dataset.value;
  const body = document.querySelector("#members tbody");
  const order = (a, b) => heading.classList.contains("number") ? value(a) - value(b) : value(a).localeCompare(value(b));
  [...body.rows].sort((a, b) => ascending ? order(a, b) : order(b, a)).forEach(row => body.append(row));
}));
"""


def _sha(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()


def _counts(trials: Sequence[Trial]) -> str:
    """``48 finished, 10 stopped early, 2 failed (diverged 2); ``."""
    states = [trial.state for trial in trials]
    causes = [trial.failure.cause.replace("_", " ") for trial in trials if trial.failure]
    words = {"finished": "finished", "stopped": "stopped early", "failed": "failed", "running": "running"}
    parts = [f"{states.count(state)} {word}" for state, word in words.items() if state in states]  # type: ignore[arg-type]
    why = ", ".join(f"{cause} {causes.count(cause)}" for cause in sorted(set(causes)))
    return ", ".join(parts) + (f" ({why})" if why else "") + "; " if parts else ""


def _objectives(front: Front) -> str:
    rows = []
    for objective in front.objectives:
        ordered = sorted(front.points, key=lambda point: objective.loss(point.values[objective.name]))
        ends = [f"{ordered[i].values[objective.name]:.4g} ({_escape(ordered[i].id)})" for i in (0, -1)] if ordered else ["", ""]
        rows.append([_escape(objective.name), objective.direction, _escape(objective.unit), f"{objective.limit:g}", *ends])
    for bound in front.constraints:
        sign = "at most" if bound.direction == "min" else "at least"
        rows.append([_escape(bound.name), "constraint", _escape(bound.unit), f"{sign} {bound.limit:g}", "", ""])
    headings = ["name", "direction", "unit", "limit", "best of the front", "worst of the front"]
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _table(front: Front) -> str:
    if not front.points:
        return '<p class="small">None yet.</p>'
    bounds = [bound for bound in front.constraints if any(bound.name in point.values for point in front.points)]
    measured = [*front.objectives, *bounds]
    likely = any(point.probability is not None for point in front.points)
    head = '<th>id</th><th>marks</th>'
    head += "".join(f'<th class="number">{_title(objective)}</th>' for objective in measured)
    head += "<th>on the report split</th>" + ('<th class="number">P(front)</th>' if likely else "") + "<th>made of</th>"
    body = "".join(_member(point, measured, likely) for point in front.points)
    return (
        f'<div class="scroll"><table id="members"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        '<p class="small">Small numbers: the value on the report split, which had no part in any choice. Click a heading to sort.</p>'
    )


def _member(point: Point, measured: Sequence[Objective], likely: bool) -> str:
    cells = [_cell(point.id, f'<span class="dot" style="background:{KINDS[point.kind]}"></span>{_escape(point.id)}')]
    chips = [("knee", "knee")] if point.knee else []
    chips += [("", f"best {name}") for name in point.best]
    cells.append(_cell(marks(point), "".join(f'<span class="mark {style}">{_escape(words)}</span>' for style, words in chips)))
    for objective in measured:
        value = point.values.get(objective.name, math.nan)
        report = point.report_values.get(objective.name)
        below = "" if report is None else f'<span class="report">{report:.4g}</span>'
        cells.append(_cell(value, f"{value:.4g}{below}", "number"))
    stays = "stays" if point.survives else "is dominated"
    cells.append(_cell(stays, stays))
    if likely:
        probability = math.nan if point.probability is None else point.probability
        cells.append(_cell(probability, f"{probability:.2f}", "number"))
    made = _params(point)
    cells.append(_cell(made, made, "params"))
    return f'<tr data-id="{_escape(point.id)}">{"".join(cells)}</tr>'


def _cell(value: object, content: str, style: str = "") -> str:
    return f'<td class="{style}" data-value="{_escape(value, 200)}">{content}</td>'


def _params(point: Point) -> str:
    """Escaped: ``0.5 t0001 + 0.5 t0004`` for a merged model, then ``learning_rate 0.01, optimizer adam``."""
    merged = " + ".join(f"{c:.3g} {_escape(p)}" for c, p in zip(point.coefficients, point.parents, strict=False))
    params = ", ".join(f"{_escape(name)} <b>{_escape(_short(value))}</b>" for name, value in point.params.items())
    return ", ".join(filter(None, [merged, params]))


def _panel(front: Front, trials: Sequence[Trial], x: Objective, y: Objective) -> list[Any]:
    """The traces of one pair of objectives, from the back to the front."""
    import plotly.graph_objects as go

    traces = []
    for name, behind, symbol in _behind(front, trials):
        traces.append(
            go.Scatter(
                x=[trial.values[x.name] for trial in behind], y=[trial.values[y.name] for trial in behind],
                mode="markers", name=name, legendgroup=name, hoverinfo="text",
                hovertext=[f"{_escape(trial.id)}, {name}" for trial in behind],
                marker={"color": DOMINATED, "size": 6, "symbol": symbol},
            )  # fmt: skip
        )
    if len(front.objectives) == 2 and front.feasible:
        ordered = sorted(front.points, key=lambda point: point.values[x.name])
        traces.append(
            go.Scatter(
                x=[point.values[x.name] for point in ordered], y=[point.values[y.name] for point in ordered], mode="lines",
                line={"shape": "hv" if x.direction == "min" else "vh", "color": MUTED, "width": 1}, name="what is reached",
                legendgroup="what is reached", hoverinfo="skip",
            )  # fmt: skip
        )
    if len(front.objectives) == 2:
        traces += _reported(front, x, y)
    for kind, colour in KINDS.items():
        points = [point for point in front.points if point.kind == kind]
        if points:
            name = kind if front.feasible else f"{kind}, least violation"
            traces.append(_markers(points, front, x, y, name, {"color": colour, "size": 9, "line": {"color": "white", "width": 1}}))
    knees = [point for point in front.points if point.knee]
    if knees:
        ring = {"color": "rgba(0,0,0,0)", "size": 14, "symbol": "diamond", "line": {"color": INK, "width": 2}}
        traces.append(_markers(knees, front, x, y, "knee", ring, meta="echo"))
    return traces


def _behind(front: Front, trials: Sequence[Trial]) -> list[tuple[str, list[Trial], str]]:
    """Complete trials that are not on the front, by the reason why not."""
    members = {point.id for point in front.points}
    others = [trial for trial in trials if trial.complete and trial.id not in members]
    dominated = [trial for trial in others if max(trial.violations, default=0.0) <= 0.0]
    infeasible = [trial for trial in others if max(trial.violations, default=0.0) > 0.0]
    kept = [("dominated", dominated, "circle"), ("infeasible", infeasible, "x")]
    return [(name, found, symbol) for name, found, symbol in kept if found]


def _reported(front: Front, x: Objective, y: Objective) -> list[Any]:
    """Hollow markers on the report split, each tied to its member."""
    import plotly.graph_objects as go

    traces = []
    for kind, colour in KINDS.items():
        points = [p for p in front.points if p.kind == kind and x.name in p.report_values and y.name in p.report_values]
        pairs = [(point.values, point.report_values) for point in points]
        if points:
            traces.append(
                go.Scatter(
                    x=[v for value, report in pairs for v in (value[x.name], report[x.name], None)],
                    y=[v for value, report in pairs for v in (value[y.name], report[y.name], None)],
                    mode="lines+markers", name="on the report split", legendgroup="on the report split", hoverinfo="skip",
                    line={"color": colour, "width": 0.7}, opacity=0.55,
                    marker={
                        "symbol": "circle", "size": [0, 7, 0] * len(points), "color": "white",
                        "line": {"color": colour, "width": 1.3},
                    },
                )  # fmt: skip
            )
    return traces


def _markers(points: list[Point], front: Front, x: Objective, y: Objective, name: str, marker: Any, **more: Any) -> Any:
    import plotly.graph_objects as go

    return go.Scatter(
        x=[point.values[x.name] for point in points], y=[point.values[y.name] for point in points], mode="markers",
        name=name, legendgroup=name, marker=marker, customdata=[[point.id] for point in points], hoverinfo="text",
        hovertext=[_hover(point, front) for point in points], **more,
    )  # fmt: skip


def _single(figure: "Figure", front: Front, trials: Sequence[Trial]) -> "Figure":
    """One objective: its value by trial."""
    objective = front.objectives[0]
    for name, behind, symbol in _behind(front, trials):
        figure.add_scatter(
            x=[trial.number for trial in behind], y=[trial.values[objective.name] for trial in behind], mode="markers",
            name=name, marker={"color": DOMINATED, "size": 7, "symbol": symbol}, hoverinfo="text",
            hovertext=[f"{_escape(trial.id)}, {name}" for trial in behind],
        )  # fmt: skip
    for kind, colour in KINDS.items():
        points = [point for point in front.points if point.kind == kind]
        figure.add_scatter(
            x=[int(point.id[1:]) for point in points], y=[point.values[objective.name] for point in points], mode="markers",
            name=f"best, {kind}", marker={"color": colour, "size": 11}, customdata=[[point.id] for point in points],
            hoverinfo="text", hovertext=[_hover(point, front) for point in points], showlegend=bool(points),
        )  # fmt: skip
    figure.update_xaxes(title_text="trial")
    figure.update_yaxes(title_text=_title(objective))
    return _dress(figure, height=400, legend={"x": 0.0, "y": 1.02, "yanchor": "bottom", "orientation": "h"})


def _range(objective: Objective, front: Front, trials: Sequence[Trial]) -> dict[str, Any]:
    """An axis that holds the front and the trials near it; in logarithms where it spans more than two decades."""
    values = [point.values[objective.name] for point in front.points]
    if len(front.objectives) == 2:
        values += [point.report_values[objective.name] for point in front.points if objective.name in point.report_values]
    log = min(values) > 0 and max(values) / min(values) > DECADES
    scale = math.log10 if log else float
    low, high = scale(min(values)), scale(max(values))
    span = (high - low) or abs(high) * 0.2 or 1.0
    behind = [trial.values[objective.name] for _, group, _ in _behind(front, trials) for trial in group]
    near = [scale(value) for value in behind if not log or value > 0]
    near = [value for value in near if low - 0.6 * span <= value <= high + 0.6 * span]
    low, high = min([low, *near]), max([high, *near])
    pad = 0.07 * ((high - low) or span)
    return {"range": [low - pad, high + pad], **({"type": "log", "dtick": 1} if log and high - low > 3 else {"type": "log"} if log else {})}


class _Axis:
    """One axis of the parallel coordinates. ``values``: of each member that has one."""

    def __init__(self, label: str, values: dict[str, Any], *, flipped: bool = False):
        self.values, self.flipped = values, flipped
        self.label = _escape(label, 18)
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
        return [(self._height(self._scaled(value)), _short(value)) for value in ends]

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


def _hover(point: Point, front: Front) -> str:
    lines = [f"<b>{_escape(point.id)}</b> {point.kind}" + (f", {_escape(marks(point))}" if marks(point) else "")]
    for objective in front.objectives:
        report = point.report_values.get(objective.name)
        kept = "" if report is None else f" (report split {report:.4g})"
        lines.append(f"{_escape(objective.name)} <b>{point.values[objective.name]:.4g}</b>{kept}")
    if not point.survives:
        lines.append("dominated on the report split")
    lines += [f"{_escape(' + '.join(point.parents))}"] if point.parents else []
    lines += [f"{_escape(name)} {_escape(_short(value))}" for name, value in list(point.params.items())[:12]]
    return "<br>".join(lines)


def _empty(figure: "Figure", why: str) -> "Figure":
    figure.add_annotation(
        text=why, xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False, font={"size": 15, "color": MUTED}
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return _dress(figure, height=160)


def _dress(figure: "Figure", *, height: int, **layout: Any) -> "Figure":
    figure.update_layout(
        template="none", height=height, margin={"l": 60, "r": 16, "t": 30, "b": 50}, hovermode="closest",
        font={"family": "system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif", "size": 12, "color": INK},
        hoverlabel={"bgcolor": "white", "bordercolor": MUTED, "align": "left", "font": {"color": INK, "size": 12}},
        paper_bgcolor="white", plot_bgcolor="white", **layout,
    )  # fmt: skip
    figure.update_xaxes(gridcolor=GRID, zeroline=False, linecolor=MUTED, automargin=True, title_standoff=8)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, linecolor=MUTED, automargin=True, title_standoff=8)
    return figure


def _title(objective: Objective) -> str:
    """``error [%] ↓``: less is better."""
    unit = f" [{_escape(objective.unit, 16)}]" if objective.unit else ""
    return f"{_escape(objective.name, 26)}{unit} {'↓' if objective.direction == 'min' else '↑'}"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _escape(text: object, longest: int = 80) -> str:
    """For html and for plotly, which reads a part of html; cut where it would not fit."""
    words = str(text)
    return html.escape(words if len(words) <= longest else words[: longest - 1] + "…")
