"""A member of a front in MLflow's model registry: a version of a registered model, perhaps with an alias.

The exported folder becomes an artifact of the member's own run, so the version leads to its lineage and its curves. The
same member registered again under the same name is the same version, and only the alias moves.
"""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search.errors import SearchError
from search.record import connection

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PLACE = "model"  # among the run's artifacts


@dataclass(frozen=True, kw_only=True)
class Registered:
    """``uri``: what MLflow loads it by."""

    name: str
    version: str
    uri: str


def parse(text: str) -> tuple[str, str | None]:
    """NAME or NAME@ALIAS.

    >>> parse("digits@champion"), parse("digits")
    (('digits', 'champion'), ('digits', None))
    """
    name, at, alias = text.partition("@")
    wrong = not name or (at and not alias) or any(sign in text for sign in "/:'") or alias.lower() == "latest"
    if wrong or (alias[:1].lower() == "v" and alias[1:].isdigit()):
        expected = "NAME or NAME@ALIAS without / : and ', the alias neither 'latest' nor as v1"
        raise SearchError("--register", expected=expected, got=text)
    return name, alias or None


def register(
    home: Path, study: str, generation: int, member: str, folder: Path, name: str, alias: str | None = None
) -> Registered:
    """``member``: its id, whose run must be there; ``folder``: its export. StoreError where MLflow refuses."""
    home = Path(home).resolve()
    with connection.writing(home, uuid.uuid4()), connection.answering():
        client = connection.connect(home, None)
        mine = connection.mine(study, generation)
        (experiment,) = client.search_experiments(filter_string=mine, max_results=1)
        wanted = f"{mine} AND attributes.run_name = '{member}'"
        (run,) = client.search_runs([experiment.experiment_id], wanted, max_results=1)
        client.log_artifacts(run.info.run_id, str(folder), PLACE)
        version = _version(client, name, run, {"study": study, "member": member}, folder / "README.md")
        if alias:
            client.set_registered_model_alias(name, alias, version)
    uri = f"models:/{name}@{alias}" if alias else f"models:/{name}/{version}"
    return Registered(name=name, version=version, uri=uri)


def _version(client: "MlflowClient", name: str, run: "Run", tags: dict[str, str], card: Path) -> str:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    known = client.search_model_versions(f"name = '{name}'")
    same = [each for each in known if each.run_id == run.info.run_id]
    if not same:
        source, text = f"{run.info.artifact_uri}/{PLACE}", card.read_text(encoding="utf-8")
        same = [client.create_model_version(name, source, run.info.run_id, tags=tags, description=text)]
    return str(same[0].version)
