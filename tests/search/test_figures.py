"""Figures show what the front holds; the page shows it without a network and without trusting a name."""

import base64
import hashlib
import json
import math
import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search import figures
from search import front as fronts
from search.front import Front
from search.pick import pick
from search.trial import Trial
from tests.search.browser import CHROMIUM, FLAGS, Browser, until
from tests.search.mirrored import failed, finished, merged, study, study_of

CANARY = "</script><b>canary</b><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The elements of a page, and the text of its scripts and of its data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.scripts: list[str] = []
        self.rows: list[str] = []
        self.policy, self._inside, self.text = "", "", ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.attributes |= set(given)
        self._inside = tag
        if tag == "script":
            self.scripts.append("")
        if "content-security-policy" in str(given.get("http-equiv", "")).lower():
            self.policy = str(given["content"])
        if "data-id" in given:
            self.rows.append(str(given["data-id"]))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        else:
            self.text += data

    @property
    def figures(self) -> dict[str, Any]:
        made: dict[str, Any] = json.loads(self.scripts[0])
        return made


def written(trials: int, objectives: int, folder: Path) -> tuple[Front, str]:
    """A front, and where its page is."""
    _, known, front = study_of(trials, objectives)
    (folder / "page.html").write_text(figures.page(front, known), encoding="utf-8")
    return front, (folder / "page.html").as_uri()


def trace(figure: Any, name: str) -> list[Any]:
    return [each for each in figure.data if each.name == name]


def poisoned() -> tuple[Front, list[Trial]]:
    """A front in which every name that a user chooses would be markup."""
    _, trials, front = study_of(40, 3)
    first = replace(front.objectives[0], name=CANARY, unit=CANARY)
    points = tuple(
        replace(
            point, params={CANARY: CANARY, **point.params}, values={CANARY: point.values["error"], **point.values},
            best=(CANARY,), parents=(CANARY,), coefficients=(1.0,),
        )
        for point in front.points
    )  # fmt: skip
    behind = [replace(t, values={CANARY: t.values["error"], **t.values}) if t.values else t for t in trials]
    return replace(front, study=CANARY, objectives=(first, *front.objectives[1:]), points=points), behind


def test_two_objectives_are_one_scatter_with_every_member_and_only_complete_trials_behind() -> None:
    _, trials, front = study_of(60, 2)
    figure = figures.front(front, trials)
    dots = {name: len(trace(figure, name)[0].x) for name in ("trained", "merged", "dominated")}
    kinds = [point.kind for point in front.points]
    assert dots["trained"] == kinds.count("trained") and dots["merged"] == kinds.count("merged") > 0
    assert dots["dominated"] == sum(trial.complete for trial in trials) - len(front)


@pytest.mark.parametrize("directions", [("min", "min"), ("min", "max"), ("max", "min"), ("max", "max")])
def test_every_corner_of_the_staircase_is_what_two_neighbours_both_reach(directions: tuple[str, str]) -> None:
    rng = np.random.default_rng(0)
    names = ("error", "gap")
    limits = {"min": 10.0, "max": 0.0}
    made = study(objectives={n: {"direction": d, "limit": limits[d]} for n, d in zip(names, directions, strict=True)})
    rows = rng.random((400, 2)) * 9 + 0.1
    front = fronts.build(made, [finished(made, number, row) for number, row in enumerate(rows)])
    (line,) = trace(figures.front(front), "attained")
    places = list(zip(line.x, line.y, strict=True))
    assert len(places) == len(front) > 3
    for (x, y), (next_x, next_y) in zip(places, places[1:], strict=False):
        corner = (next_x, y) if line.line.shape == "hv" else (x, next_y)
        losses = [made.losses(dict(zip(names, place, strict=True))) for place in ((x, y), (next_x, next_y), corner)]
        np.testing.assert_array_equal(losses[2], np.maximum(losses[0], losses[1]))


@pytest.mark.parametrize("objectives", [3, 4, 6])
def test_more_objectives_are_a_scatter_for_every_pair_and_each_holds_every_member(objectives: int) -> None:
    _, trials, front = study_of(60, objectives)
    figure = figures.front(front, trials)
    pairs = objectives * (objectives - 1) // 2
    shown = [each for each in figure.data if each.name in ("trained", "merged")]
    assert len({(each.xaxis, each.yaxis) for each in shown}) == pairs
    assert sum(len(each.x) for each in shown) == pairs * len(front)
    assert sum(bool(each.showlegend) for each in shown) == 2


