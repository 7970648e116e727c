"""A study that was killed and resumed makes the same trials and the same front as one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from search import api, files, front, loop, store, study
from tests.search.studies import AMORTISED, ANALYTIC, DISTILL, NOISY


class Killed(BaseException):
    """A death that nothing may catch."""


def told(home: Path, made: study.Study) -> list[dict[str, Any]]:
    """Everything about the trials that must not depend on an interruption: all but clocks."""
    kept = store.Store(home)
    free = ("seconds", "started", "ended")
    return [
        {key: value for key, value in vars(trial).items() if key not in free} for trial in kept.trials(made.name, made)
    ]


def launch(home: Path, table: dict[str, Any], **options: Any) -> front.Front:
    return api.launch(table, home=home, mirror=False, quiet=True, **options)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """Each study run once without an interruption: its home and its front."""
    found = {}
    for table in (ANALYTIC, DISTILL, NOISY, AMORTISED):
        home = tmp_path_factory.mktemp("straight")
        found[table["name"]] = (home, launch(home, table).dumps())
    return found


def dying(patch: pytest.MonkeyPatch, deadly: str) -> None:
    """Die in every session: once an event was committed, right ``after`` it or after the next ``file`` was written."""
    committed = False

    def event(*arguments: Any, **options: Any) -> None:
        nonlocal committed
        write_event(*arguments, **options)
        committed = True
        if deadly == "event":
            raise Killed

    def file(*arguments: Any, **options: Any) -> None:
        write_file(*arguments, **options)
        if committed and deadly == "file":
            raise Killed

    write_event, write_file = store.Store._event, files.save
    patch.setattr(store.Store, "_event", event)
    patch.setattr(files, "save", file)


@pytest.mark.parametrize(
    ("table", "deadly"),
    [(ANALYTIC, "event"), (NOISY, "event"), (DISTILL, "event"), (DISTILL, "file"), (AMORTISED, "event")],
    ids=["analytic", "noisy", "distill", "file", "amortised"],
)
def test_dying_after_every_single_write_changes_neither_trials_nor_front(
    table: dict[str, Any], deadly: str, straight: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    home, expected = straight[table["name"]]
    if (home / "cache").exists():
        (tmp_path / "cache").symlink_to(home / "cache")
    made, deaths = study.read(table), 0
    while True:
        with pytest.MonkeyPatch.context() as patch:
            dying(patch, deadly)
            try:
                launch(tmp_path, table)
                break
            except Killed:
                deaths += 1
        assert deaths < 100, "a session made no progress"
        events = [event["kind"] for event in store.Store(tmp_path).events(made.name)]
        if events[-2:] == ["clock", "clock"]:
            break  # nothing was left to do but to say how long it took
    assert launch(tmp_path, table).dumps() == expected
    assert told(tmp_path, made) == told(home, made)
    assert deaths >= 6


def test_a_real_kill_at_random_moments_changes_nothing(straight: dict[str, tuple[Path, str]], tmp_path: Path) -> None:
    home, expected = straight[DISTILL["name"]]
    (tmp_path / "cache").symlink_to(home / "cache")
    program = f"from search import launch\nlaunch({DISTILL!r}, home={str(tmp_path)!r}, mirror=False)"
    kept, made = store.Store(tmp_path), study.read(DISTILL)
    for events in (2, 5):  # killed while it works on what comes after so many events
        running = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
        while running.poll() is None and not (kept.exists and kept.names() and len(kept.events(made.name)) >= events):
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL, "it was over before it could be killed"
    assert launch(tmp_path, DISTILL).dumps() == expected
    assert told(tmp_path, made) == told(home, made)


def test_being_asked_to_end_stops_at_the_next_rung_and_goes_on_later(
    straight: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    home, expected = straight[DISTILL["name"]]
    (tmp_path / "cache").symlink_to(home / "cache")
    interruptions = 0
    while True:
        try:
            found = launch(tmp_path, DISTILL, asked_to_end=lambda: True)
            break
        except loop.Interrupted:
            interruptions += 1
    assert found.dumps() == expected
    assert interruptions >= 4


def test_a_second_launch_of_a_finished_study_does_nothing(straight: dict[str, tuple[Path, str]]) -> None:
    home, expected = straight[ANALYTIC["name"]]
    events = len(store.Store(home).events(ANALYTIC["name"]))
    assert launch(home, ANALYTIC).dumps() == expected
    after = store.Store(home).events(ANALYTIC["name"])[events:]
    assert {event["kind"] for event in after} <= {"clock"}


def test_more_trials_go_on_from_what_is_there(straight: dict[str, tuple[Path, str]], tmp_path: Path) -> None:
    launch(tmp_path, ANALYTIC)
    longer = {**ANALYTIC, "budget": {"trials": 15, "population": 3}}
    launch(tmp_path, longer, extend=True)
    whole = tmp_path / "whole"
    launch(whole, longer)
    assert told(tmp_path, study.read(longer)) == told(whole, study.read(longer))


def test_merges_that_wait_keep_their_own_parents_when_more_trials_come(tmp_path: Path) -> None:
    def die(*_: Any) -> None:
        raise Killed("before it was evaluated")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.Loop, "_evaluate", die)
        with pytest.raises(Killed, match="before it was evaluated"):
            launch(tmp_path, DISTILL)
    made, seen = study.read(DISTILL), []
    waiting = [t.parents for t in store.Store(tmp_path).trials(made.name, made) if t.parents]
    assert waiting and len(set(waiting)) == 1
    load = files.Files.load_weights

    def watched(self: files.Files, trials: list[Any]) -> Any:
        seen.append(tuple(trial.number for trial in trials))
        return load(self, trials)

    longer = {**DISTILL, "budget": {**DISTILL["budget"], "trials": 24}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files.Files, "load_weights", watched)
        launch(tmp_path, longer, extend=True)
    assert seen[0] == waiting[0]
    merged = [t for t in store.Store(tmp_path).trials(made.name, study.read(longer)) if t.parents]
    assert len(merged) == 9 and all(trial.complete for trial in merged)


DEADLY = """
import os, signal

