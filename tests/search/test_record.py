"""The mirror on a real MLflow store: one sqlite file for all tests, a study of its own for each."""

import contextlib
import itertools
import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search import figures
from search import front as fronts
from search.errors import StoreError
from search.record import Links, Mirror, connection, mirror, runs, wanted
from search.study import Study
from search.trial import Failure, Trial
from tests.search.mirrored import failed, finished, merged, running, study

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow.*")
WRITES = (
    "create_experiment", "create_run", "delete_run", "log_batch", "set_tag", "delete_tag", "set_terminated",
    "update_run", "log_text", "set_experiment_tag",
)  # fmt: skip
NAMES = (f"study-{number}" for number in itertools.count())
State = Sequence[Trial]


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose database is there; made in seconds, so once. Nothing is lost when the power fails, so no fsync."""
    from sqlalchemy import Engine, event

    def fast(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", fast)
    path = tmp_path_factory.mktemp("home")
    connection.connect(path, None)
    yield path
    event.remove(Engine, "connect", fast)


@pytest.fixture
def name() -> str:
    return next(NAMES)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the five megabytes of plotly."""
    monkeypatch.setattr(figures, "page", lambda front, trials: f"<p>{front.title}, {len(trials)}</p>")


def states(made: Study) -> list[State]:
    """A study as it grows: t0000 leaves the front, t0001 ends, a merged model joins, one diverges."""
    first, half = finished(made, 0, [2, 2]), finished(made, 1, [1, 3])
    under_way = running(made, 1, [values for _, values in half.curve[:2]])
    last = [first, half, finished(made, 2, [1.5, 1.5]), failed(made, 3), merged(made, 4, [3, 1], (0, 2))]
    return [[first, under_way], last]


def sync(on: Mirror, made: Study, trials: State, status: str = "running", **more: Any) -> Links:
    return on.sync(made, trials, fronts.build(made, trials), status=status, **more)


