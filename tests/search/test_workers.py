"""Populations in other processes: the same trials, whatever is killed."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from search import api, run, store
from search.errors import WorkerError
from search.front import Front
from search.workers import Crew
from tests.search.studies import DISTILL, changed

STRAIGHT: dict[str, Any] = changed(DISTILL, {"merge": ..., "budget.trials": 8})
OWN = """
import os, signal, time

def train(trial):
    for step in range(trial.resume_step, trial.steps):
        time.sleep(trial.params.get("pause", 0.0))
        if trial.params["danger"] > 0.5:
            {danger}
        if (step + 1) % trial.rung_steps == 0:
            with (trial.folder / "steps").open("a") as file:
                file.write(f"{{step + 1}} {{os.getpid()}}\\n")
            trial.report(step + 1, f=trial.params["danger"] + 1 / (step + 1))
"""
KILLS = "os.kill(os.getpid(), signal.SIGKILL)"


def own(folder: Path, danger: str, **changes: Any) -> dict[str, Any]:
    """A study of a function that does ``danger`` in about half of its trials."""
    name = f"own_{folder.name.replace('-', '_')}"
    (folder / f"{name}.py").write_text(OWN.format(danger=danger))
    table = {
        "name": "own",
        "trainer": {"name": f"{name}:train"},
        "space": {"danger": {"low": 0.0, "high": 1.0}},
        "objectives": {"f": {"limit": 3.0}},
        "proposer": {"name": "sobol"},
        "stop": {"rule": "off"},
        "budget": {"trials": 6, "steps": 2, "rungs": 2},
    }
    return changed(table, changes)


def launch(home: Path, table: dict[str, Any], **options: Any) -> Front:
    return api.launch(table, home=home, mirror=False, quiet=True, **options)


def trials(home: Path, name: str) -> list[Any]:
    kept = store.Store(home)
    return kept.trials(name, kept.study(name))


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    home = tmp_path_factory.mktemp("straight")
    return home, launch(home, STRAIGHT).dumps()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_makes_the_same_trials(workers: int, straight: tuple[Path, str], tmp_path: Path) -> None:
    home, expected = straight
    (tmp_path / "cache").symlink_to(home / "cache")
    assert launch(tmp_path, STRAIGHT, workers=workers).dumps() == expected
    places = {trial.place for trial in trials(tmp_path, STRAIGHT["name"])}
    assert len(places) == workers and all(str(os.getpid()) not in place for place in places)


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(
    straight: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two workers is killed at every rung's report: its trials go on from their last rung in another."""
    from search import workers

    home, expected = straight
    (tmp_path / "cache").symlink_to(home / "cache")
    killed, told = [], workers.Workers._told

    def deadly(self: Any, worker: Any, message: Any) -> None:
        told(self, worker, message)
        if len(killed) < 2 and worker.slot == 1:
            killed.append(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)

    monkeypatch.setattr(workers.Workers, "_told", deadly)
    assert launch(tmp_path, STRAIGHT, workers=2).dumps() == expected
    assert len(set(killed)) == 2


@pytest.mark.slow
def test_a_trial_that_kills_its_worker_fails_and_the_others_live(folder: Path) -> None:
    front = launch(folder / "home", own(folder, KILLS), workers=2)
    made = trials(folder / "home", "own")
    assert len(made) == 6
    for trial in made:
        deadly = trial.params["danger"] > 0.5
        assert trial.state == ("failed" if deadly else "finished")
        if deadly:
            assert trial.failure.cause == "interrupted" and "lost 3 times" in trial.failure.message
    assert {trial.params["danger"] > 0.5 for trial in made} == {True, False}
    assert len(front)


@pytest.mark.slow
def test_in_a_population_only_the_trial_that_kills_its_worker_fails(folder: Path, tmp_path: Path) -> None:
    """The optimizer kills the process for one learning rate: its three neighbours are trained as without it."""
    source = (
        "import os, signal\n"
        "from trainers.optimizers import sgd\n"
        "SPACE = {'momentum': {'low': 0.0, 'high': 0.98, 'default': 0.9}}\n"
        "SLOTS = ('velocity',)\n"
        "def update(parameters, gradient, slots, *, learning_rate, weight_decay, age, layers, momentum):\n"
        "    if os.path.exists(os.environ.get('DEADLY', '')) and (learning_rate > RATE).any():\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    sgd.update(parameters, gradient, slots, learning_rate=learning_rate, weight_decay=weight_decay,\n"
        "               age=age, layers=layers, momentum=momentum)\n"
    )
    changes = {"space.optimizer": ["ours.deadly"], "budget.trials": 4, "proposer": {"name": "sobol"},
               "stop": {"rule": "off"}}  # fmt: skip
    table = changed(STRAIGHT, changes)
    (folder / "ours").mkdir()
    deadly = folder / "ours" / "deadly.py"
    deadly.write_text(source.replace("RATE", "1e9"))
    safe = launch(folder / "safe", table)
    rates = sorted(trial.params["learning_rate"] for trial in trials(folder / "safe", table["name"]))
    deadly.write_text(source.replace("RATE", repr((rates[-1] + rates[-2]) / 2)))
    (folder / "deadly").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEADLY", str(folder / "deadly"))
        launch(folder / "deadly-home", table, workers=2)
    for before, after in zip(
        trials(folder / "safe", table["name"]), trials(folder / "deadly-home", table["name"]), strict=True
    ):
        if before.params["learning_rate"] == rates[-1]:
            assert after.failure.cause == "interrupted" and "at last alone" in after.failure.message
        else:
            assert (after.state, after.values) == ("finished", before.values)
    assert safe.trials == 4


