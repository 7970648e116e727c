"""The MLflow record of a launch, kept by a process of its own: ``python -m search.follower HOME URL NAME``.

It reads the store every few seconds and mirrors what is new, so the launch never imports MLflow and never
waits for it. It ends when its input closes, which also happens when the launch is killed: the record is then
brought up to the last committed event all the same.
"""

import contextlib
import json
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

EVERY = 3.0  # seconds between two looks at the store
PATIENCE = 300.0  # seconds that the last words may take


class Follower:
    """The launch's end of it."""

    def __init__(self, home: Path, url: str, name: str) -> None:
        folder = home / name
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "mirror.log"
        self.links: dict[str, str] = {}
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "search.follower", str(home), url, name, json.dumps(sys.path)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip

    def finish(self) -> None:
        """Wait until everything that is stored is in MLflow; a mirror that failed is reported, not raised."""
        try:
            out, _ = self._process.communicate("", timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return
        if self._process.returncode == 0 and out.strip():
            self.links = json.loads(out.strip().splitlines()[-1])

    @property
    def failed(self) -> bool:
        return self._process.poll() not in (None, 0)

    def close(self) -> None:
        """End it now; what it has not written, the next launch or `search sync` will."""
        if self._process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired, OSError):
                self._process.communicate("", timeout=PATIENCE)
            self._process.kill()


def generation(name: str) -> int:
    """How many studies of this name were begun before it.

    >>> generation("digits"), generation("digits@3")
    (0, 2)
    """
    return int(name.rsplit("@", 1)[1]) - 1 if "@" in name else 0


def mirror(home: Path, url: str | None, name: str, *, waiting: Any = None) -> dict[str, str]:
    """Bring MLflow up to the store, once, or with ``waiting`` (a stream) again and again until it closes."""
    from search import front
    from search.record import Mirror
    from search.store import Store

    store = Store(home, url)
    made, mirrored, seen, ended = store.study(name), Mirror(home), -1, waiting is None
    links: dict[str, str] = {}
    while True:
        if waiting is not None and not ended:
            ready, _, _ = select.select([waiting], [], [], 0.0 if seen < 0 else EVERY)
            ended = bool(ready) and waiting.read(1) == ""
        events = store.events(name)
        if len(events) != seen or ended:
            seen, trials = len(events), store.trials(name, made)
            done = all(trial.state != "running" for trial in trials)
            status = "finished" if done else "interrupted" if ended else "running"
            found = mirrored.sync(
                made, trials, front.build(made, trials), weights=store.folder(name) / "weights", status=status,
                generation=generation(name),
            )  # fmt: skip
            links = vars(found)
            store.project(name, trials, made)
        if ended:
            return links


def _main() -> None:
    home, url, name, path = sys.argv[1:]
    sys.path += [place for place in json.loads(path) if place not in sys.path]  # the study's own modules
    print(json.dumps(mirror(Path(home), url, name, waiting=sys.stdin)))


if __name__ == "__main__":
    _main()