def rows(home: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as database:
        return database.execute(query, values).fetchall()


def contents(home: Path, name: str, generation: int = 0) -> dict[str, Any]:
    """All that MLflow holds of a study, without what differs between two mirrors of it: ids and when they were made."""
    experiments = rows(
        home, "SELECT experiment_id FROM experiment_tags WHERE key = 'study' AND value = ? INTERSECT "
        "SELECT experiment_id FROM experiment_tags WHERE key = 'generation' AND value = ?", name, str(generation),
    )  # fmt: skip
    assert len(experiments) == 1
    (experiment,) = experiments[0]
    active = rows(
        home, "SELECT run_uuid, name, status, start_time, end_time FROM runs WHERE experiment_id = ? "
        "AND lifecycle_stage = 'active' ORDER BY name", experiment,
    )  # fmt: skip
    names = {run: run_name for run, run_name, *_ in active}
    assert len(set(names.values())) == len(active)

    def plain(text: str) -> str:
        for run, run_name in names.items():
            text = text.replace(run, run_name)
        text = re.sub(r'"(createdAt|updatedAt)":\d+', r'"\1":0', text.replace(name, "NAME"))
        return re.sub(r"experiments/\d+/", "experiments/N/", text)

    found: dict[str, Any] = {"runs": [(run_name, *facts) for _, run_name, *facts in active]}
    tags = rows(home, "SELECT key, value FROM experiment_tags WHERE experiment_id = ?", experiment)
    found["experiment"] = {key: plain(value) for key, value in tags if key != "definition"}
    for run, run_name in names.items():
        held = rows(home, "SELECT key, value FROM tags WHERE run_uuid = ?", run)
        named = {key: plain(value) for key, value in held if key not in ("definition", "artifacts")}
        found[f"tags of {run_name}"] = named
        found[f"params of {run_name}"] = sorted(rows(home, "SELECT key, value FROM params WHERE run_uuid = ?", run))
        metrics = rows(home, "SELECT key, value, timestamp, step FROM metrics WHERE run_uuid = ?", run)
        found[f"metrics of {run_name}"] = sorted(metrics)
        folder = home / "artifacts" / f"{name}.{generation}" / run / "artifacts"
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        found[f"artifacts of {run_name}"] = {
            str(path.relative_to(folder)): re.sub("[0-9a-f]{64}", "HASH", plain(path.read_text())) for path in files
        }
    return found


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every write of the client from now on, by name."""
    from mlflow import MlflowClient

    made: list[str] = []

    def counting(method: str) -> None:
        original = getattr(MlflowClient, method)

        def counted(*arguments: Any, **named: Any) -> Any:
            made.append(method)
            return original(*arguments, **named)

        monkeypatch.setattr(MlflowClient, method, counted)

    for method in WRITES:
        counting(method)
    yield made


def test_a_study_becomes_one_experiment_one_parent_and_a_run_for_each_trial(home: Path, name: str) -> None:
    made = study(name)
    trials = states(made)[-1]
    sync(Mirror(home), made, trials, "finished")
    found = contents(home, name)
    statuses = {run: status for run, status, *_ in found["runs"]}
    assert statuses == {
        "study": "FINISHED", "t0000": "FINISHED", "t0001": "FINISHED", "t0002": "FINISHED", "t0003": "FAILED",
        "m0004": "FINISHED",
    }  # fmt: skip
    assert {found[f"tags of {trial.id}"]["mlflow.parentRunId"] for trial in trials} == {"study"}
    assert [run for run in statuses if found[f"tags of {run}"].get("front") == "yes"] == ["m0004", "t0001", "t0002"]
    times = {run: (start, end) for run, _, start, end in found["runs"]}
    assert times["t0001"] == (1_700_000_001_000, 1_700_000_006_000)
    assert ("learning_rate", repr(trials[0].params["learning_rate"])) in found["params of t0000"]
    assert ("error", 1.5, 1_700_000_007_000, 100) in found["metrics of t0002"]


def test_what_the_study_run_holds_can_be_read_back(home: Path, name: str) -> None:
    made = study(name)
    trials = states(made)[-1]
    front = fronts.build(made, trials)
    sync(Mirror(home), made, trials, "finished", notes={"device": "cpu"})
    found = contents(home, name)
    artifacts = found["artifacts of study"]
    points = json.loads(artifacts["front/front.json"])["points"]
    assert [point["id"] for point in points] == [point.id for point in front.points]
    assert artifacts["front/front.csv"].splitlines()[1].startswith("t0001,trained")
    assert json.loads(artifacts["definition.json"])["objectives"]["error"]["limit"] == 10.0
    steps = {step: value for key, value, _, step in found["metrics of study"] if key == "hypervolume"}
    assert steps == {number: pytest.approx(height) for number, height in front.curve}
    assert found["tags of study"]["note.device"] == "cpu"


def test_syncing_twice_writes_nothing_the_second_time(home: Path, name: str, calls: list[str]) -> None:
    made = study(name)
    trials, on = states(made)[-1], Mirror(home)
    links = sync(on, made, trials, "finished")
    before, written = contents(home, name), len(calls)
    assert written > 20
    assert sync(on, made, trials, "finished") == links
    assert sync(Mirror(home), made, trials, "finished") == links
    assert calls[written:] == [] and contents(home, name) == before


def test_an_artifact_is_written_again_only_when_it_changes_or_is_gone(home: Path, name: str, calls: list[str]) -> None:
    made = study(name)
    trials = states(made)[-1]
    sync(Mirror(home), made, trials, "finished")
    del calls[:]
    changed = [*trials, failed(made, 5)]  # the front stays, the page counts one more
    sync(Mirror(home), made, changed, "finished")
    assert calls.count("log_text") == 1
    page = next((home / "artifacts" / f"{name}.0").rglob("front.html"))
    page.unlink()
    sync(Mirror(home), made, changed, "finished")
    assert calls.count("log_text") == 2 and page.exists()


def test_a_running_study_writes_its_page_rarely_and_at_the_end(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, drawn, on = study(name), [], Mirror(home)
    monkeypatch.setattr(figures, "page", lambda front, trials: drawn.append(len(trials)) or f"<p>{len(trials)}</p>")
    trials = states(made)[-1]
    for count in (1, 2, 3):
        sync(on, made, trials[:count])
    assert drawn == [1]
    monkeypatch.setattr(mirror, "HTML_SECONDS", 0.0)
    sync(on, made, trials[:3])  # nothing new, but its turn has come
    assert drawn == [1, 3]
    monkeypatch.setattr(mirror, "HTML_SECONDS", 60.0)
    sync(on, made, trials, "finished")
    assert drawn == [1, 3, 5]


def test_a_mirror_that_grew_equals_one_that_was_made_at_the_end(home: Path) -> None:
    grown, at_once = next(NAMES), next(NAMES)
    on = Mirror(home)
    for trials in states(study(grown)):
        sync(on, study(grown), trials)
    sync(on, study(grown), trials, "finished")
    sync(Mirror(home), study(at_once), states(study(at_once))[-1], "finished")
    assert contents(home, grown) == contents(home, at_once)


def test_the_curve_of_a_running_trial_is_there_before_it_ends(home: Path, name: str) -> None:
    made = study(name)
    sync(Mirror(home), made, states(made)[0])
    found = contents(home, name)
    assert dict((run, status) for run, status, *_ in found["runs"])["t0001"] == "RUNNING"
    assert {step for key, _, _, step in found["metrics of t0001"] if key == "rung/error"} == {25, 50}
    assert "error" not in {key for key, *_ in found["metrics of t0001"]}


def test_killed_at_any_write_and_synced_again_it_is_as_if_nothing_had_happened(
    home: Path, monkeypatch: pytest.MonkeyPatch, calls: list[str]
) -> None:
    from mlflow import MlflowClient

    def growth(name: str) -> list[State]:
        """t0000 leaves the front, t0001 ends, a merged model joins."""
        early, late = states(study(name))
        return [early, [*late[:2], merged(study(name), 2, [1.5, 1.5], (0, 1))]]

    def both(name: str, on: Mirror) -> None:
        for trials, status in zip(growth(name), ("running", "finished"), strict=True):
            sync(on, study(name), trials, status)

    undisturbed = next(NAMES)
    both(undisturbed, Mirror(home))
    expected, count = contents(home, undisturbed), len(calls)
    left = 0

    def killing(method: str) -> None:
        original = getattr(MlflowClient, method)

        def once_too_often(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return original(*arguments, **named)

        monkeypatch.setattr(MlflowClient, method, once_too_often)

    for method in WRITES:
        killing(method)
    for place in range(1, count + 1):
        name, left = next(NAMES), place
        with pytest.raises(Killed, match="^$"):
            both(name, Mirror(home))
        sync(Mirror(home), study(name), growth(name)[-1], "finished")
        assert contents(home, name) == expected, f"killed at write {place} of {count}, {calls[place - 1]}"


def test_killed_between_two_commits_of_one_write_it_recovers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import Engine, event

    undisturbed = next(NAMES)
    trials = states(study(undisturbed))[-1][:1]
    sync(Mirror(home), study(undisturbed), trials, "finished")
    expected, left = contents(home, undisturbed), 0

    def commit(_: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    event.listen(Engine, "commit", commit)
    try:
        for place in itertools.count(1, 4):
            name, left = next(NAMES), place
            made = study(name)
            try:
                sync(Mirror(home), made, trials, "finished")
            except Killed:
                left = 0
                sync(Mirror(home), made, trials, "finished")
                assert contents(home, name) == expected, f"killed at commit {place}"
            else:
                break
    finally:
        event.remove(Engine, "commit", commit)
    assert place > 20


def test_a_run_that_leaves_the_front_changes_its_tags_and_colour_and_nothing_else(
    home: Path, name: str, calls: list[str]
) -> None:
    made, on = study(name), Mirror(home)
    others = [finished(made, n, values) for n, values in enumerate(([1, 8], [2, 2], [8, 1]), start=1)]
    sync(on, made, [finished(made, 0, [5, 1.5]), *others])
    before = contents(home, name)
    assert before["tags of t0000"]["front"] == "yes" and before["tags of t0000"]["survives"] == "yes"
    del calls[:]
    sync(on, made, [finished(made, 0, [5, 1.5]), *others, finished(made, 4, [4.5, 1.4])])
    after = contents(home, name)
    assert (after["tags of t0000"]["front"], after["tags of t0000"]["mlflow.runColor"]) == ("no", "#C9CED6")
    assert "survives" not in after["tags of t0000"]
    for number in (1, 2, 3):
        assert after[f"tags of t000{number}"] == before[f"tags of t000{number}"]
    assert calls.count("create_run") == 1
    assert calls.count("log_batch") == 3  # the new one, the one that left, the study


def test_a_run_deleted_in_the_ui_is_made_again(home: Path, name: str) -> None:
    from mlflow import MlflowClient

    made, on = study(name), Mirror(home)
    trials = states(made)[-1]
    sync(on, made, trials, "finished")
    before = contents(home, name)
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string=f"tags.study = '{name}'")
    for run in client.search_runs([experiment.experiment_id]):
        if run.info.run_name in ("t0001", "study"):
            client.delete_run(run.info.run_id)
    sync(Mirror(home), made, trials, "finished")
    assert contents(home, name) == before


def test_a_run_deleted_behind_a_mirrors_back_is_noticed_when_it_is_written(home: Path, name: str) -> None:
    from mlflow import MlflowClient

    made, on = study(name), Mirror(home)
    first, last = states(made)
    sync(on, made, first)
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string=f"tags.study = '{name}'")
    for run in client.search_runs([experiment.experiment_id]):
        client.delete_run(run.info.run_id)
    sync(on, made, last, "finished")
    assert [run for run, *_ in contents(home, name)["runs"]] == ["m0004", "study", "t0000", "t0001", "t0002", "t0003"]


def test_another_attempt_of_a_trial_replaces_its_run(home: Path, name: str) -> None:
    made, on = study(name), Mirror(home)
    sync(on, made, states(made)[0])
    later = {"started": 1_800_000_000.0, "ended": 1_800_000_009.0, "params": {"learning_rate": 0.5}}
    again = finished(made, 1, [1, 3], **later)
    sync(on, made, [finished(made, 0, [2, 2]), again], "finished")
    found = contents(home, name)
    assert {stamp for _, _, stamp, _ in found["metrics of t0001"]} == {1_800_000_000_000, 1_800_000_009_000}
    assert ("learning_rate", "0.5") in found["params of t0001"]


def test_two_runs_of_one_trial_become_one(home: Path, name: str) -> None:
    from mlflow import MlflowClient

    made, trials = study(name), states(study(name))[-1]
    sync(Mirror(home), made, trials, "finished")
    before = contents(home, name)
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string=f"tags.study = '{name}'")
    for run in ("t0002", "study"):  # what is left when the answer of a server is lost and its client asks again
        ours = {"study": name, "generation": "0"}
        tags = {**ours, **({"trial": run, "kind": "trained"} if run != "study" else {"kind": "study"})}
        client.create_run(experiment.experiment_id, 4_000_000_000_000, tags, run)
    sync(Mirror(home), made, trials, "finished")
    assert contents(home, name) == before


def test_a_users_own_run_and_tags_are_left_alone(home: Path, name: str) -> None:
    from mlflow import MlflowClient

    made, trials = study(name), states(study(name))[-1]
    sync(Mirror(home), made, trials[:2])
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string=f"tags.study = '{name}'")
    client.create_run(experiment.experiment_id, run_name="mine", tags={"trial": "t0000"})
    (theirs,) = client.search_runs([experiment.experiment_id], "attributes.run_name = 't0000'")
    client.set_tag(theirs.info.run_id, "liked", "yes")
    sync(Mirror(home), made, trials, "finished")
    found = contents(home, name)
    assert "mine" in [run for run, *_ in found["runs"]] and found["tags of t0000"]["liked"] == "yes"


def test_every_page_of_a_long_list_of_runs_is_read(home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = study(name)
    trials = [failed(made, number) for number in range(7)]
    sync(Mirror(home), made, trials)
    monkeypatch.setattr(runs, "PAGE", 3)
    sync(Mirror(home), made, trials)
    assert len(contents(home, name)["runs"]) == 8  # contents refuses two of one name


def test_a_long_curve_and_many_params_go_in_several_calls(home: Path, name: str, calls: list[str]) -> None:
    made = study(name)
    long = replace(
        finished(made, 0, [1, 1]),
        curve=tuple((step, {"error": 1.0 / (step + 1), "kl_to_reference": 1.0}) for step in range(1200)),
        params={f"p{i}": i for i in range(250)},
    )
    sync(Mirror(home), made, [long], "finished")
    found = contents(home, name)
    assert len(found["metrics of t0000"]) == 2400 + 6 and len(found["params of t0000"]) == 251
    assert calls.count("log_batch") >= 3 + 3 + 1
    del calls[:]
    sync(Mirror(home), made, [long], "finished")
    assert calls == []


OTHER = dict(itertools.pairwise(["out_of_memory", "diverged", "timeout", "crashed", "interrupted", "out_of_memory"]))


@pytest.mark.parametrize("cause", OTHER)
def test_every_class_of_failure_can_be_filtered_and_carries_its_traceback(home: Path, name: str, cause: Any) -> None:
    made, on = study(name), Mirror(home)
    trace = "Traceback (most recent call last):\n  in train\nValueError: shard 7 of " + "x" * 9000
    failure = Failure(cause=cause, message=trace, step=25)
    trials = [
        failed(made, 0, failure=failure),
        failed(made, 1, failure=Failure(cause=OTHER[cause], message="one line")),
    ]
    sync(on, made, trials)
    sync(Mirror(home), made, trials)
    client = connection.connect(home, None)
    experiment = client.get_experiment_by_name(name).experiment_id
    (run,) = client.search_runs([experiment], f"tags.failure = '{cause}'")
    assert run.data.tags["trial"] == "t0000"
    found = contents(home, name)
    assert found["artifacts of t0000"] == {"failure.txt": trace}  # in full, where the note is cut
    assert found["artifacts of t0001"] == {}


def test_weights_of_members_are_copied_once_and_only_at_the_end(
    home: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    copied, original = [], MlflowClient.log_artifact

    def counted(client: MlflowClient, run: str, path: str, folder: str | None = None) -> None:
        copied.extend([Path(path).name] if folder == "weights" else [])
        original(client, run, path, folder)

    monkeypatch.setattr(MlflowClient, "log_artifact", counted)
    made, on = study(name), Mirror(home)
    trials = states(made)[-1]
    for trial in trials:
        (tmp_path / f"{trial.id}.safetensors").write_text(trial.id)
    sync(on, made, trials, weights=tmp_path)
    assert copied == []
    sync(on, made, trials, "finished", weights=tmp_path)
    sync(Mirror(home), made, trials, "finished", weights=tmp_path)
    found = contents(home, name)
    assert found["artifacts of t0002"] == {"weights/t0002.safetensors": "t0002"}
    assert found["artifacts of t0000"] == {} and found["tags of t0002"]["weights"] == "weights/t0002.safetensors"
    assert sorted(copied) == ["m0004.safetensors", "t0001.safetensors", "t0002.safetensors"]


def test_another_database_takes_the_same_study_and_its_artifacts_stay_at_home(
    home: Path, name: str, tmp_path: Path
) -> None:
    made = study(name)
    with (
        contextlib.closing(sqlite3.connect(home / "mlflow.db")) as theirs,
        contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as ours,
    ):
        theirs.backup(ours)
    on = Mirror(tmp_path, uri=f"sqlite:///{tmp_path / 'mlflow.db'}")
    sync(on, made, states(made)[-1], "finished")
    sync(Mirror(home), made, states(made)[-1], "finished")
    assert contents(tmp_path, name) == contents(home, name)


def test_a_study_begun_anew_is_another_experiment(home: Path, name: str) -> None:
    made, on = study(name), Mirror(home)
    links = [sync(on, made, states(made)[0], generation=generation) for generation in (0, 1)]
    assert links[0].run != links[1].run
    names = rows(home, "SELECT name FROM experiments WHERE name LIKE ? ORDER BY name", f"{name}%")
    assert names == [(name,), (f"{name} (2)",)]
    assert contents(home, name, 1)["tags of study"]["generation"] == "1"


def test_an_experiment_that_somebody_else_has_under_this_name_is_not_touched(home: Path, name: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    theirs = client.create_experiment(name)
    made = study(name)
    sync(Mirror(home), made, states(made)[0])
    assert client.search_runs([theirs]) == []
    assert [run for run, *_ in contents(home, name)["runs"]] == ["study", "t0000", "t0001"]


def test_an_experiment_deleted_in_the_ui_stays_deleted_and_another_is_made(home: Path, name: str) -> None:
    from mlflow import MlflowClient

    made, on = study(name), Mirror(home)
    first, last = states(made)
    links = sync(on, made, first)
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string=f"tags.study = '{name}'")
    client.delete_experiment(experiment.experiment_id)
    assert sync(on, made, last).run != links.run
    (another,) = client.search_experiments(filter_string=f"tags.study = '{name}'")
    assert another.name == f"{name} (2)" and len(client.search_runs([another.experiment_id])) == 6


def test_a_renamed_experiment_is_found_again(home: Path, name: str) -> None:
    from mlflow import MlflowClient

    made = study(name)
    links = sync(Mirror(home), made, states(made)[0])
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string=f"tags.study = '{name}'")
    client.rename_experiment(experiment.experiment_id, f"{name} of last week")
    assert sync(Mirror(home), made, states(made)[0]) == links


def test_two_mirrors_that_take_turns_do_not_write_a_run_twice(home: Path, name: str) -> None:
    made = study(name)
    left, right = Mirror(home), Mirror(home)
    trials = states(made)[-1]
    for count, on in enumerate([left, right, left, right, left], start=1):
        sync(on, made, trials[:count])
    assert len(contents(home, name)["runs"]) == 6


@pytest.mark.slow
def test_a_process_killed_at_random_leaves_what_the_next_one_completes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from search import front; from search.record import Mirror\n"
        "from tests.search.mirrored import study_of\n"
        "made, trials, _ = study_of(30, 2)\n"
        "on = Mirror(Path(sys.argv[1]))\n"
        "for count in (10, 20, 30): on.sync(made, trials[:count], front.build(made, trials[:count]))\n"
        "on.sync(made, trials, front.build(made, trials), status='finished')\n"
    )

    def process(home: Path) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-c", code, str(home)])

    began = time.monotonic()
    assert process(tmp_path / "whole").wait() == 0
    whole, chance, kills = time.monotonic() - began, random.Random(0), 0
    for _ in range(12):  # the first ones hit the import of MLflow and its migrations
        child = process(tmp_path / "killed")
        time.sleep(0.6 * chance.random() * whole)
        kills += child.poll() is None
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert kills > 5
    assert process(tmp_path / "killed").wait() == 0
    assert contents(tmp_path / "killed", "digits") == contents(tmp_path / "whole", "digits")


def test_a_mirror_waits_for_the_one_that_writes(home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LOCK_SECONDS", 0.2)
    other = Mirror(home)
    with connection.writing(home, other._me), pytest.raises(StoreError, match=r"mlflow.lock: expected no other writer"):
        sync(Mirror(home), study(name), [])


def test_a_study_without_a_trial_can_be_shown(home: Path, name: str) -> None:
    made = study(name)
    links = sync(Mirror(home), made, [])
    assert [run for run, *_ in contents(home, name)["runs"]] == ["study"]
    assert links.front.startswith("/#/experiments/")


def test_a_study_that_goes_on_is_running_again(home: Path, name: str) -> None:
    made, on = study(name), Mirror(home)
    seen = []
    for count, status in ((1, "finished"), (2, "running"), (3, "interrupted"), (5, "failed")):
        sync(on, made, states(made)[-1][:count], status)
        seen.append(dict((run, status) for run, status, *_ in contents(home, name)["runs"])["study"])
    assert seen == ["FINISHED", "RUNNING", "KILLED", "FAILED"]


def test_no_credentials_reach_mlflow(home: Path, name: str) -> None:
    made = study(name, trainer={"command": "python x.py {depth} --db postgresql://ann:canary1@db/x"})
    trials = [
        replace(finished(made, 0, [1, 1]), params={"data": "s3://key:canary2@bucket/x"}),
        failed(made, 1, "cannot reach http://ann:canary3@host:5000/api?token=canary4"),
    ]
    sync(Mirror(home), made, trials, "finished", notes={"storage": "postgresql://ann:canary5@db/x"})
    everything = json.dumps(contents(home, name)) + "".join(
        path.read_text() for path in (home / "artifacts" / f"{name}.0").rglob("*.*") if path.is_file()
    )
    assert "canary" not in everything and "***@bucket/x" in everything


def test_a_refusal_of_mlflow_is_one_line_without_credentials(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    def refuse(*_: Any, **__: Any) -> None:
        raise MlflowException("API request to http://ann:canary@host/api failed\nwith 503")

    monkeypatch.setattr(MlflowClient, "search_experiments", refuse)
    with pytest.raises(StoreError, match=r"^MLflow: expected .* got 'API request to http://\*\*\*@host/api failed w"):
        sync(Mirror(home), study(name), [])


def test_tags_that_only_pages_show_may_be_refused(home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    def refuse(*_: Any, **__: Any) -> None:
        raise MlflowException("tag too long")

    monkeypatch.setattr(MlflowClient, "set_experiment_tag", refuse)
    made = study(name)
    sync(Mirror(home), made, states(made)[-1], "finished")
    assert len(contents(home, name)["runs"]) == 6


def test_a_home_that_was_moved_is_refused_with_the_way_out(home: Path, name: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    client.create_experiment(name, "file:///elsewhere/artifacts", {"study": name, "generation": "0"})
    with pytest.raises(StoreError, match=r"expected artifacts in .* got 'file:///elsewhere.*delete mlflow.db"):
        sync(Mirror(home), study(name), [])


def test_a_database_that_was_not_finished_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leftovers = ["mlflow.db.new", "mlflow.db.new-journal", "mlflow.db-wal"]
    for leftover in leftovers:
        (tmp_path / leftover).write_bytes(b"half of a database")
    seen: list[str] = []

    def killed(uri: str, **_: Any) -> None:
        seen.append(uri)
        raise Killed

    monkeypatch.setattr("mlflow.MlflowClient", killed)
    with pytest.raises(Killed, match="^$"):
        connection.connect(tmp_path, None)
    assert seen == [f"sqlite:///{tmp_path / 'mlflow.db.new'}"] and list(tmp_path.iterdir()) == []


def test_a_fresh_database_is_whole_and_lets_readers_read(home: Path) -> None:
    assert rows(home, "PRAGMA journal_mode") == [("wal",)] and rows(home, "PRAGMA integrity_check") == [("ok",)]
    assert not (home / "mlflow.db.new").exists()


def test_nothing_of_mlflow_is_set_for_the_rest_of_the_process(home: Path, name: str) -> None:
    import mlflow

    before = mlflow.get_tracking_uri()
    made = study(name)
    sync(Mirror(home), made, states(made)[0])
    assert mlflow.get_tracking_uri() == before and mlflow.active_run() is None


def test_importing_the_mirror_does_not_import_mlflow() -> None:
    heavy = "{'mlflow', 'plotly', 'torch', 'optuna'}"
    code = f"import sys, search.record, search.figures; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_a_front_of_many_members_marks_those_in_the_charts(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wanted, "CHARTED", 3)
    made = study(name)
    sync(Mirror(home), made, [finished(made, n, [n + 1, 9 - n]) for n in range(6)])
    found = contents(home, name)
    charted = [found[f"tags of t000{n}"]["charted"] for n in range(6)]
    assert charted.count("yes") == 3 and charted[0] == charted[5] == "yes"