def train(trial):
    for step in range(trial.resume_step, trial.steps):
        with open("begun", "a") as file:
            file.write(f"{trial.number} {step}\\n")
        if trial.params["danger"] > 0.5:
            os.kill(os.getpid(), signal.SIGKILL)
        trial.report(step + 1, f=1 / (step + 1))
"""


def test_a_trial_that_kills_every_launch_fails_in_the_end_and_the_study_goes_on(tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY)
    table = {
        "name": "deadly", "trainer": "deadly:train", "space": {"danger": {"low": 0.0, "high": 1.0}},
        "objectives": {"f": {"limit": 2.0}}, "proposer": {"name": "sobol"},
        "budget": {"trials": 4, "steps": 2, "rungs": 2},
    }  # fmt: skip
    program = (
        f"import sys; sys.path.append('.')\nfrom search import launch\nlaunch({table!r}, mirror=False, quiet=True)"
    )
    codes = []
    while not codes or codes[-1]:
        codes.append(subprocess.run([sys.executable, "-c", program], cwd=tmp_path).returncode)
        assert len(codes) < 20, "a trial that always kills its process keeps the study from its end"
    kept = store.Store(tmp_path / "runs")
    trials = kept.trials("deadly", kept.study("deadly"))
    deadly = [trial for trial in trials if trial.params["danger"] > 0.5]
    assert deadly and len(trials) == 4 and codes[:-1] == [-signal.SIGKILL] * 3 * len(deadly)
    for trial in trials:
        assert trial.state == ("failed" if trial in deadly else "finished")
        if trial in deadly:
            assert trial.failure and trial.failure.cause == "interrupted" and "killed 3 times" in trial.failure.message
    begun = (tmp_path / "begun").read_text().split("\n")
    assert all(begun.count(f"{trial.number} 0") == (3 if trial in deadly else 1) for trial in trials)


def test_being_killed_without_a_trial_at_fault_fails_none(
    straight: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    """Killed at the same rung again and again: the trials go on alone for a rung, and none of them is to blame."""
    home, _ = straight[DISTILL["name"]]
    (tmp_path / "cache").symlink_to(home / "cache")
    kept = store.Store(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        dying(patch, "event")
        for _ in range(3):
            with pytest.raises(Killed):
                launch(tmp_path, DISTILL)
    for _ in range(2):  # as a kill leaves it
        kept._set(DISTILL["name"], "lease", {"host": "here", "pid": 1, "time": 0.0})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop.Loop, "_train", lambda *_: (_ for _ in ()).throw(Killed))
            with pytest.raises(Killed):
                launch(tmp_path, DISTILL)
    found = launch(tmp_path, DISTILL)
    trials = kept.trials(DISTILL["name"], study.read(DISTILL))
    assert found.trials and not [trial for trial in trials if trial.failure]


def test_a_study_begins_with_its_first_points_also_when_they_are_added_later(tmp_path: Path) -> None:
    table = {**ANALYTIC, "start": {"points": [{f"problem.zdt1.x{i}": 0.25 for i in range(1, 7)}]}}
    launch(tmp_path, table)
    first, *others = told(tmp_path, study.read(table))
    assert first["params"] == study.read(table).start[0] and len(others) == 11
    more = {"points": [*table["start"]["points"], {"problem": {"name": "zdt1", "x1": 0.75}}]}
    longer = {**table, "start": more, "budget": {**table["budget"], "trials": 14}}
    launch(tmp_path, longer, extend=True)
    after = told(tmp_path, study.read(longer))
    assert after[:12] == [first, *others]
    assert after[12]["params"] == study.read(longer).start[1] and len(after) == 14
