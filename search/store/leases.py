"""Only one process writes a study: a lock of the operating system on this machine, a sign of life towards others."""

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from search.errors import StoreError

STALE_SECONDS = 600.0  # a lease of another machine that has not been renewed for so long may be taken


@contextlib.contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """The lock of a study's ``folder``, which dies with its process; refused where another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        _lock(lock, name)
        yield


def is_locked(folder: Path) -> bool:
    """Whether some process has it now."""
    with contextlib.suppress(FileNotFoundError), (folder / "lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def sign() -> dict[str, Any]:
    """Of life: who, and when."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "time": time.time()}


def check(held: Mapping[str, Any] | None, name: str) -> None:
    """Refuse a study that another machine gave a sign of life of not long ago."""
    if held and held["host"] != socket.gethostname() and time.time() - held["time"] < STALE_SECONDS:
        age = round(time.time() - held["time"])
        raise StoreError(
            f"study {name!r}", expected="nobody else at work on it",
            got=f"a launch on {held['host']} that was alive {age} s ago",
            hint=f"It may be taken over {STALE_SECONDS:.0f} s after its last sign of life.",
        )  # fmt: skip


def _lock(file: IO[str], name: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise StoreError(
            f"study {name!r}", expected="nobody else at work on it",
            got=f"a launch in process {json.loads(file.read() or '{}').get('pid', '?')}",
            hint="Watch it with: search status",
        ) from None  # fmt: skip
    file.truncate(0)
    file.write(json.dumps({"pid": os.getpid()}))
    file.flush()
