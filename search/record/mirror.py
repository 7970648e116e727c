"""The mirror of a study in MLflow."""

import dataclasses
import hashlib
import json
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import search
from search import figures
from search.errors import StoreError
from search.front import Front
from search.record import connection, pages, wanted
from search.record.pages import Links
from search.record.runs import Runs
from search.record.text import clean, redact
from search.study import Study
from search.trial import Trial

if TYPE_CHECKING:
    from mlflow import MlflowClient

HTML_SECONDS = 60.0  # front.html holds all of plotly, so a study that runs writes it no more often
STALE = {"RESOURCE_DOES_NOT_EXIST", "INVALID_STATE", "INVALID_PARAMETER_VALUE"}  # what writing to a deleted run gives
log = logging.getLogger(__name__)


class Mirror:
    """Writes studies of ``home`` to MLflow: to ``home/mlflow.db`` and ``home/artifacts``, or to what ``uri`` names.

    ``sync`` may be called at any time and killed at any time: what it writes depends on its arguments alone, and
    what is there already is not written again. Between two calls the mirror remembers what it wrote; when
    another mirror has written in the meantime it reads everything anew. A run that must be otherwise in what
    MLflow cannot change, such as a second attempt at a trial, goes to MLflow's trash and is made anew; runs and
    tags that a user adds are left alone.
    """

    def __init__(self, home: Path, *, uri: str | None = None):
        self.home, self.uri = Path(home).resolve(), uri
        self._me = uuid.uuid4()
        self._client: MlflowClient | None = None
        self._studies: dict[tuple[str, int], _Mirrored] = {}

    def sync(
        self,
        study: Study,
        trials: Sequence[Trial],
        front: Front,
        *,
        weights: Path | None = None,
        status: str = "running",
        notes: Mapping[str, Any] | None = None,
        generation: int = 0,
    ) -> Links:
        """Make MLflow hold exactly this study.

        ``trials``: all of them so far. ``weights``: the folder of ``<id>.safetensors``; those of the front's
        members become artifacts of their runs once the study no longer runs, so that passers-by are never
        copied, and stay there. ``status``: running, finished, failed, or another word for a study cut short.
        ``generation``: how many studies of this name were begun before it. StoreError when MLflow refuses.
        """
        key = (study.name, generation)
        given = _Given(study, tuple(trials), _clean_front(front), weights, status, clean(notes or {}))
        self.home.mkdir(parents=True, exist_ok=True)
        with connection.writing(self.home, self._me) as undisturbed:
            if not undisturbed:
                self._studies.clear()
            remembered = key in self._studies
            with connection.answering():
                try:
                    return self._sync(key, given)
                except Exception as error:
                    self._studies.pop(key, None)
                    if not remembered or getattr(error, "error_code", None) not in STALE:
                        raise
                    return self._sync(key, given)  # somebody deleted what was remembered: read it anew

    def _sync(self, key: tuple[str, int], given: "_Given") -> Links:
        if self._client is None:
            self._client = connection.connect(self.home, self.uri)
        if key not in self._studies:
            served = (self.uri or "").startswith("http")
            self._studies[key] = _Mirrored(self._client, None if served else self.home, *key)
        return self._studies[key].sync(given)


@dataclasses.dataclass(frozen=True)
class _Given:
    """What MLflow must show."""

    study: Study
    trials: tuple[Trial, ...]
    front: Front
    weights: Path | None
    status: str
    notes: Mapping[str, Any]


