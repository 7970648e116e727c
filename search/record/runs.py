"""Runs as they are in MLflow -> runs as they must be, by the fewest writes; any write may be the last, and be repeated.

A run's ``log_batch`` holds its new metrics, params and tags; its tag ``logged`` says which metrics it has.
A run that holds what it must not (another attempt's params or metrics, which MLflow cannot change) is
deleted and made anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from search.record.wanted import Wanted, written

if TYPE_CHECKING:
    from mlflow import MlflowClient

PAGE = 1000  # runs a query: MLflow cuts a longer answer without a word
BATCH = 1000  # metrics, params and tags of one call together
KEYS = 100  # params, or tags, of one call


@dataclass(frozen=True)
class Actual:
    """A run as it is, as far as this mirror wrote or read it."""

    id: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    status: str
    ended: int

    @property
    def logged(self) -> int:
        """How many of its metrics it has."""
        return int(self.tags.get("logged", "0").split()[0])

    def continues(self, wanted: Wanted) -> bool:
        """Whether what it holds is the beginning of what it must hold."""
        count = self.logged
        same = not count or (count <= len(wanted.metrics) and self.tags["logged"] == written(wanted.metrics, count))
        return same and all(wanted.params.get(name) == value for name, value in self.params.items())


class Runs:
    """The runs of one experiment that have the tags ``identity``, read once and then followed."""

    def __init__(self, client: "MlflowClient", experiment: str, identity: Mapping[str, str]):
        self.client, self.experiment, self.identity = client, experiment, identity
        self.actual: dict[str, Actual] = {}
        token = None
        while True:
            page = client.search_runs([experiment], max_results=PAGE, page_token=token)
            for run in page:
                self._read(run)
            token = page.token
            if not token:
                return

    def ensure(self, wanted: Wanted) -> str:
        """The id of the run, which is made where there is none that can become it."""
        known = self.actual.get(wanted.name)
        if known and known.continues(wanted):
            return known.id
        if known:
            self.client.delete_run(known.id)
            del self.actual[wanted.name]
        tags = {name: value for name, value in wanted.tags.items() if value is not None}
        run = self.client.create_run(self.experiment, wanted.started or None, tags, run_name=wanted.name)
        self.actual[wanted.name] = Actual(run.info.run_id, tags, {}, "RUNNING", 0)
        return str(run.info.run_id)

    def write(self, wanted: Wanted) -> str:
        """The id of the run, which now is as it must be."""
        run_id = self.ensure(wanted)
        self._log(wanted)
        known = self.actual[wanted.name]
        for name in [name for name, value in wanted.tags.items() if value is None and name in known.tags]:
            self.client.delete_tag(run_id, name)
            known = replace(known, tags={key: value for key, value in known.tags.items() if key != name})
        if wanted.status == "RUNNING" and known.status != "RUNNING":
            self.client.update_run(run_id, status="RUNNING")
        elif wanted.status != "RUNNING" and (known.status, known.ended) != (wanted.status, wanted.ended or known.ended):
            self.client.set_terminated(run_id, wanted.status, wanted.ended or None)
        self.actual[wanted.name] = replace(known, status=wanted.status, ended=wanted.ended)
        return run_id

    def tag(self, name: str, tags: Mapping[str, str]) -> None:
        """Tags on top of what a run must have."""
        known = self.actual[name]
        for tag, value in tags.items():
            if known.tags.get(tag) != value:
                self.client.set_tag(known.id, tag, value, synchronous=True)
        self.actual[name] = replace(known, tags={**known.tags, **tags})

    def _log(self, wanted: Wanted) -> None:
        from mlflow.entities import Metric, Param, RunTag

        known = self.actual[wanted.name]
        metrics = [Metric(*metric) for metric in wanted.metrics[known.logged :]]
        params = [Param(name, value) for name, value in wanted.params.items() if name not in known.params]
        must = {**wanted.tags, "logged": written(wanted.metrics, len(wanted.metrics))}
        new = {name: value for name, value in must.items() if value is not None and known.tags.get(name) != value}
        tags = [RunTag(name, value) for name, value in new.items()]
        calls: list[tuple[Any, Any, Any]] = [(metrics, params, tags)]
        if len(metrics) + len(params) + len(tags) > BATCH or max(len(params), len(tags)) > KEYS:
            calls = [(some, [], []) for some in _chunks(metrics, BATCH)]
            calls += [([], some, []) for some in _chunks(params, KEYS)]
            calls += [([], [], some) for some in _chunks(tags, KEYS)]  # last: `logged` is true once it is there
        for call in calls:
            if any(call):
                self.client.log_batch(known.id, *call, synchronous=True)
        self.actual[wanted.name] = replace(known, tags={**known.tags, **new}, params=dict(wanted.params))

    def _read(self, run: Any) -> None:
        """One run of a page; the second of two with one name is what a lost answer left behind."""
        tags = run.data.tags
        name = tags.get("trial") or ("study" if tags.get("kind") == "study" else None)
        if name is None or any(tags.get(tag) != value for tag, value in self.identity.items()):
            return  # a user's own run
        found = Actual(run.info.run_id, tags, run.data.params, run.info.status, run.info.end_time or 0)
        if name in self.actual:
            found, spare = sorted((found, self.actual[name]), key=lambda each: (-each.logged, each.id))
            self.client.delete_run(spare.id)
        self.actual[name] = found


def _chunks(entities: list[Any], size: int) -> list[list[Any]]:
    return [entities[start : start + size] for start in range(0, len(entities), size)]
