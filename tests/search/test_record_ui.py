"""The links of a mirrored study, opened in a browser on MLflow's own server."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from search.record import Links, Mirror
from tests.search.mirrored import study_of

CHROMIUM = shutil.which("chromium")
SECONDS = 240.0
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
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | settings, stdout=log, stderr=log, start_new_session=True)
    try:
        base = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{base}/health"), f"a server; see {home / 'server.log'}")
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


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(1)


def seen(url: str, profile: Path) -> str:
    """The page after its scripts ran: without a screen there is no better moment than the end of a virtual while."""
    done = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1440,1400",
         f"--user-data-dir={profile}", "--virtual-time-budget=40000", "--dump-dom", url],
        capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    return done.stdout


def test_the_front_view_draws_every_member_in_the_chart_of_each_pair(
    served: tuple[str, Links, int], tmp_path: Path
) -> None:
    base, links, members = served
    drawn: list[list[int]] = []

    def all_drawn() -> bool:
        page = seen(base + links.front, tmp_path)
        drawn.append([chart.count('<path class="point"') for chart in page.split("js-plotly-plot")[1:]])
        return drawn[-1][:3] == [members] * 3 and "1 Front" in page

    until(all_drawn, f"{members} dots in three charts; so far {drawn}")
    assert members > 3


@pytest.mark.parametrize(
    ("page", "words"),
    [("trials", ["2 All trials", "t0000"]), ("progress", ["3 Progress", "hypervolume"]), ("run", ["Child runs"])],
)
def test_every_other_link_opens_what_it_names(
    served: tuple[str, Links, int], tmp_path: Path, page: str, words: list[str]
) -> None:
    base, links, _ = served
    until(lambda: all(word in seen(base + getattr(links, page), tmp_path) for word in words), f"{words} in {page}")


def test_the_page_of_the_front_opens_in_its_sandbox(served: tuple[str, Links, int], tmp_path: Path) -> None:
    base, links, _ = served
    until(lambda: '<iframe src="blob:' in seen(base + links.page, tmp_path), "front.html in its frame")
