"""The command line as a user meets it: what it prints, what it refuses, what it leaves on disk."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from search import cli
from search.grammar.interest import Interest
from search.store import Store

STUDY = """
seed = 3
[trainer]
name = "analytic"
[space]
problem = "zdt1"
[objectives]
f1 = {limit = 1.1}
f2 = {limit = 11.0}
[proposer]
name = "random"
[budget]
trials = 6
population = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(STUDY)
    return tmp_path


def search(*words: str) -> Result:
    return CliRunner().invoke(cli.main, list(words))


def launched(*words: str) -> Result:
    result = search("launch", *words, "--no-mlflow")
    assert result.exit_code == 0, result.output
    return result


def test_a_launch_ends_with_the_front_and_the_next_commands(here: Path) -> None:
    output = launched("mine.toml").output
    assert "mine: front " in output and "of 6 trials" in output
    assert "best f1" in output and "best f2" in output
    assert "search resume mine --trials +32" in output


def test_front_prints_the_contract_as_json_and_writes_csv_and_html(here: Path) -> None:
    launched("mine.toml")
    told = json.loads(search("front", "mine", "--json").stdout)
    assert told["study"] == "mine" and told["points"]
    assert search("front", "mine", "--csv", "f.csv", "--html", "f.html").exit_code == 0
    rows = Path("f.csv").read_text().splitlines()
    assert len(rows) == 1 + len(told["points"])
    page = Path("f.html").read_text()
    assert all(point["id"] in page for point in told["points"])


def test_status_says_what_was_done_and_where_the_time_went(here: Path) -> None:
    launched("mine.toml")
    told = json.loads(search("status", "--json").stdout)
    assert told["trials"] == {"done": 6} and told["planned"] == 6
    assert {"imports", "store", "proposals"} <= told["seconds"].keys()
    assert "mine: done, 6 done, of 6" in search("status", "mine").output


def test_list_names_studies_and_shipped_ones(here: Path) -> None:
    assert "No studies in runs yet" in search("list").output
    launched("mine.toml")
    assert "mine: 6 trials" in search("list").output
    assert "zdt1" in json.loads(search("list", "--json").stdout)["shipped"]


def test_a_quiet_launch_prints_the_result_only(here: Path) -> None:
    result = launched("mine.toml", "--quiet")
    assert result.stderr == "" and "Next" not in result.stdout


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("[budget]\ntrails = 6", r"mine.toml [budget] trails: expected one of trials, steps"),
        ("[extra]\na = 1", r"mine.toml extra: expected one of name, description"),
        ('[stop]\nrule = "halvin"', r"Did you mean 'halving'?"),
    ],
)
def test_a_refused_launch_says_one_line_exits_with_2_and_makes_nothing(here: Path, wrong: str, message: str) -> None:
    text = STUDY.replace("[budget]\ntrials = 6", wrong) if "[budget]" in wrong else STUDY + wrong
    (here / "mine.toml").write_text(text)
    result = search("launch", "mine.toml")
    assert result.exit_code == 2
    assert message in result.output and "Traceback" not in result.output
    assert sorted(path.name for path in here.iterdir()) == ["mine.toml"]


@pytest.mark.parametrize(
    "words", [("front", "mine"), ("status",), ("resume", "mine"), ("status", "mine"), ("ui",), ("sync", "mine")]
)
def test_asking_for_a_study_that_was_never_launched_makes_nothing(here: Path, words: tuple[str, ...]) -> None:
    result = search(*words)
    assert result.exit_code == 2 and "Start one with: search launch NAME" in result.output
    assert not (here / "runs").exists()


def test_a_wrong_name_gets_a_near_miss(here: Path) -> None:
    launched("mine.toml")
    assert "Did you mean 'mine'?" in search("front", "mime").output
    assert "Did you mean 'zdt1'?" in search("launch", "ztd1").output
    assert "Did you mean 'launch'?" in search("lunch", "zdt1").output


def test_a_changed_definition_is_refused_field_by_field(here: Path) -> None:
    launched("mine.toml")
    (here / "mine.toml").write_text(
        STUDY.replace("f1 = {limit = 1.1}", "f1 = {limit = 2.0}").replace("trials = 6", "trials = 9")
    )
    result = search("launch", "mine.toml")
    assert result.exit_code == 2
    assert "objectives/f1/limit: 1.1 -> 2.0" in result.output
    assert "budget.trials: 6 -> 9" in result.output
    assert "--fresh starts a new study" in result.output
    refused = search("launch", "mine.toml", "--extend")
    assert refused.exit_code == 2 and "Not safe: objectives/f1/limit" in refused.output


def test_a_safe_change_goes_on_with_extend(here: Path) -> None:
    launched("mine.toml")
    (here / "mine.toml").write_text(STUDY.replace("trials = 6", "trials = 9"))
    refused = search("launch", "mine.toml")
    assert refused.exit_code == 2 and "--extend goes on" in refused.output
    assert "of 9 trials" in launched("mine.toml", "--extend").output


def test_fresh_starts_beside_what_is_there(here: Path) -> None:
    launched("mine.toml")
    launched("mine.toml", "--fresh", "--trials", "3")
    names = [row["study"] for row in json.loads(search("list", "--json").stdout)["studies"]]
    assert names == ["mine", "mine@2"]
    assert json.loads(search("front", "mine", "--json").stdout)["trials"] == 3
    assert json.loads(search("front", "mine@1", "--json").stdout)["trials"] == 6