@pytest.mark.slow
def test_a_trial_beyond_its_time_is_ended_from_outside_where_it_does_not_end_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.workers.GRACE", 1.0)
    stuck = "signal.signal(signal.SIGALRM, signal.SIG_IGN); time.sleep(600)"
    table = own(folder, stuck, **{"run": {"trial_minutes": 1 / 60}})
    began = time.monotonic()
    launch(folder / "home", table, workers=2)
    made = trials(folder / "home", "own")
    assert time.monotonic() - began < 120
    for trial in made:
        late = trial.params["danger"] > 0.5
        assert (trial.failure.cause if trial.failure else None) == ("timeout" if late else None)


@pytest.mark.slow
def test_an_exception_in_a_worker_is_a_failed_trial_with_its_traceback(folder: Path) -> None:
    launch(folder / "home", own(folder, "raise KeyError('shard 7')"), workers=1)
    failed = [trial for trial in trials(folder / "home", "own") if trial.failure]
    assert failed and all(trial.failure.cause == "crashed" for trial in failed)
    assert all("KeyError: 'shard 7'" in trial.failure.message for trial in failed)


@pytest.mark.slow
def test_a_worker_that_cannot_start_is_said_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from search import placement

    monkeypatch.setattr(placement, "serve", print)  # returns at once
    with pytest.raises(WorkerError, match="expected a process that starts"):
        launch(folder / "home", own(folder, "pass"), workers=1)


def test_the_joint_report_of_two_populations_has_the_rows_of_both() -> None:
    import torch

    def report(numbers: list[int], slots: int) -> run.Report:
        k = len(numbers)
        return run.Report(
            numbers=numbers, steps=[5] * k, seconds=[1.0] * k, values=[{"f": float(n)} for n in numbers],
            failures=[None] * k, places=["here"] * k, base="b",
            report_values=lambda row: {"f": numbers[row] + 0.5}, weights=lambda row: {"w": torch.tensor(numbers[row])},
            checkpoint=lambda: {"slots": torch.ones(k, slots, 3)},
        )  # fmt: skip

    both = run.joint([report([4, 1], 2), report([7], 1)])
    assert both.numbers == [4, 1, 7]
    assert [both.report_values(row)["f"] for row in range(3)] == [4.5, 1.5, 7.5]
    assert both.weights and [int(both.weights(row)["w"]) for row in range(3)] == [4, 1, 7]
    assert both.checkpoint
    slots = both.checkpoint()["slots"]
    assert slots.shape == (3, 2, 3) and slots[2, 1].sum() == 0 and slots[2, 0].sum() == 3


def test_devices_are_dealt_over_workers() -> None:
    assert api.crew(None) is None
    assert api.crew(None, ["cuda:0", "cuda:1"], None, 2) == Crew(workers=4, devices=("cuda:0", "cuda:1"))
    assert api.crew(3) == Crew(workers=3)


@pytest.mark.slow
def test_two_dask_workers_train_and_one_may_be_killed(folder: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        with distributed.Client(cluster) as client:
            pids = list(client.run(os.getpid).values())
            threading.Timer(6.0, os.kill, (pids[0], signal.SIGKILL)).start()
            table = own(folder, "pass", **{"budget": {"trials": 16, "steps": 4, "rungs": 4}, "space.pause": 0.25})
            launch(folder / "home", table, workers=2, dask=cluster.scheduler_address)
    made = trials(folder / "home", "own")
    assert len(made) == 16 and all(trial.state == "finished" for trial in made)
    assert len({trial.place for trial in made}) >= 3  # two workers, and the one in place of the killed


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for processes of others as Linux does")
def test_no_worker_outlives_a_killed_launch(folder: Path) -> None:
    table = own(folder, "pass", **{"budget": {"trials": 8, "steps": 40, "rungs": 40}, "space.pause": 0.2})
    program = f"import sys; sys.path.append('.')\nfrom search import launch\nlaunch({table!r}, mirror=False, workers=2)"
    running = subprocess.Popen([sys.executable, "-c", program], cwd=folder)
    pids: set[int] = set()
    while len(pids) < 2:
        time.sleep(0.1)
        pids = {
            int(line.split()[1])
            for path in folder.glob("runs/own/trials/*/steps")
            for line in path.read_text().splitlines()
        }
    handles = [os.pidfd_open(pid) for pid in pids]
    running.kill()
    running.wait()
    for handle in handles:
        assert select.select([handle], [], [], 60)[0], "a worker goes on without its coordinator"
        os.close(handle)


def test_a_wrong_device_is_refused(tmp_path: Path) -> None:
    from search.errors import SearchError

    with pytest.raises(SearchError, match="--devices: expected cpu, cuda"):
        launch(tmp_path, DISTILL, devices=["gpu0"])
    assert not list(tmp_path.iterdir())


def test_what_is_missing_for_a_cluster_is_said_with_the_way_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "find_spec", lambda name: None)
    with pytest.raises(WorkerError, match=r"--dask: expected the package distributed.*pareto-search\[dask\]"):
        launch(tmp_path, DISTILL, workers=2, dask="tcp://head:8786")
    monkeypatch.undo()
    with pytest.raises(WorkerError, match="--dask: expected a scheduler's address such as tcp://host:8786, got 'head'"):
        launch(tmp_path, DISTILL, workers=2, dask="head")
    assert not list(tmp_path.iterdir())
