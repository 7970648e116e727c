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
import json
import os
import socket
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeVar

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search import earlier, identity, study
from search.errors import StoreError, near_miss, one_of
from search.space import Choice, Float, Integer, Simplex, Space
from search.study import Study, StudyFile
from search.trial import Failure, Trial
from search.trust import Trust

T = TypeVar("T")
STALE_SECONDS = 600.0  # a lease of another machine that has not been renewed for so long may be taken
STATES = {
    "running": TrialState.RUNNING,
    "finished": TrialState.COMPLETE,
    "stopped": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one trial says at a rung. ``state`` other than running ends it."""

    number: int
    step: int
    state: str
    seconds: float
    values: Mapping[str, float]
    report_values: Mapping[str, float]
    failure: Failure | None = None
    base: str | None = None
    refused: int = 0
    place: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "failure": vars(self.failure) if self.failure else None}


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
        found: dict[int, Trial] = {}
        for event in self.events(name):
            if event["kind"] == "admit":
                for entry in event["trials"]:
                    lists = {key: tuple(entry.get(key, ())) for key in ("parents", "coefficients", "promised")}
                    found[entry["number"]] = Trial(**{**entry, **lists}, started=event["time"])
            elif event["kind"] == "rung":
                for row in event["rows"]:
                    found[row["number"]] = told(found[row["number"]], row, event["time"], made)
            elif event["kind"] == "retry":
                for number in event["numbers"]:
                    found[number] = replace(found[number], retries=found[number].retries + 1)
        return [found[number] for number in sorted(found)]

    def load(self, name: str) -> tuple[Study, str, list[Trial]]:
        """The newest generation of a study, or the one that is asked for; its full name, and its trials."""
        full = self.resolve(name)
        made = self.study(full)
        return made, full, self.trials(full, made)

    def checkpoints(self, name: str) -> dict[int, str]:
        """Trial number -> the checkpoint that holds it, of every trial that went on after its last rung."""
        found: dict[int, str] = {}
        for event in self.events(name):
            for row in event["rows"] if event["kind"] == "rung" else ():
                if row["state"] == "running" and event["checkpoint"]:
                    found[row["number"]] = event["checkpoint"]
                else:
                    found.pop(row["number"], None)
        return found

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
        study_id = self.storage.get_study_id_from_name(name)
        rows = self.storage.get_all_trials(study_id, deepcopy=False)
        ended = max((trial.number for trial in trials if trial.state != "running"), default=-1)
        distributions = _distributions(made.space, [row.distributions for row in rows])
        for trial in trials:
            if trial.number < len(rows):
                if rows[trial.number].state == TrialState.RUNNING and trial.state != "running":
                    values = _optuna_values(trial, made)
                    self.storage.set_trial_state_values(rows[trial.number]._trial_id, STATES[trial.state], values)
            elif trial.number <= ended:
                self.storage.create_new_trial(study_id, _template(trial, made, distributions))

    @contextlib.contextmanager
    def lease(self, name: str) -> Iterator[bool]:
        """Only one process writes a study. A lock of the operating system on this machine, which dies with its
        process; towards other machines a row with host and process that every rung renews.

        Says whether the last holder was killed: it never gave the lease back."""
        folder = self.folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("a+") as lock:
            _lock(lock, name)
            held = self._attributes(name).get("lease")
            if held and held["host"] != socket.gethostname() and time.time() - held["time"] < STALE_SECONDS:
                age = round(time.time() - held["time"])
                raise StoreError(
                    f"study {name!r}", expected="nobody else at work on it",
                    got=f"a launch on {held['host']} that was alive {age} s ago",
                    hint=f"It may be taken over {STALE_SECONDS:.0f} s after its last sign of life.",
                )  # fmt: skip
            self.renew(name)
            try:
                yield bool(held)
            finally:
                self._set(name, "lease", None)

    def renew(self, name: str) -> None:
        """A sign of life."""
        self._set(name, "lease", {"host": socket.gethostname(), "pid": os.getpid(), "time": time.time()})

    def running(self, name: str) -> bool:
        """Whether a launch is at work on the study now."""
        with contextlib.suppress(FileNotFoundError), (self.folder(name) / "lock").open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

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


def told(trial: Trial, row: Mapping[str, Any], at: float, made: Study) -> Trial:
    """A trial after a row of a rung."""
    values, failure = row["values"], row["failure"]
    ended = row["state"] != "running"
    whole = all(each.name in values for each in (*made.objectives, *made.constraints))
    judged = whole and row["state"] in ("finished", "stopped")
    step, losses = row["step"], made.losses(values) if whole else ()
    return replace(
        trial,
        state=row["state"],
        step=step,
        seconds=row["seconds"],
        values=values,
        report_values=row["report_values"],
        losses=losses if judged else (),
        violations=made.violations(values) if judged else (),
        curve=_with(trial.curve, step, values),
        loss_curve=_with(trial.loss_curve, step, losses),
        failure=Failure(**failure) if failure else None,
        base=row["base"] or trial.base,
        refused=row.get("refused", 0),
        retries=0,
        place=row.get("place", ""),
        ended=at if ended else 0.0,
    )


def _with(curve: tuple[tuple[int, T], ...], step: int, values: T) -> tuple[tuple[int, T], ...]:
    """A curve with what was seen at ``step``, if anything was, in place of what was seen from there on."""
    return (*(point for point in curve if point[0] < step), *([(step, values)] if values else []))


def _distributions(
    space: Space, known: Sequence[Mapping[str, BaseDistribution]] = ()
) -> dict[str, tuple[str, BaseDistribution]]:
    """Our name of a param -> Optuna's name and distribution.

    Optuna lets no choice gain options, so an extended one goes on under another name: ``optimizer (3 options)``.
    """
    found: dict[str, tuple[str, BaseDistribution]] = {}
    for dimension in space.dimensions:
        match dimension:
            case Float():
                found[dimension.name] = (
                    dimension.name,
                    FloatDistribution(dimension.low, dimension.high, log=dimension.log),
                )
            case Integer():
                found[dimension.name] = (
                    dimension.name,
                    IntDistribution(dimension.low, dimension.high, log=dimension.log),
                )
            case Choice():
                options = CategoricalDistribution(dimension.options)
                extended = any(each.get(dimension.name, options) != options for each in known)
                name = f"{dimension.name} ({len(dimension.options)} options)" if extended else dimension.name
                found[dimension.name] = name, options
            case Simplex():
                parts = [f"{dimension.name}.{each}" for each in dimension.names]
                found.update({part: (part, FloatDistribution(0.0, 1.0)) for part in parts})
    return found


def _template(trial: Trial, made: Study, distributions: Mapping[str, tuple[str, BaseDistribution]]) -> FrozenTrial:
    kept = {key: value for key, value in trial.params.items() if key in distributions and not trial.parents}
    merged = {"parents": list(trial.parents), "coefficients": list(trial.coefficients)} if trial.parents else {}
    ended = trial.state != "running"
    return FrozenTrial(
        number=-1, trial_id=-1, state=STATES[trial.state], value=None, values=_optuna_values(trial, made),
        datetime_start=datetime.fromtimestamp(trial.started),
        datetime_complete=datetime.fromtimestamp(trial.ended) if ended else None,
        params={distributions[key][0]: value for key, value in kept.items()},
        distributions=dict(distributions[key] for key in kept),
        user_attrs={"search": {"id": trial.id, **merged}}, system_attrs={}, intermediate_values={},
    )  # fmt: skip


def _optuna_values(trial: Trial, made: Study) -> list[float] | None:
    return [trial.values[objective.name] for objective in made.objectives] if trial.complete else None


def _write_ahead(storage: RDBStorage) -> None:
    """sqlite without a flush to disk per commit: a killed process loses nothing, and a commit takes milliseconds."""
    from sqlalchemy import event

    @event.listens_for(storage.engine, "connect")
    def _(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    storage.engine.dispose()


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
