"""`search ui`: the MLflow UI on this machine only, with the link to the front."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from search import follower
from search.errors import StoreError
from search.store import Store

HOST = "127.0.0.1"  # there is no login: whoever reaches the port can read and change everything
PATIENCE = 120.0  # seconds until the server must answer


def run(home: Path, storage: str | None, name: str | None, port: int, *, announce: Callable[[str], None]) -> None:
    """Bring the record up to date, serve it, print the link, and stay until Ctrl-C."""
    store = Store(home, storage)
    if not store.names():
        raise StoreError("ui", expected=f"a study in {home}", hint="Start one with: search launch NAME")
    full = store.resolve(name) if name else store.names()[-1]
    links = follower.mirror(home, storage, full)
    free = _free(port)
    if free != port:
        announce(f"Port {port} is in use; taking {free}.")
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(free), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{(home / 'mlflow.db').resolve()}",
        "--artifacts-destination", str((home / "artifacts").resolve()),
    ]  # fmt: skip
    with (home / "ui.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(server, free, home / "ui.log")
        base = f"http://{HOST}:{free}"
        announce(
            f"The front of {full}:\n  {base}{links['front']}\nAll trials:\n  {base}{links['trials']}\nCtrl-C ends it."
        )
        server.wait()
    except KeyboardInterrupt:
        announce("")
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def _free(port: int) -> int:
    """``port`` or the next one that nobody listens on."""
    for candidate in range(port, port + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, candidate))
            except OSError:
                continue
            return candidate
    raise StoreError("ui --port", expected="a free port", got=port)


def _wait(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if server.poll() is not None:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise StoreError("ui", expected="the MLflow server to start", got=" ".join(last), hint=f"See {log}.")
        try:
            with urlopen(f"http://{HOST}:{port}/health", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.3)
    raise StoreError("ui", expected=f"the MLflow server to answer within {PATIENCE:.0f} s", hint=f"See {log}.")