def test_axes_name_the_unit_and_the_better_side() -> None:
    made = study(objectives={"error": {"unit": "%", "limit": 9}, "gap": {"direction": "max", "limit": 0.1}})
    figure = figures.front(fronts.build(made, [finished(made, n, [n + 1, n + 1]) for n in range(3)]))
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("error [%]\u00a0↓", "gap ↑")


def test_the_first_view_holds_the_whole_front_and_is_not_stretched_by_a_bad_trial() -> None:
    made = study()
    trials = [finished(made, n, [n + 1, 6 - n]) for n in range(5)]
    figure = figures.front(fronts.build(made, trials), [*trials, finished(made, 9, [1000, 1000])])
    for axis, (least, most) in ((figure.layout.xaxis, (1, 5)), (figure.layout.yaxis, (2, 6))):
        low, high = axis.range
        assert low < least < most < high < 20


def test_an_axis_of_more_than_two_decades_is_logarithmic() -> None:
    made = study()
    figure = figures.front(fronts.build(made, [finished(made, n, [10.0 ** (n - 3), 4 - n]) for n in range(4)]))
    assert (figure.layout.xaxis.type, figure.layout.yaxis.type) == ("log", "linear")
    low, high = figure.layout.xaxis.range
    assert low < -3 and high > math.log10(1.01)


def test_report_values_are_hollow_markers_tied_to_their_members() -> None:
    made = study()
    front = fronts.build(made, [finished(made, n, [n + 1, 6 - n]) for n in range(5)])
    hollow = [each for each in trace(figures.front(front), "on the report split") if each.mode == "markers"]
    assert [tuple(each.x) for each in hollow] == [tuple(p.report_values["error"] for p in front.points)]
    assert hollow[0].marker.color == "white"


def test_a_trial_outside_a_limit_is_not_called_dominated() -> None:
    made = study(constraints={"memory": {"max": 1.0}})
    trials = [finished(made, 0, [1, 2, 0.5]), finished(made, 1, [2, 3, 0.5]), finished(made, 2, [0.5, 0.5, 2])]
    figure = figures.front(fronts.build(made, trials), trials)
    assert [len(trace(figure, name)[0].x) for name in ("dominated", "outside a limit")] == [1, 1]


@pytest.mark.parametrize("direction", ["min", "max"])
def test_on_the_parallel_axis_of_an_objective_better_is_higher(direction: str) -> None:
    limit = 10.0 if direction == "min" else 0.0
    made = study(objectives={"error": {"limit": 10.0}, "gap": {"direction": direction, "limit": limit}})
    other = (1, 2, 3) if direction == "max" else (3, 2, 1)
    front = fronts.build(made, [finished(made, n, [n + 1, other[n]]) for n in range(3)])
    heights = {each.customdata[0][0]: each.y[-1] for each in figures.parallel(front).data}
    best = next(point.id for point in front.points if "gap" in point.best)
    assert heights[best] == 1.0 and min(heights.values()) == 0.0


def test_a_line_passes_the_axis_of_a_param_that_its_member_does_not_have() -> None:
    made = study()
    one = replace(finished(made, 0, [1, 3]), params={"name": "adam", "beta": 0.9})
    two = replace(finished(made, 1, [2, 2]), params={"name": "sgd"})
    lines = {each.customdata[0][0]: list(each.x) for each in figures.parallel(fronts.build(made, [one, two])).data}
    assert lines == {"t0000": [0, 1, 2, 3], "t0001": [0, 2, 3]}


def test_progress_marks_the_trials_that_moved_the_front() -> None:
    made = study()
    trials = [finished(made, n, values) for n, values in enumerate([(5, 5), (6, 6), (4, 6), (1, 1)])]
    line, dots = figures.progress(fronts.build(made, trials)).data
    assert list(line.x) == [0, 1, 2, 3] and list(dots.x) == [0, 2, 3]