def test_resume_needs_no_file_and_takes_more_trials(here: Path) -> None:
    launched("mine.toml")
    (here / "mine.toml").unlink()
    assert "of 8 trials" in search("resume", "mine", "--trials", "+2", "--no-mlflow").output
    assert "of 10 trials" in search("resume", "mine", "--trials", "10", "--no-mlflow").output
    assert search("resume", "mine", "--trials", "some").exit_code == 2


def test_resume_may_change_what_is_wanted(here: Path) -> None:
    wanted = STUDY.replace("random", "ehvi") + "[interest]\nlimits = {f1 = 0.9}\n"
    (here / "mine.toml").write_text(wanted)
    launched("mine.toml")
    changed = ("resume", "mine", "--trials", "+1", "--limit", "f1=0.5", "--limit", "f2=2", "--weight", "f2=3")
    assert "of 7 trials" in search(*changed, "--no-mlflow").output
    kept = Store(here / "runs").study("mine")
    assert kept.interest == Interest(limits=(0.5, 2.0), weights=(1.0, 3.0))
    assert "of 8 trials" in search("resume", "mine", "--trials", "+1", "--no-mlflow").output
    assert Store(here / "runs").study("mine").interest == kept.interest
    for given in ("f1", "=1", "f1=low", "f1=nan"):
        result = search("resume", "mine", "--limit", given)
        assert result.exit_code == 2 and f"expected NAME=VALUE such as error=0.05, got '{given}'" in result.output
    result = search("resume", "mine", "--weight", "f3=1")
    assert result.exit_code == 2 and "[interest.weights] f3: expected one of f1, f2, got 'f3'" in result.output


def test_fewer_trials_are_refused_not_ignored(here: Path) -> None:
    launched("mine.toml")
    result = search("resume", "mine", "--trials", "3", "--no-mlflow")
    assert result.exit_code == 2 and "budget.trials: 6 -> 3" in result.output


def test_a_record_that_cannot_be_kept_costs_no_trial_and_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")  # the process that keeps the record dies at once
        result = search("launch", "mine.toml")
    assert result.exit_code == 0 and "of 6 trials" in result.output
    assert "MLflow does not have all of it" in result.output and "sync mine" in result.output
    assert not (here / "runs" / "mlflow.db").exists()
    subprocess.run([sys.executable, "-m", "search.cli", "sync", "mine"], check=True, capture_output=True)
    assert (here / "runs" / "mlflow.db").is_file()


def test_schema_is_json_and_check_says_the_origin_of_each_dimension(here: Path) -> None:
    assert "budget" in json.loads(search("schema").stdout)["properties"]
    text = search("check", "mine.toml").output
    assert "problem.zdt1.x1" in text and "from trainers.problems.zdt1" in text
    assert json.loads(search("check", "mine.toml", "--json").stdout)["reference"] == [1.1, 11.0]
    assert not (here / "runs").exists()


def test_a_study_in_which_everything_fails_ends_early_and_says_why(here: Path) -> None:
    (here / "broken.py").write_text("def train(trial):\n    raise RuntimeError('no such column: age')\n")
    text = STUDY.replace('name = "analytic"', 'name = "broken:train"').replace(
        'problem = "zdt1"', "x = {low = 0, high = 1}"
    )
    (here / "mine.toml").write_text(text.replace("trials = 6", "trials = 60"))
    result = search("launch", "mine.toml", "--no-mlflow", "--quiet")
    assert result.exit_code == 1
    assert "8 crashed" in result.output and "no such column: age" in result.output
    assert json.loads(search("status", "--json").stdout)["trials"]["crashed"] == 8


def test_two_launches_of_one_study_do_not_write_together(here: Path) -> None:
    from search.errors import StoreError
    from search.store import Store

    launched("mine.toml")
    with Store(here / "runs").lease("mine"), pytest.raises(StoreError, match=f"process {os.getpid()}"):
        with Store(here / "runs").lease("mine"):
            raise AssertionError("two leases")


SLOW = """
import time
def train(trial):
    for step in range(trial.resume_step, trial.steps):
        time.sleep(0.05)
        trial.report(step + 1, f1=1.0 - trial.params["x"], f2=trial.params["x"] + 1.0 / (step + 1))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_at_a_rung_and_resume_goes_on(here: Path, number: signal.Signals) -> None:
    (here / "slowly.py").write_text(SLOW)
    text = STUDY.replace('name = "analytic"', 'name = "slowly:train"').replace(
        'problem = "zdt1"', "x = {low = 0, high = 1}"
    )
    text = text.replace("[budget]\ntrials = 6", "[stop]\nrule = 'off'\n[budget]\nsteps = 20\nrungs = 10\ntrials = 3")
    (here / "mine.toml").write_text(text)
    program = [sys.executable, "-m", "search.cli", "launch", "mine.toml", "--no-mlflow"]
    running = subprocess.Popen(
        program, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    until = time.monotonic() + 60.0
    while time.monotonic() < until and not _reported(here / "runs"):
        time.sleep(0.02)
    running.send_signal(number)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Go on with: search resume mine" in errors and "Traceback" not in errors
    done = search("resume", "mine", "--no-mlflow")
    assert done.exit_code == 0 and "of 3 trials" in done.output


def _reported(home: Path) -> bool:
    from search.store import Store

    store: Any = Store(home)
    return bool(store.exists and store.names() and any(event["kind"] == "rung" for event in store.events("mine")))
