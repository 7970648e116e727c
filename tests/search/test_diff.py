"""`search diff`: two studies, or two launches of one."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from search import launch
from search.cli import main
from tests.search.studies import ANALYTIC, changed


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies, the better one launched twice, and one with another objective."""
    found = tmp_path_factory.mktemp("diff")
    better = changed(ANALYTIC, {"name": "better", "proposer.name": "ehvi", "budget.trials": 24})
    three = {"f1": {"limit": 1.1}, "f3": {"measure": "seconds", "limit": 9.0}}
    options: dict[str, Any] = dict(home=found, mirror=False, quiet=True)
    launch(better, **options)
    launch(better, seed=8, fresh=True, **options)
    launch(ANALYTIC, **options)
    launch(changed(ANALYTIC, {"name": "other", "objectives": three}), **options)
    return found


def diff(home: Path, *told: str) -> Any:
    return CliRunner().invoke(main, ["diff", *told, "--home", str(home)])


def test_one_launch_each_has_no_interval_and_says_so(home: Path) -> None:
    told = json.loads(diff(home, "better@2", "small", "--json").output)
    assert told["launches"] == [1, 1] and told["interval"] is None
    assert told["hypervolumes"][0] > told["hypervolumes"][1]
    ahead = told["exclusive"][0] - told["exclusive"][1]
    assert ahead == pytest.approx(told["hypervolumes"][0] - told["hypervolumes"][1])
    assert {region["objective"] for region in told["regions"]} == {"f1", "f2"}
    assert len(told["surviving"][1]) <= told["members"][1]
    shown = diff(home, "better@2", "small").output
    assert "of one launch each: more launches (--fresh --seed N)" in shown and "  f1 " in shown


def test_several_launches_have_an_interval(home: Path) -> None:
    again = diff(home, "better", "better", "--json")
    told = json.loads(again.output)
    assert told["launches"] == [2, 2] and told["interval"][0] < 0 < told["interval"][1]
    assert "means of 2 and 2 launches: within [" in diff(home, "better", "better").output


def test_other_objectives_are_refused(home: Path) -> None:
    found = diff(home, "better", "other")
    assert found.exit_code == 2
    assert "expected the same objectives: f1 min; f2 min, got 'f1 min; f3 min'" in found.output


def test_a_study_that_is_not_there_is_refused(home: Path) -> None:
    found = diff(home, "better", "smal")
    assert found.exit_code == 2 and "Did you mean 'small'?" in found.output
