"""Views, notes and links of MLflow's own pages."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from search import front as fronts
from search.front import Front
from search.record import pages
from tests.search.mirrored import finished, study, study_of

RUN = "a" * 32


def state(front: Front, view: str) -> dict[str, Any]:
    tag = json.loads(pages.experiment_tags(front, "7", RUN, 123)[f"mlflow.sharedViewState.{view}"])
    assert set(tag) == {"name", "createdAt", "updatedAt", "state"} and tag["createdAt"] == 123
    return {"name": tag["name"], **json.loads(tag["state"])}


def named(objective: str) -> Front:
    made = study(objectives=2)
    front = fronts.build(made, [finished(made, n, [n + 1, 9 - n]) for n in range(3)])
    one = replace(front.objectives[0], name=objective)
    points = [replace(p, values={objective: p.values["error"], **p.values}, best=(objective,)) for p in front.points]
    return replace(front, objectives=(one, *front.objectives[1:]), points=tuple(points))


def test_the_front_view_holds_a_scatter_for_every_pair_and_parallel_coordinates() -> None:
    view = state(study_of(40, 3)[2], "front")
    charts = view["compareRunCharts"]
    pairs = {(c["xaxis"]["key"], c["yaxis"]["key"]) for c in charts if c["type"] == "SCATTER"}
    assert pairs == {("error", "kl_to_reference"), ("error", "latency"), ("kl_to_reference", "latency")}
    (parallel,) = [chart for chart in charts if chart["type"] == "PARALLEL"]
    assert parallel["selectedMetrics"] == ["error", "kl_to_reference", "latency"]
    assert parallel["selectedParams"] == ["learning_rate", "depth", "activation"]
    assert view["name"] == "1 Front" and view["searchFilter"] == "tags.front = 'yes'"
    assert {c["metricSectionId"] for c in charts} == {section["uuid"] for section in view["compareRunSections"]}


def test_every_view_is_sorted_by_a_metric_since_otherwise_its_charts_are_empty() -> None:
    for view in ("front", "trials", "progress"):
        assert state(study_of(40, 2)[2], view)["orderByKey"] == "metrics.`error`"


def test_progress_draws_what_the_study_run_holds() -> None:
    view = state(study_of(40, 2)[2], "progress")
    assert view["searchFilter"] == "tags.kind = 'study'"
    assert [chart["metricKey"] for chart in view["compareRunCharts"]] == ["hypervolume", "front_size"]


def test_a_study_of_one_objective_has_a_chart_too() -> None:
    assert [chart["type"] for chart in state(study_of(20, 1)[2], "front")["compareRunCharts"]] == ["BAR", "PARALLEL"]


def test_a_view_too_long_for_a_tag_loses_charts_and_stays_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    front = study_of(40, 6)[2]
    whole = len(state(front, "front")["compareRunCharts"])
    monkeypatch.setattr(pages, "EXPERIMENT_TAG_MAX", 3000)
    tags = pages.experiment_tags(front, "7", RUN, 123)
    assert all(len(value) <= 3000 for name, value in tags.items() if "sharedViewState" in name)
    assert 0 < len(state(front, "front")["compareRunCharts"]) < whole


def test_every_tag_of_six_objectives_fits() -> None:
    assert max(map(len, pages.experiment_tags(study_of(80, 6)[2], "7", RUN, 123).values())) <= pages.EXPERIMENT_TAG_MAX


def test_a_front_longer_than_the_charts_filters_by_another_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "CHARTED", 3)
    front = study_of(40, 2)[2]
    assert len(front) > 3 and state(front, "front")["searchFilter"] == "tags.charted = 'yes'"
    assert "The charts hold 3 of them" in pages.experiment_tags(front, "7", RUN, 1)["mlflow.note.content"]


def test_links_lead_to_the_views_and_the_run() -> None:
    found = pages.links("7", RUN)
    query = "workflowType=machine_learning&viewStateShareKey=front&compareRunsMode=CHART"
    assert found.front == f"/#/experiments/7/runs?{query}"
    assert found.run == f"/#/experiments/7/runs/{RUN}?workflowType=machine_learning"
    assert found.page == f"/#/experiments/7/runs/{RUN}/artifacts/front/front.html?workflowType=machine_learning"


def test_the_note_links_every_member_and_stops_at_thirty() -> None:
    made = study()
    front = fronts.build(made, [finished(made, n, [0.1 * n, 5 - 0.1 * n]) for n in range(40)])
    note = pages.study_note(front, "7", {point.id: f"{i:032x}" for i, point in enumerate(front.points)})
    assert len(re.findall(r"\| \[t\d{4}\]\(#/experiments/7/runs/[0-9a-f]{32}\?", note)) == 30
    assert "and 10 more" in note and len(note) <= pages.RUN_TAG_MAX


def test_the_note_says_when_nothing_is_feasible_and_when_nothing_is_there() -> None:
    made = study(constraints={"memory": {"max": 1.0}})
    none = fronts.build(made, [finished(made, 0, [1, 1, 3])])
    assert "no trial satisfies every constraint" in pages.study_note(none, "7", {})
    assert "no trial has finished" in pages.study_note(fronts.build(made, []), "7", {})


@pytest.mark.parametrize("name", ["a|b", "[x](http://evil)", "<script>alert(1)</script>", "**loud**", "a`b"])
def test_a_name_cannot_write_markdown(name: str) -> None:
    front = named(name)
    texts = [pages.study_note(front, "7", {}), pages.experiment_tags(front, "7", RUN, 1)["mlflow.note.content"]]
    for text in texts:
        assert name not in text and "<" not in text and "http:" not in text
    table = [line for line in texts[0].splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1


def test_a_name_that_metrics_cannot_have_is_charted_under_its_key() -> None:
    view = state(named("error`; drop%"), "front")
    assert "`; drop" not in view["orderByKey"]
    assert view["compareRunCharts"][0]["xaxis"]["key"] in view["orderByKey"]


def test_the_note_of_a_study_with_repeats_tells_how_surely_each_is_a_member() -> None:
    made = study()
    trials = [finished(made, n, [n + 1, 9 - n]) for n in range(3)]
    plain = pages.study_note(fronts.build(made, trials), "7", {})
    again = finished(made, 3, [1.5, 8.5], params=trials[0].params)
    front = fronts.build(made, [*trials, again])
    note = pages.study_note(front, "7", {})
    assert "P(front)" not in plain and "±" not in plain
    rows = [line for line in note.splitlines() if line.startswith("| t")]
    assert "P(front)" in note and len(rows) == len(front) and all("±" in row for row in rows)
    assert f"| {front.points[0].probability:.2f} |" in rows[0]
