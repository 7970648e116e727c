"""What MLflow's own pages show of a study: its saved views, its notes, and the links to them.

The views are private state of MLflow's UI, kept in tags of the experiment (``mlflow.sharedViewState.*``, seen
with 3.17): charts of each pair of objectives, parallel coordinates, the hypervolume. The training curves need
none, since the UI makes a section of all metrics that begin with ``rung/``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.front import Front, marks, shown
from search.record.text import key, markdown
from search.record.wanted import CHARTED

EXPERIMENT_TAG_MAX = 5000  # characters; what every supported version takes
RUN_TAG_MAX = 8000
ROWS = 30
PARAMS = 4
PAGE = "front/front.html"
VIEWS = {"front": "front", "all trials": "trials", "progress": "progress"}
CLASSIC = "workflowType=machine_learning"  # otherwise the UI opens among its pages for language models
CHART = {"runsCountToCompare": 100, "deleted": False, "isGenerated": False}


@dataclass(frozen=True)
class Links:
    """Paths below the address of an MLflow UI; each has to be opened anew. ``page``: the self-made front.html."""

    front: str
    trials: str
    progress: str
    run: str
    page: str


def links(experiment: str, run: str) -> Links:
    """The links of a study's experiment and of its study run, by their ids."""
    views = {name: f"/{_view_link(experiment, name)}" for name in VIEWS.values()}
    return Links(**views, run=f"/{_run_link(experiment, run)}", page=f"/{_run_link(experiment, run, PAGE)}")


def experiment_tags(front: Front, experiment: str, run: str, created: int) -> dict[str, str]:
    """The three views and the note. ``created``: ms since the epoch, the experiment's own time."""
    objectives = [key(name) for name in front.names]
    pairs = [(x, y) for i, x in enumerate(objectives) for y in objectives[i + 1 :]]
    scatter = [_scatter(f"pair{i}", x, y) for i, (x, y) in enumerate(pairs)]
    if len(objectives) == 1:
        scatter = [{**CHART, "type": "BAR", "uuid": "bar", "metricSectionId": "charts", "metricKey": objectives[0]}]
    parallel = {
        **CHART, "type": "PARALLEL", "uuid": "parallel", "metricSectionId": "charts",
        "selectedParams": [key(name) for name in _telling(front)], "selectedMetrics": objectives, "showAllRuns": False,
    }  # fmt: skip
    progress = [_line(name, name) for name in ("hypervolume", "front_size")]
    members = "tags.front = 'yes'" if len(front) <= CHARTED else "tags.charted = 'yes'"
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": _experiment_note(front, experiment, run),
        **{
            f"mlflow.sharedViewState.{name}": _view(title, which, objectives, section, charts, created)
            for name, title, which, section, charts in (
                ("front", "1 Front", members, "Front", [*scatter, parallel]),
                ("trials", "2 All trials", "tags.kind != 'study'", "Trials", [*scatter, parallel]),
                ("progress", "3 Progress", "tags.kind = 'study'", "Progress", progress),
            )
        },
    }


def study_note(front: Front, experiment: str, runs: Mapping[str, str]) -> str:
    """The front as a markdown table of at most 30 members, linked to their ``runs`` (id -> run id)."""
    if not front.points:
        return f"**{markdown(front.study)}**: no trial has finished yet."
    what = "front" if front.feasible else "**no trial satisfies every constraint**; least violation"
    title = f"**{markdown(front.study)}**: {what}, {len(front)} of {front.trials} trials"
    measures = f"{front.hypervolume_text} (on the report split {front.report_hypervolume:.4g})"
    headings = [f"{markdown(o.name)} ({markdown(o.direction + ' ' + o.unit).strip()})" for o in front.objectives]
    likely = ["P(front)"] if front.doubted else []
    lines = [_row("run", *headings, *likely, "marks", "survives"), _row(*["---"] * (len(headings) + len(likely) + 3))]
    for point in front.points[:ROWS]:
        name = f"[{point.id}]({_run_link(experiment, runs[point.id])})" if point.id in runs else point.id
        values = [shown(point, o.name) for o in front.objectives]
        values += [f"{point.probability:.2f}"] if front.doubted else []
        line = _row(name, *values, markdown(marks(point)), "yes" if point.survives else "no")
        if sum(map(len, lines)) + len(line) > RUN_TAG_MAX - 1000:
            break
        lines.append(line)
    rest = len(front) - (len(lines) - 2)
    more = f"\n\nand {rest} more: see `front/front.html` among the artifacts." if rest else ""
    return f"{title}, {measures}\n\n" + "\n".join(lines) + more


