"""The truth: the events of a study, on Optuna's storage (an sqlite file, or any URL that Optuna takes).

A study is a list of events, each one JSON attribute and one commit: ``admit`` (a batch of trials with their
params), ``rung`` (what the trials of a population reported, which of them ended, and the name of the
checkpoint to go on from), ``extend``. Folding the events gives the trials. Whatever process dies between
two commits loses only what came after the last one, and a batch is admitted whole or not at all.

Optuna's own trial rows are a projection of the events, made from template trials and repaired whenever it is
made, so that every tool that reads an Optuna study reads ours: trial t0042 is Optuna's number 42. Whoever
keeps the record makes the projection, since a row costs as many statements as the trial has params.
"""

import contextlib
import fcntl
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.study import StudyDirection

from search import earlier, identity, study
from search.errors import StoreError, near_miss, one_of
from search.store import events, leases, projection
from search.store.events import Row as Row
from search.store.events import told as told
from search.study import Study, StudyFile
from search.trial import Trial
from search.trust import Trust


class Store:
    """The studies of one home folder. ``url``: an Optuna storage URL; the default is an sqlite file in ``home``."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        self.home, self.url = home, url or f"sqlite:///{home / 'search.db'}"
        self._opened: RDBStorage | None = None
        self._counts: dict[str, int] = {}  # events of a study: only its writer makes them, so they are counted once

    @property
    def exists(self) -> bool:
        """Whether there is anything to read; a file that is not there is not made by asking."""
        return not self.url.startswith("sqlite:///") or Path(self.url.removeprefix("sqlite:///")).exists()

    @property
    def storage(self) -> RDBStorage:
        """Optuna's storage; opened, and if need be created, at first use."""
        if self._opened is None:
            optuna.logging.set_verbosity(optuna.logging.WARNING)
            self.home.mkdir(parents=True, exist_ok=True)
            local = self.url.startswith("sqlite")
            with (self.home / "opening").open("a") as lock:  # two first launches must not both make the tables
                fcntl.flock(lock, fcntl.LOCK_EX)
                # a commit of another process is waited for, not an error
                self._opened = RDBStorage(self.url, engine_kwargs={"connect_args": {"timeout": 60}} if local else None)
            if local:
                _write_ahead(self._opened)
            weakref.finalize(self, self._opened.engine.dispose)  # connections end with the store, not with the process
        return self._opened

    def names(self) -> list[str]:
        """The studies in order of creation; a study started afresh is ``NAME@2``, ``NAME@3``, ..."""
        return [found.study_name for found in self.storage.get_all_studies()] if self.exists else []

    def resolve(self, name: str) -> str:
        """The newest generation of a study, or the one that is asked for by ``NAME@2``."""
        known, generations = self.names(), self.generations(name)
        if "@" in name and name.removesuffix("@1") in known:
            return name.removesuffix("@1")
        if not generations:
            shown = list(dict.fromkeys(each.rsplit("@", 1)[0] for each in known))
            raise StoreError(
                f"study {name!r}",
                expected=f"{one_of(shown)} in {self.home}" if shown else f"a study that was launched in {self.home}",
                hint=near_miss(name, shown) or ("" if shown else "Start one with: search launch NAME"),
            )
        return generations[-1]

    def generations(self, name: str) -> list[str]:
        """``NAME``, ``NAME@2``, ... in order of creation; none where it was never launched."""
        return [each for each in self.names() if each.rsplit("@", 1)[0] == name]

    def create(self, made: Study, *, fresh: bool = False) -> str:
        """A new study, named after it or, where that is taken and ``fresh``, its next generation."""
        count = len(self.generations(made.name))
        name = made.name if not count else f"{made.name}@{count + 1}"
        assert fresh or not count
        directions = [
            StudyDirection.MINIMIZE if o.direction == "min" else StudyDirection.MAXIMIZE for o in made.objectives
        ]
        self.storage.create_new_study(directions, name)
        self.define(name, made)
        return name

    def define(self, name: str, made: Study, changes: Sequence[identity.Change] = ()) -> None:
        """Set what the study is; ``changes`` against what it was are kept with the trial number at which they came."""
        if changes:
            self._event(name, {"kind": "extend", "changes": [str(change) for change in changes]})
        source = {"file": made.file, "folder": made.folder, "table": made.table.model_dump(exclude_unset=True)}
        known = {"earlier": earlier.to_json(made.earlier)} if made.earlier else {}
        self._set(name, "study", {"definition": identity.definition(made), **source, **known})

    def study(self, name: str) -> Study:
        """The study as it is stored, without its file."""
        stored = self._attributes(name)["study"]
        made = study.resolve(StudyFile.model_validate(stored["table"]), stored["file"], stored["folder"])
        return replace(made, earlier=earlier.from_json(stored.get("earlier", [])))

    def earlier(self, name: str) -> earlier.Earlier:
        """What earlier studies told it when it was launched."""
        return earlier.from_json(self._attributes(name)["study"].get("earlier", []))

    def definition(self, name: str) -> identity.Definition:
        """The canonical definition under which the trials were made."""
        return dict(self._attributes(name)["study"]["definition"])

    def admit(self, name: str, trials: Sequence[Trial]) -> None:
        """A batch of new trials: all of them are in the study, or none."""
        kept = ("number", "params", "seed", "parents", "coefficients", "base", "promised")
        rows = [{key: getattr(trial, key) for key in kept if key != "promised" or trial.promised} for trial in trials]
        self._event(name, {"kind": "admit", "trials": rows})

    def rung(self, name: str, rows: Sequence[Row], *, checkpoint: str | None, clock: Mapping[str, float]) -> None:
        """What a population reported: the commit point of everything that happened since the last one."""
        entries = [row.to_json() for row in rows]
        self._event(name, {"kind": "rung", "rows": entries, "checkpoint": checkpoint, "clock": dict(clock)})

    def retry(self, name: str, numbers: Sequence[int]) -> None:
        """Trials that are begun again from their last rung, because their process was lost."""
        self._event(name, {"kind": "retry", "numbers": list(numbers)})

    def trials(self, name: str, made: Study) -> list[Trial]:
        """Every trial as the events tell it, by number."""
        return events.trials(self.events(name), made)

    def load(self, name: str) -> tuple[Study, str, list[Trial]]:
        """The newest generation of a study, or the one that is asked for; its full name, and its trials."""
        full = self.resolve(name)
        made = self.study(full)
        return made, full, self.trials(full, made)

    def checkpoints(self, name: str) -> dict[int, str]:
        """Trial number -> the checkpoint that holds it, of every trial that went on after its last rung."""
        return events.checkpoints(self.events(name))

    def keep_trust(self, name: str, told: Mapping[str, Any]) -> None:
        """How far the model was to be trusted when the launch ended: objective -> figures."""
        self._set(name, "trust", {aim: vars(each) for aim, each in told.items()})

    def trust(self, name: str) -> dict[str, Trust]:
        """Of the last launch that ended; nothing before."""
        return {aim: Trust(**each) for aim, each in (self._attributes(name).get("trust") or {}).items()}

    def keep_merge_error(self, name: str, told: Mapping[str, float]) -> None:
        """What the surrogate of merges was wrong by when they ended, cross-validated: objective -> its unit."""
        self._set(name, "merge_error", dict(told))

    def merge_error(self, name: str) -> dict[str, float]:
        """Of the last merges that ended; nothing before."""
        return dict(self._attributes(name).get("merge_error") or {})

    def clock(self, name: str) -> dict[str, float]:
        """Seconds by part over all launches."""
        total: dict[str, float] = {}
        for event in self.events(name):
            for part, seconds in event.get("clock", {}).items():
                total[part] = total.get(part, 0.0) + seconds
        return total

    def spend(self, name: str, clock: Mapping[str, float]) -> None:
        """Seconds that belong to no rung: the imports, the mirror's last words."""
        self._event(name, {"kind": "clock", "clock": dict(clock)})

    def events(self, name: str) -> list[dict[str, Any]]:
        """All events in order, each with its ``kind`` and ``time`` (seconds since the epoch)."""
        attributes = self._attributes(name)
        return [attributes[key] for key in sorted(attributes) if key.startswith("event:")]

    def project(self, name: str, trials: Sequence[Trial], made: Study) -> None:
        """Bring Optuna's rows up to the highest trial that has ended; idempotent, so a crash is mended."""
        projection.project(self.storage, name, trials, made)

    @contextlib.contextmanager
    def lease(self, name: str) -> Iterator[bool]:
        """Only one process writes a study. A lock of the operating system on this machine, which dies with its
        process; towards other machines a row with host and process that every rung renews.

        Says whether the last holder was killed: it never gave the lease back."""
        with leases.locked(self.folder(name), name):
            held = self._attributes(name).get("lease")
            leases.check(held, name)
            self.renew(name)
            try:
                yield bool(held)
            finally:
                self._set(name, "lease", None)

    def renew(self, name: str) -> None:
        """A sign of life."""
        self._set(name, "lease", leases.sign())

    def running(self, name: str) -> bool:
        """Whether a launch is at work on the study now."""
        return leases.is_locked(self.folder(name))

    def folder(self, name: str) -> Path:
        """Where the study keeps what is no event: checkpoints and weights."""
        return self.home / name

    def _attributes(self, name: str) -> dict[str, Any]:
        return self.storage.get_study_user_attrs(self.storage.get_study_id_from_name(name))

    def _set(self, name: str, key: str, value: Any) -> None:
        self.storage.set_study_user_attr(self.storage.get_study_id_from_name(name), key, value)

    def _event(self, name: str, event: dict[str, Any]) -> None:
        if name not in self._counts:
            self._counts[name] = len(self.events(name))
        self._set(name, f"event:{self._counts[name]:06d}", {**event, "time": time.time()})
        self._counts[name] += 1


def _write_ahead(storage: RDBStorage) -> None:
    """sqlite without a flush to disk per commit: a killed process loses nothing, and a commit takes milliseconds."""
    from sqlalchemy import event

    @event.listens_for(storage.engine, "connect")
    def _(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    storage.engine.dispose()
