"""A dear measure is asked for only where the cheap ones leave a trial a chance."""

from pathlib import Path
from typing import Any

import pytest

from search import api, run, store, study
from search.errors import SearchError
from tests.search.studies import DISTILL, changed

STUDY: dict[str, Any] = changed(
    DISTILL, {"merge": ..., "proposer": {"name": "sobol"}, "stop": {"rule": "halving", "minimum": 3, "share": 0.5}}
)
DEAR = changed(STUDY, {"objectives.ece.dear": True})


def launched(home: Path, table: dict[str, Any], **options: Any) -> tuple[Any, list[Any]]:
    found = api.launch(table, home=home, mirror=False, quiet=True, **options)
    kept = store.Store(home)
    return found, kept.trials(table["name"], study.read(table))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many rows each measure was asked for, at the rungs."""
    rows: dict[str, int] = {}
    values = run.Runner._values

    def counting(self: Any, outputs: Any, k: int, rung: Any = None, which: Any = None) -> Any:
        for objective in self.measured if which is None else which:
            rows[objective.name] = rows.get(objective.name, 0) + k
        return values(self, outputs, k, rung, which)

    monkeypatch.setattr(run.Runner, "_values", counting)
    return rows


def test_what_ends_a_trial_by_the_cheap_measures_is_never_measured_dearly(
    tmp_path: Path, counted: dict[str, int]
) -> None:
    found, trials = launched(tmp_path, changed(DEAR, {"objectives.kl_to_teacher.limit": 0.5, "stop.audit": 0.0}))
    partial = [trial for trial in trials if trial.values and "ece" not in trial.values]
    seen = sum(len(trial.curve) for trial in trials)
    asked = sum("ece" in values for trial in trials for _, values in trial.curve)
    assert partial and asked == seen - len(partial)
    assert all(trial.state == "stopped" and not trial.losses and "kl_to_teacher" in trial.values for trial in partial)
    assert counted["ece"] < counted["kl_to_teacher"]
    assert all("ece" in point.values for point in found.points)


def test_a_trial_that_is_measured_in_two_goes_has_the_values_of_one_go(tmp_path: Path) -> None:
    off = {"stop": {"rule": "off"}}
    _, whole = launched(tmp_path / "whole", changed(STUDY, off))
    _, twice = launched(tmp_path / "twice", changed(DEAR, off))
    assert [trial.curve for trial in twice] == [trial.curve for trial in whole]


@pytest.mark.slow
def test_workers_are_asked_for_dear_measures_too(tmp_path: Path) -> None:
    here, _ = launched(tmp_path / "here", DEAR)
    there, _ = launched(tmp_path / "there", DEAR, workers=2)
    assert here.dumps() == there.dumps()


def test_a_users_own_code_may_report_a_dear_value_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_user.py").write_text(
        "def train(trial):\n"
        "    trial.report(1, f=trial.params['x'])\n"
        "    trial.report(2, f=trial.params['x'], g=1 - trial.params['x'])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    table: dict[str, Any] = {
        "name": "late", "trainer": "late_user:train", "space": {"x": {"low": 0.0, "high": 1.0}},
        "objectives": {"f": {"limit": 1.0}, "g": {"limit": 1.0, "dear": True}},
        "proposer": {"name": "sobol"}, "budget": {"trials": 4, "steps": 2, "rungs": 2},
    }  # fmt: skip
    _, trials = launched(tmp_path, table)
    assert all(trial.state == "finished" and set(trial.values) == {"f", "g"} for trial in trials)
    plain = changed(table, {"objectives.g": {"limit": 1.0}, "name": "plain"})
    with pytest.raises(SearchError, match="reported one of f, but not 'g'"):
        launched(tmp_path, plain)