class _Mirrored:
    """One study's experiment, and what is known to be in it."""

    def __init__(self, client: "MlflowClient", home: Path | None, name: str, generation: int):
        """``home``: where its artifacts go, or None where a server decides."""
        self.client = client
        self.identity = {"study": name, "generation": str(generation)}
        self.experiment = _experiment(client, home, name, generation)
        self.tags: dict[str, str] = dict(self.experiment.tags)
        self.runs = Runs(client, self.experiment.experiment_id, self.identity)
        self.seen: dict[str, Any] = {}  # trial id -> what its run was last made from
        self.present: set[str] | None = None  # artifacts of the study run that were found there
        self.page_written = -HTML_SECONDS
        self.last: tuple[_Given, bool] | None = None

    def sync(self, given: _Given) -> Links:
        experiment = self.experiment.experiment_id
        if self.last and self.last == (given, True):
            return pages.links(experiment, self.runs.actual["study"].id)
        study, front = given.study, given.front
        defined, digest = wanted.definition(study)
        common = {**self.identity, "definition": digest}
        parent = wanted.study_run(study, given.trials, front, given.status, given.notes)
        parent = dataclasses.replace(parent, tags={**common, **parent.tags})
        run = self.runs.ensure(parent)
        self._trials(given, {**common, "mlflow.parentRunId": run})
        members = {name: actual.id for name, actual in self.runs.actual.items()}
        note = {"mlflow.note.content": pages.study_note(front, experiment, members)}
        whole = self._artifacts(run, given, defined)
        self._cosmetics({**common, **pages.experiment_tags(front, experiment, run, self.experiment.creation_time)})
        self.runs.write(dataclasses.replace(parent, tags={**parent.tags, **note}))  # last: its status says all is there
        self.last = (given, whole)
        return pages.links(experiment, run)

    def _trials(self, given: _Given, common: Mapping[str, str]) -> None:
        charted = wanted.charted(given.front)
        points = {point.id: point for point in given.front.points}
        ids = {trial.number: trial.id for trial in given.trials}
        for trial in wanted.shown(given.trials):
            point = points.get(trial.id)
            place = wanted.place(trial, point, None if charted is None else trial.id in charted)
            made_from = (trial, place, common)
            if self.seen.get(trial.id) != made_from:
                run = wanted.trial_run(trial, ids, given.front.reference)
                self.runs.write(dataclasses.replace(run, tags={**common, **run.tags, **place}))
                self.seen[trial.id] = made_from
            if trial.failure and "\n" in trial.failure.message:
                self._traceback(trial.id, redact(trial.failure.message))
            if point and given.weights and given.status != "running":
                self._weights(trial.id, given.weights / f"{trial.id}.safetensors")

    def _traceback(self, name: str, message: str) -> None:
        known = self.runs.actual[name]
        if "traceback" not in known.tags:
            self.client.log_text(known.id, message, "failure.txt")
            self.runs.tag(name, {"traceback": "failure.txt"})

    def _weights(self, name: str, path: Path) -> None:
        known = self.runs.actual[name]
        if "weights" not in known.tags and path.is_file():
            self.client.log_artifact(known.id, str(path), "weights")
            self.runs.tag(name, {"weights": f"weights/{path.name}"})

    def _artifacts(self, run: str, given: _Given, defined: Mapping[str, Any]) -> bool:
        """Write what changed; False where front.html has to wait for its turn."""
        facts = [(t.id, t.state, t.values, t.violations, t.failure and t.failure.cause) for t in given.trials]
        texts = {
            "front/front.json": given.front.dumps(),
            "front/front.csv": given.front.to_csv(),
            "definition.json": json.dumps(clean(defined), indent=1),
        }
        sources = {**texts, pages.PAGE: repr((given.front.to_json(), facts, search.__version__))}
        if self.present is None:
            listed = [*self.client.list_artifacts(run), *self.client.list_artifacts(run, "front")]
            self.present = {entry.path for entry in listed}
        held: dict[str, str] = json.loads(self.runs.actual["study"].tags.get("artifacts", "{}"))
        digests = {path: hashlib.sha256(source.encode()).hexdigest()[:12] for path, source in sources.items()}
        stale = [path for path in sources if held.get(path) != digests[path] or path not in self.present]
        early = time.monotonic() - self.page_written < HTML_SECONDS
        if given.status == "running" and pages.PAGE in self.present and early:
            stale = [path for path in stale if path != pages.PAGE]
        for path in stale:
            text = figures.page(given.front, given.trials) if path == pages.PAGE else texts[path]
            self.client.log_text(run, text, path)
            self.present.add(path)
            held[path] = digests[path]
            if path == pages.PAGE:
                self.page_written = time.monotonic()
        if stale:
            self.runs.tag("study", {"artifacts": json.dumps(held, sort_keys=True)})
        return held == digests

    def _cosmetics(self, tags: Mapping[str, str]) -> None:
        """Tags that only pages show; MLflow may refuse them."""
        from mlflow.exceptions import MlflowException

        for name, value in tags.items():
            if self.tags.get(name) == value:
                continue
            try:
                self.client.set_experiment_tag(self.experiment.experiment_id, name, value)
                self.tags[name] = value
            except MlflowException as error:
                log.warning("MLflow did not take %s: %s", name, redact(str(error)))


def _experiment(client: "MlflowClient", home: Path | None, name: str, generation: int) -> Any:
    """The study's experiment, made where there is none."""
    from mlflow.exceptions import MlflowException

    mine = connection.mine(name, generation)
    place = (home / "artifacts" / f"{name}.{generation}").as_uri() if home else None
    number = generation + 1
    while not (found := client.search_experiments(filter_string=mine, max_results=1)):
        try:
            title = name if number == 1 else f"{name} ({number})"
            client.create_experiment(title, place, {"study": name, "generation": str(generation)})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            number += 1
    if place and found[0].artifact_location != place:
        raise StoreError(
            "mlflow.db", expected=f"artifacts in {place}", got=found[0].artifact_location,
            hint="The folder was moved: delete mlflow.db and artifacts, and sync the study again.",
        )  # fmt: skip
    return found[0]


def _clean_front(front: Front) -> Front:
    points = tuple(dataclasses.replace(point, params=clean(point.params)) for point in front.points)
    return front if points == front.points else dataclasses.replace(front, points=points)
