"""A client of MLflow's tracking store, and the right to write to it; no global state of MLflow is touched.

A fresh home gets its database under another name first: MLflow's migrations take seconds, and one that is
killed in the middle leaves tables that no later one can mend.
"""

import fcntl
import logging
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from search.errors import StoreError
from search.record.text import redact

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCK_SECONDS = 120.0
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
HTTP_SETTINGS = {  # with MLflow's own, a server that is down blocks one call for minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def connect(home: Path, uri: str | None) -> "MlflowClient":
    """A client of ``uri``, or of the sqlite file of ``home``, which is made where it is missing."""
    for name, value in {**SETTINGS, **(HTTP_SETTINGS if (uri or "").startswith("http") else {})}.items():
        os.environ.setdefault(name, value)
    for chatty in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    if uri is None:
        database = home / "mlflow.db"
        uri = f"sqlite:///{database}"
        if not database.exists():
            for leftover in home.glob("mlflow.db*"):  # a journal or a log would be replayed into the new file
                leftover.unlink()
            draft = home / "mlflow.db.new"
            _finish(MlflowClient(f"sqlite:///{draft}", registry_uri=uri), draft)
            os.replace(draft, database)
    return MlflowClient(uri, registry_uri=uri)


def mine(study: str, generation: int) -> str:
    """What finds a study's experiment and runs: tags, as names may have been taken or changed."""
    return f"tags.study = '{study}' AND tags.generation = '{generation}'"


@contextmanager
def answering() -> Iterator[None]:
    """What MLflow or its database refuses is one StoreError."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("mlflow", "sqlalchemy"):
            raise
        got = redact(" ".join(str(error).split()))[:400]
        raise StoreError("MLflow", expected="a store that takes what it is given", got=got) from None


@contextmanager
def writing(home: Path, me: uuid.UUID) -> Iterator[bool]:
    """The right to write to ``home``, waited for; yields whether the last who had it was ``me``, too."""
    with open(home / "mlflow.lock", "a+", encoding="utf-8") as lock:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    where = str(home / "mlflow.lock")
                    raise StoreError(where, expected="no other writer", got="one that holds on") from None
                time.sleep(0.05)
        lock.seek(0)
        mine = lock.read() == str(me)
        if not mine:
            lock.truncate(0)
            lock.write(str(me))
            lock.flush()
        yield mine


def _finish(client: "MlflowClient", file: Path) -> None:
    """Bring a fresh database to rest, in the mode in which a commit waits for the disk once and readers never wait."""
    client._tracking_client.store.engine.dispose()
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = WAL")