def _telling(front: Front) -> list[str]:
    """A few params that every trained member has and that differ among them."""
    members = [point.params for point in front.points if point.kind == "trained"]
    shared = [name for name in (members[0] if members else {}) if all(name in params for params in members)]
    return [name for name in shared if len({str(params[name]) for params in members}) > 1][:PARAMS]


def _experiment_note(front: Front, experiment: str, run: str) -> str:
    places = {name: _view_link(experiment, view) for name, view in VIEWS.items()}
    places |= {"front page": _run_link(experiment, run, PAGE), "study run": _run_link(experiment, run)}
    objectives = ", ".join(f"{markdown(o.name)} ({o.direction})" for o in front.objectives[:8])
    found = f"{len(front)} members of {front.trials} trials" if front.points else "no front yet"
    thinned = f" The charts hold {CHARTED} of them." if len(front) > CHARTED else ""
    return f"**{markdown(front.study)}**: {objectives}; {found}.{thinned} Open: " + " · ".join(
        f"[{name}]({link})" for name, link in places.items()
    )


def _scatter(uuid: str, x: str, y: str) -> dict[str, Any]:
    axes = {"xaxis": {"key": x, "type": "METRIC"}, "yaxis": {"key": y, "type": "METRIC"}}
    return {**CHART, "type": "SCATTER", "uuid": uuid, "metricSectionId": "charts", **axes}


def _line(uuid: str, metric: str) -> dict[str, Any]:
    return {
        **CHART, "type": "LINE", "uuid": uuid, "metricSectionId": "charts", "metricKey": metric,
        "selectedMetricKeys": [metric], "lineSmoothness": 0, "xAxisKey": "step", "xAxisScaleType": "linear",
        "scaleType": "linear", "range": {}, "selectedXAxisMetricKey": "", "yAxisKey": "metric", "yAxisExpressions": [],
    }  # fmt: skip


def _view(
    name: str, which: str, objectives: list[str], section: str, charts: list[dict[str, Any]], created: int
) -> str:
    """One saved view; charts that do not fit into a tag are left out, the last first."""
    state = {
        # sorted by a metric the list is flat; otherwise it shows the study run alone, and charts are empty
        "orderByKey": f"metrics.`{objectives[0]}`", "orderByAsc": True, "searchFilter": which, "startTime": "ALL",
        "lifecycleFilter": "Active", "modelVersionFilter": "All Runs", "datasetsFilter": [],
        "selectedColumns": ["tags.`kind`", "tags.`state`", "tags.`mark`", *(f"metrics.`{o}`" for o in objectives)],
        "runsExpanded": {}, "runsPinned": [], "runsHidden": [], "runsHiddenMode": "SHOWALL",
        "compareRunSections": [{"uuid": "charts", "name": section, "display": True, "isReordered": False,
                                "columns": 2 if len(charts) in (2, 4) else 3}],
        "viewMaximized": False, "runListHidden": False, "isAccordionReordered": False, "groupBy": None,
        "groupsExpanded": {}, "autoRefreshEnabled": True, "useGroupedValuesInCharts": True, "hideEmptyCharts": True,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }  # fmt: skip
    for count in range(len(charts), -1, -1):
        whole = json.dumps({**state, "compareRunCharts": charts[:count]}, separators=(",", ":"))
        made = {"name": name, "createdAt": created, "updatedAt": created, "state": whole}
        tag = json.dumps(made, separators=(",", ":"))
        if len(tag) <= EXPERIMENT_TAG_MAX:
            break
    return tag


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _view_link(experiment: str, name: str) -> str:
    return f"#/experiments/{experiment}/runs?{CLASSIC}&viewStateShareKey={name}&compareRunsMode=CHART"


def _run_link(experiment: str, run: str, artifact: str = "") -> str:
    path = f"/artifacts/{artifact}" if artifact else ""
    return f"#/experiments/{experiment}/runs/{run}{path}?{CLASSIC}"