def states() -> list[tuple[str, Sequence[Trial], str]]:
    made = study(constraints={"memory": {"max": 1.0}})
    return [
        ("nothing", [], "No trial has finished yet."),
        ("only a failure", [failed(made, 0)], "1 failed (diverged 1)"),
        ("one", [finished(made, 0, [1, 1, 0.5])], "1 of 1 complete trials on the front"),
        ("infeasible", [finished(made, 0, [1, 1, 3]), finished(made, 1, [1, 2, 2])], "least violation"),
        ("beyond", [finished(made, 0, [100, 100, 0.5])], "Every trial is beyond the limit"),
        ("equal", [finished(made, n, [1, 1, 0.5]) for n in range(3)], "3 of 3 complete trials"),
        ("merged alone", [merged(made, 1, [1, 1, 0.5], (0, 2))], "0.5"),
    ]


@pytest.mark.parametrize(("trials", "said"), [case[1:] for case in states()], ids=[case[0] for case in states()])
def test_a_page_of_little_says_what_there_is(trials: Sequence[Trial], said: str) -> None:
    front = fronts.build(study(constraints={"memory": {"max": 1.0}}), trials)
    page = Page(figures.page(front, trials))
    assert said in page.text + json.dumps(page.figures)
    assert page.rows == [point.id for point in front.points]


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_every_member_is_in_the_table_and_in_the_figure(objectives: int) -> None:
    _, trials, front = study_of(50, objectives)
    page = Page(figures.page(front, trials))
    ids = [point.id for point in front.points]
    drawn = [entry[0] for each in page.figures["front"]["data"] for entry in each.get("customdata", [])]
    assert page.rows == ids and set(drawn) == set(ids) and ids


def test_the_page_loads_nothing() -> None:
    _, trials, front = study_of(50, 3)
    text = figures.page(front, trials)
    page = Page(text)
    own = text.replace(page.scripts[1], "")  # plotly's code has addresses, of maps that nobody draws
    assert len(own) < 0.1 * len(text) and "http" not in own.replace("http-equiv", "")
    assert not {"src", "href", "action", "srcset", "data"} & page.attributes
    assert not {"link", "iframe", "object", "embed", "base", "img"} & set(page.tags)


def test_only_the_two_known_scripts_may_run() -> None:
    _, trials, front = study_of(50, 2)
    page = Page(figures.page(front, trials))
    hashes = {base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in page.scripts[1:]}
    assert len(hashes) == 2 and set(re.findall(r"'sha256-([^']+)'", page.policy)) == hashes
    scripts = re.search(r"script-src ([^;]*)", page.policy)
    assert page.policy.startswith("default-src 'none'") and scripts and "unsafe" not in scripts.group(1)


