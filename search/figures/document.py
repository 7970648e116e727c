"""One html page: the front, its members, its growth."""

import base64
import hashlib
import json
import math
from collections.abc import Sequence

from search.figures.growth import progress
from search.figures.parallels import parallel
from search.figures.promises import promised
from search.figures.scatter import front as scatter
from search.figures.script import SCRIPT
from search.figures.style import INK, KINDS, escape, short, title
from search.figures.template import DOUBTFUL, HIGHER, MEMBERS, NEAR, PARALLEL, PROGRESS, PROMISED, STYLE, WARNING
from search.front import Front, Point
from search.promised import tested
from search.study import Objective
from search.trial import Trial, portions

MATRIX = 4  # objectives in a scatter matrix; of more the lines say more


def page(front: Front, trials: Sequence[Trial] = ()) -> str:
    """One html file of about 5 MB: the front, its members, its growth. It loads nothing and works without a network."""
    from plotly.offline import get_plotlyjs

    ring = {"size": 17, "color": "rgba(0,0,0,0)", "line": {"color": INK, "width": 2.5}}
    highlight = {"x": [], "y": [], "meta": "highlight", "showlegend": False, "hoverinfo": "skip"}
    lines, drawn = parallel(front), {}
    lines.add_scatter(**highlight, mode="lines", line={"color": INK, "width": 3})
    if len(front.objectives) > MATRIX and len(front) > 1:
        drawn["front"] = lines
    else:
        drawn["front"] = panels = scatter(front, trials)
        for x, y in sorted({(trace.xaxis or "x", trace.yaxis or "y") for trace in panels.data}):
            panels.add_scatter(**highlight, xaxis=x, yaxis=y, mode="markers", marker=ring)
        if len(front) > 1:
            drawn["parallel"] = lines
    if front.points:
        drawn["progress"] = progress(front)
        if len(tested(trials)) > 1:
            drawn["promised"] = promised(front, trials)
    data = json.dumps({name: json.loads(figure.to_json()) for name, figure in drawn.items()}).replace("<", "\\u003c")
    library = get_plotlyjs().replace("</script", "<\\/script")
    allowed = " ".join(f"'sha256-{_sha(code)}'" for code in (library, SCRIPT))
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
    place = "on the front" if front.feasible else "of least violation"
    found = f"{front.hypervolume_text}, {front.report_hypervolume:.4g} on the report split"
    hint = HIGHER if drawn["front"] is lines else NEAR
    hint += DOUBTFUL if any(point.doubtful for point in front.points) else ""
    members = MEMBERS.format(table=_table(front), limits=_limits(front), hint=hint) if front.points else ""
    warning = "" if front.feasible else WARNING
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(front.study)}: front</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{escape(front.study)}</h1>
<p class="lead">{len(front)} of {front.trials} complete trials {place}; {found}</p>
<p class="small">{_counts(trials)}definition {escape(front.definition[:12])}</p>
</header>
{warning}
<section><div id="front" class="plot"></div>{members}</section>
<section><h2>Objectives</h2>{_objectives(front)}</section>
{PROGRESS if "progress" in drawn else ""}
{PROMISED if "promised" in drawn else ""}
{PARALLEL if "parallel" in drawn else ""}
<script type="application/json" id="data">{data}</script>
<script>{library}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _sha(code: str) -> str:
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()


def _counts(trials: Sequence[Trial]) -> str:
    """``48 finished, 10 stopped early, 2 failed (diverged 2); ``."""
    states = [trial.state for trial in trials]
    causes = [trial.failure.cause.replace("_", " ") for trial in trials if trial.failure]
    words = {"finished": "finished", "stopped": "stopped early", "failed": "failed", "running": "running"}
    parts = [f"{states.count(state)} {word}" for state, word in words.items() if state in states]
    why = ", ".join(f"{cause} {causes.count(cause)}" for cause in sorted(set(causes)))
    return ", ".join(parts) + (f" ({why})" if why else "") + "; " if parts else ""


def _objectives(front: Front) -> str:
    rows = []
    for objective in front.objectives:
        ordered = sorted(front.points, key=lambda point: objective.loss(point.values[objective.name]))
        ends = [ordered[0], ordered[-1]] if ordered else []
        said = [f"{point.values[objective.name]:.4g} ({escape(point.id)})" for point in ends] or ["", ""]
        named = [escape(objective.name), objective.direction, escape(objective.unit)]
        rows.append([*named, f"{objective.limit:g}", *said])
    for bound in front.constraints:
        rows.append([escape(bound.name), "constraint", escape(bound.unit), f"{_side(bound)} {bound.limit:g}", "", ""])
    headings = ["name", "direction", "unit", "limit", "best of the front", "worst of the front"]
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _limits(front: Front) -> str:
    """A field for each objective; ``data-column``: where its values stand in the table."""
    made = []
    for column, objective in enumerate(front.objectives, 1):
        field = f'<input type="number" step="any" data-column="{column}" data-sign="{objective.loss(1):g}">'
        made.append(f"<label>{escape(objective.name, 26)} {_side(objective)} {field}</label>")
    return "".join(made)


def _side(objective: Objective) -> str:
    return "at most" if objective.direction == "min" else "at least"


def _table(front: Front) -> str:
    bounds = [bound for bound in front.constraints if any(bound.name in point.values for point in front.points)]
    measured = [*front.objectives, *bounds]
    likely = any(point.probability is not None for point in front.points)
    heads = [("", "id"), *(("number", title(objective, lines=True)) for objective in measured), ("", "survives")]
    heads += [("number", "P(front)")] if likely else []
    head = "".join(f'<th class="{style}" tabindex="0">{words}</th>' for style, words in [*heads, ("", "made of")])
    body = "".join(_member(point, measured, likely) for point in front.points)
    return f'<div class="scroll"><table id="members"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _member(point: Point, measured: Sequence[Objective], likely: bool) -> str:
    chips = [("knee", "knee")] if point.knee else []
    chips += [("", f"best {name}") for name in point.best] + ([("", "doubtful")] if point.doubtful else [])
    name = f'<span class="dot" style="background:{KINDS[point.kind]}"></span>{escape(point.id)}'
    name += "".join(f'<br><span class="mark {style}">{escape(words, 30)}</span>' for style, words in chips)
    cells = [_cell(point.id, name, "id")]
    for objective in measured:
        value = point.values.get(objective.name, math.nan)
        report = point.report_values.get(objective.name)
        below = "" if report is None else f'<span class="report">{report:.4g}</span>'
        cells.append(_cell(value, f"{value:.4g}{below}", "number"))
    stays = "yes" if point.survives else "no"
    cells.append(_cell(stays, stays))
    if likely:
        probability = math.nan if point.probability is None else point.probability
        cells.append(_cell(probability, f"{probability:.2f}", "number"))
    made = _params(point)
    cells.append(_cell(made, made, "params"))
    return f'<tr data-id="{escape(point.id)}" tabindex="0">{"".join(cells)}</tr>'


def _cell(value: object, content: str, style: str = "") -> str:
    return f'<td class="{style}" data-value="{escape(value, 200)}">{content}</td>'


def _params(point: Point) -> str:
    """Escaped: ``0.5 t0001 + 0.5 t0004`` for a merged model, then ``learning_rate 0.01, optimizer adam``."""
    told = zip(portions(point.coefficients, len(point.parents), digits=3), point.parents, strict=True)
    merged = " + ".join(f"{portion} {escape(parent)}" for portion, parent in told)
    params = ", ".join(f"{escape(name)} <b>{escape(short(value))}</b>" for name, value in point.params.items())
    return ", ".join(filter(None, [merged, params]))
