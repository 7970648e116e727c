"""The links of a mirrored study, opened in a browser on MLflow's own server."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from search.record import Links, Mirror
from tests.search.browser import CHROMIUM, Browser, until
from tests.search.mirrored import study_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow.*"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Links, int]]:
    """The address of a server, the links of the study on it, and how many members its front has."""
    home = tmp_path_factory.mktemp("home")
    made, trials, front = study_of(60, 3)
    links = Mirror(home).sync(made, trials, front, status="finished")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(home / "served")]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log, start_new_session=True)
    try:
        base = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{base}/health"), lambda: (home / "server.log").read_text())
        yield base, links, len(front)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (URLError, OSError):
        return False


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


def test_the_front_view_draws_every_member_in_the_chart_of_each_pair(
    served: tuple[str, Links, int], browser: Browser
) -> None:
    base, links, members = served
    browser.open(base + links.front)
    script = (
        "[...document.querySelectorAll('.js-plotly-plot')].slice(0, 3)"
        ".map(chart => chart.querySelectorAll('.scatterlayer .point').length)"
    )
    until(lambda: browser.evaluate(script) == [members] * 3, lambda: f"{members} dots: {browser.evaluate(script)}")
    assert members > 3 and "1 Front" in browser.evaluate("document.body.innerText")


@pytest.mark.parametrize(
    ("page", "words"),
    [("trials", ["2 All trials", "t0000"]), ("progress", ["3 Progress", "hypervolume"]), ("run", ["Child runs"])],
)
def test_every_other_link_opens_what_it_names(
    served: tuple[str, Links, int], browser: Browser, page: str, words: list[str]
) -> None:
    base, links, _ = served
    browser.open(base + getattr(links, page))
    text = "document.body.innerText"
    until(lambda: all(word in str(browser.evaluate(text)) for word in words), lambda: str(browser.evaluate(text))[:500])


def test_the_page_of_the_front_opens_in_its_sandbox(served: tuple[str, Links, int], browser: Browser) -> None:
    base, links, _ = served
    browser.open(base + links.page)
    frame = "document.querySelector('iframe[sandbox]')?.src || ''"
    until(lambda: browser.evaluate(frame).startswith("blob:"), lambda: f"a frame: {browser.evaluate(frame)}")


def test_a_mirror_over_http_writes_the_same_runs_once(served: tuple[str, Links, int], tmp_path: Path) -> None:
    from mlflow import MlflowClient

    base, *_ = served
    made, trials, front = study_of(8, 2, name="remote")
    for _ in range(2):
        Mirror(tmp_path, uri=base).sync(made, trials, front, status="finished")
    client = MlflowClient(base)
    (experiment,) = client.search_experiments(filter_string="tags.study = 'remote'")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert sorted(runs) == sorted(["study", *(trial.id for trial in trials)])
    assert runs["t0000"].data.metrics["error"] == trials[0].values["error"]
    listed = [entry.path for entry in client.list_artifacts(runs["study"].info.run_id, "front")]
    assert "front/front.json" in listed and not (tmp_path / "artifacts").exists()