def test_no_name_becomes_markup() -> None:
    front, trials = poisoned()
    text = figures.page(front, trials)
    page = Page(text)
    assert page.tags.count("script") == 3 and "img" not in page.tags
    assert "canary</b>" not in text and "<b>canary" not in text
    assert "<" not in page.scripts[0]  # data can end no script, whatever plotly writes into it
    assert "<b>canary" not in json.dumps(page.figures)  # plotly reads a part of html itself
    assert "canary" in page.text


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
@pytest.mark.parametrize("objectives", [2, 3])
def test_a_browser_draws_every_member_and_refuses_nothing(objectives: int, tmp_path: Path) -> None:
    front, page = written(50, objectives, tmp_path)
    done = subprocess.run(
        [str(CHROMIUM), *FLAGS, "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=10000", "--window-size=860,900", "--dump-dom", page],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert 'data-drawn="3"' in done.stdout and ":CONSOLE" not in done.stderr
    panels = objectives * (objectives - 1) // 2
    colours = [done.stdout.count(f"fill: {colour}") for colour in ("rgb(0, 114, 178)", "rgb(213, 94, 0)")]
    in_panels = panels * len(front)
    assert sum(colours) >= in_panels > 0


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
@pytest.mark.parametrize("objectives", [3, 5])
def test_limits_selection_and_keys_in_a_browser(objectives: int, tmp_path: Path) -> None:
    front, page = written(60, objectives, tmp_path)
    browser = Browser(tmp_path / "profile")
    told = """(() => ({drawn: document.body.dataset.drawn, out: [...document.querySelectorAll("tr.out")].map(row =>
        row.dataset.id), least: document.getElementById("least")?.textContent, lit: document.querySelector("tr.lit")
        ?.dataset.id}))()"""

    def done(script: str) -> dict[str, Any]:
        browser.evaluate(script)
        found: dict[str, Any] = browser.evaluate(told)
        return found

    try:
        browser.open(page)
        until(lambda: bool((browser.evaluate(told) or {}).get("drawn")), lambda: str(browser.evaluate(told)))
        first, middle = front.names[0], float(np.median([point.values[front.names[0]] for point in front.points]))
        assert browser.evaluate(told)["least"] == pick(front, weights={}).id and not browser.evaluate(told)["out"]
        limited = done(f"""const field = document.querySelector("#choice input"); field.value = {middle!r};
            field.dispatchEvent(new Event("input", {{bubbles: true}}))""")
        assert front.objectives[0].direction == "min"
        assert set(limited["out"]) == {point.id for point in front.points if point.values[first] > middle} != set()
        assert limited["least"] == pick(front, limits={first: middle}, weights={}).id
        faint = browser.evaluate(
            "Math.min(...plots.front.plot.data.filter(t => t.customdata).flatMap(t => t.marker.opacity))"
        )
        assert faint < 0.2
        some = front.points[1].id
        selected = done(
            f"""field.value = ""; plots.front.plot.emit("plotly_selected", {{points: [{{customdata: ["{some}"]}}]}})"""
        )
        assert selected["least"] == some and len(selected["out"]) == len(front) - 1
        browser.evaluate("document.querySelector('#choice form').reset()")
        until(lambda: not browser.evaluate(told)["out"], lambda: str(browser.evaluate(told)))
        order = """[...document.querySelectorAll("#members tbody tr")].map(row => row.dataset.id)"""
        down = (
            """document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowDown", bubbles: true}))"""
        )
        moved = done(f"rows.get({order}[0]).focus(); {down}")
        assert moved["lit"] == front.points[1].id
        browser.evaluate("""headings[1].dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}))""")
        assert browser.evaluate(order) == [p.id for p in sorted(front.points, key=lambda point: point.values[first])]
    finally:
        browser.close()


def test_doubtful_members_are_faint_and_named() -> None:
    _, trials, front = study_of(40, 2)
    points = tuple(replace(point, probability=0.2 if n == 0 else 0.9) for n, point in enumerate(front.points))
    doubted = replace(front, points=points, hypervolume_interval=(1.25, 2.5))
    shown = Page(figures.page(doubted, trials))
    dots = [each for each in shown.figures["front"]["data"] if each.get("name") in ("trained", "merged")]
    told = {e[0]: o for each in dots for e, o in zip(each["customdata"], each["marker"]["opacity"], strict=True)}
    assert len(told) == len(points) > 2 and [id for id, opacity in told.items() if opacity < 1.0] == [points[0].id]
    lines = {
        each["customdata"][0][0]: each["opacity"] for each in shown.figures["parallel"]["data"] if each.get("name")
    }
    assert lines[points[0].id] < min(lines[point.id] for point in points[1:])
    assert shown.text.count("doubtful") == 1 and "Faint: " in shown.text and "[1.25, 2.5]" in shown.text
    assert "doubtful" not in Page(figures.page(front, trials)).text


def test_what_was_promised_of_merges_stands_against_what_they_came_to() -> None:
    made = study(objectives={"error": {"limit": 9.0}, "gain": {"direction": "max", "limit": 0.0}})
    trials = [finished(made, n, [n + 1.0, n + 1.0]) for n in range(4)]
    told = [replace(trial, promised=(trial.losses[0] + 0.5, trial.losses[1] - 0.25)) for trial in trials[:3]]
    front = fronts.build(made, [*told, trials[3]])
    shown = [each for each in figures.promised(front, [*told, trials[3]]).data if each.mode == "markers"]
    assert [list(each.y) for each in shown] == [[1.0, 2.0, 3.0]] * 2
    assert [list(each.x) for each in shown] == [[1.5, 2.5, 3.5], [1.25, 2.25, 3.25]]
    assert "promised" in Page(figures.page(front, told)).figures
    assert "promised" not in Page(figures.page(front, told[:1])).figures
