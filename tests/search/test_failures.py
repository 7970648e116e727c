"""Each class of failure, produced for real, in one study; and what the search learns from them."""

from pathlib import Path
from typing import Any

import pytest

from search import api, loop, store
from tests.search.studies import ANALYTIC, changed

PROGRAM = """
import os, resource, signal, time

def train(trial):
    kind = trial.params["kind"]
    if kind == "too_large":
        held = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, held[1]))
        try:
            bytearray(64 << 30)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, held)
    value = 1.0
    for step in range(trial.resume_step, trial.steps):
        if kind == "too_fast":
            value = value * -1e200
        if kind == "too_slow":
            time.sleep(60)
        if kind == "broken":
            raise RuntimeError("shard 7 is missing")
        if kind == "deadly" and step == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        trial.report(step + 1, f=value, g=trial.params["x"])
"""
CAUSES = {
    "fine": None, "too_large": "out_of_memory", "too_fast": "diverged", "too_slow": "timeout", "broken": "crashed",
    "deadly": "interrupted",
}  # fmt: skip


@pytest.mark.slow
def test_every_class_of_failure_is_known_for_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "failing_user.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    table: dict[str, Any] = {
        "name": "failing", "trainer": "failing_user:train", "proposer": {"name": "sobol"}, "stop": "off",
        "space": {"kind": list(CAUSES), "x": {"low": 0.0, "high": 1.0}},
        "objectives": {"f": {"limit": 2.0}, "g": {"limit": 2.0}},
        "budget": {"trials": 16, "steps": 4, "rungs": 4}, "run": {"trial_minutes": 1 / 30},
    }  # fmt: skip
    api.launch(table, home=tmp_path, mirror=False, quiet=True, workers=2)
    kept = store.Store(tmp_path)
    trials = kept.trials("failing", kept.study("failing"))
    assert len(trials) == 16 and {trial.params["kind"] for trial in trials} == set(CAUSES)
    for trial in trials:
        assert (trial.failure.cause if trial.failure else None) == CAUSES[trial.params["kind"]]
    broken = next(trial.failure for trial in trials if trial.params["kind"] == "broken")
    assert broken and 'raise RuntimeError("shard 7 is missing")' in broken.message
    deadly = [trial for trial in trials if trial.params["kind"] == "deadly"]
    assert all(trial.step == 2 for trial in deadly)  # it went on from its last rung each time


def test_a_study_in_which_all_fail_ends_after_a_stated_number_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hopeless_user.py").write_text("def train(trial):\n    raise OSError('no such data: shards')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    table = changed(ANALYTIC, {"trainer": "hopeless_user:train", "space": {"x": {"low": 0.0, "high": 1.0}},
                               "budget": {"trials": 40}})  # fmt: skip
    with pytest.raises(loop.Hopeless, match=r"'8 crashed'\. All 8 trials failed.*\n(.|\n)*no such data: shards"):
        api.launch(table, home=tmp_path, mirror=False, quiet=True)
    assert len(store.Store(tmp_path).events("small")) < 20
