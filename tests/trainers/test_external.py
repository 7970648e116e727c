"""A user's own code as a trainer: real functions, real programs, and everything that can go wrong with them."""

import importlib
import json
import math
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search import study
from search.clock import Clock
from search.run import Report, Runner
from trainers import external
from trainers.rung import Budget, Decision, Rung, Task

BUDGET = Budget(steps=6, rung_steps=2, population=1)
PARAMS = {
    "rate": 0.5,
    "divergence": {"name": "alpha", "order": 0.25},
    "weights": {"labels": 0.75, "teacher": 0.25},
    "words": "two words; $(true)",
    "deep": True,
}
COUNT = iter(range(1000))
linux = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for processes of others as Linux does")


class Search:
    """Stands where the search does: keeps every rung, and decides."""

    def __init__(self, *, stop_at: int = 99, admit: tuple[Task, ...] = (), error: BaseException | None = None):
        self.rungs: list[Rung] = []
        self.stop_at, self.admit, self.error = stop_at, list(admit), error

    def __call__(self, rung: Rung) -> Decision:
        self.rungs.append(rung)
        if self.error:
            raise self.error
        admit, self.admit = self.admit, []
        return Decision(keep=[rung.steps[0] < self.stop_at], admit=admit)

    @property
    def told(self) -> list[tuple[int, dict[str, float]]]:
        """(step, values) of every rung."""
        return [(rung.steps[0], {name: column[0] for name, column in rung.values.items()}) for rung in self.rungs]

    @property
    def failure(self) -> tuple[str, str]:
        """Class and message of the last rung, before which nothing failed."""
        failures = [rung.failures[0] if rung.failures else None for rung in self.rungs]
        assert failures[-1] is not None and failures[:-1] == [None] * (len(failures) - 1)
        return failures[-1]


def task(**changes: Any) -> Task:
    return Task(**{"number": 3, "params": PARAMS, "seed": 11, **changes})


Train = Callable[..., Search]


@pytest.fixture
def function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train with the body of a function ``train(trial)``."""
    monkeypatch.syspath_prepend(tmp_path)

    def train(
        body: str,
        *,
        tasks: tuple[Task, ...] = (task(),),
        limit: float | None = None,
        into: Search | None = None,
        **search: Any,
    ) -> Search:
        name = f"user{next(COUNT)}"
        (tmp_path / f"{name}.py").write_text(f"def train(trial):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n")
        importlib.invalidate_caches()
        settings = {"function": f"{name}:train", "folder": str(tmp_path / "trials"), "limit_seconds": limit}
        return run(settings, tasks, into or Search(**search))

    return train


@pytest.fixture
def program(tmp_path: Path) -> Train:
    """Train with a Python program, which has ``say(step=..., error=...)``; ``words``: the rest of its command line."""

    def train(
        body: str, words: str = "", *, tasks: tuple[Task, ...] = (task(),), limit: float | None = None, **search: Any
    ) -> Search:
        path = tmp_path / f"program{next(COUNT)}.py"
        path.write_text(f"{SAY}\n{textwrap.dedent(body)}\n")
        settings = {"command": f"{sys.executable} {path} {words}", "folder": str(tmp_path / "trials")}
        return run({**settings, "limit_seconds": limit, "cwd": str(tmp_path)}, tasks, Search(**search))

    return train


SAY = """
import json, os, signal, subprocess, sys
from pathlib import Path
folder = Path(os.environ["SEARCH_FOLDER"])
def say(**values):
    print(json.dumps(values), flush=True)
"""


def run(settings: dict[str, Any], tasks: tuple[Task, ...], search: Search) -> Search:
    external.train(tasks, budget=BUDGET, settings=settings, device="cpu", cache=Path(), at_rung=search)
    return search


def ended(pid: float, patience: float = 20.0) -> bool:
    """Whether a process that is not our child has ended, or does so in time; an event, so nothing is slept over."""
    try:
        handle = os.pidfd_open(int(pid))
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], patience)[0])
    finally:
        os.close(handle)


def test_a_function_beyond_its_time_is_ended_wherever_it_is(function: Train) -> None:
    """Also in a catch-all of its own; and no alarm is left for those who come after."""
    body = """
        import time
        while True:
            try:
                time.sleep(60)
            except Exception:
                pass
    """
    search = function(body, limit=0.2)
    assert search.failure == ("timeout", "still running after 0.2 s")
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_the_search_is_not_torn_apart_when_a_trials_time_is_up(function: Train) -> None:
    class Slow(Search):
        def __call__(self, rung: Any) -> Any:
            until = time.monotonic() + 0.3
            while time.monotonic() < until:
                pass
            return super().__call__(rung)

    slow = Slow()
    function("trial.report(2, error=1)\ntrial.report(4, error=1)", limit=0.1, into=slow)
    assert slow.told == [(2, {"error": 1.0}), (2, {})]
    assert slow.failure == ("timeout", "still running after 0.1 s")


# Functions: what counts ----------------------------------------------------------------------------------------------


def test_a_function_is_seen_at_the_rungs_and_nowhere_else(function: Train) -> None:
    search = function("for step in range(1, 7): trial.report(step, error=1 / step, cost=step)")
    assert search.told == [(step, {"error": 1 / step, "cost": step}) for step in (2, 4, 6)]
    assert all(rung.numbers == [3] and rung.finite == [True] and rung.failures == [None] for rung in search.rungs)
    assert search.rungs[0].seconds[0] <= search.rungs[-1].seconds[0]


def test_what_a_function_returns_is_its_result(function: Train) -> None:
    search = function("trial.report(2, error=0.5)\nreturn {'error': 0.25}")
    assert search.told == [(2, {"error": 0.5}), (6, {"error": 0.25})]
    assert function("return {'error': 0.25}").told == [(6, {"error": 0.25})]


def test_what_a_function_said_last_is_its_result_if_it_returns_nothing(function: Train) -> None:
    assert function("trial.report(2, error=0.5)\ntrial.report(5, error=0.1)").told == [
        (2, {"error": 0.5}),
        (6, {"error": 0.1}),
    ]
    assert function("trial.report(error=0.3)").told == [(6, {"error": 0.3})]


def test_a_step_beyond_the_budget_is_the_end_and_a_step_back_is_nothing(function: Train) -> None:
    assert function("trial.report(4, error=4)\ntrial.report(2, error=2)\ntrial.report(60, error=6)").told == [
        (4, {"error": 4.0}),
        (6, {"error": 6.0}),
    ]


def test_numbers_may_be_those_of_any_library(function: Train) -> None:
    search = function("""
        import numpy, torch
        trial.report(numpy.int64(2), error=numpy.float32(0.5))
        trial.report(torch.tensor(4), error=torch.tensor(0.25))
        return {"error": torch.tensor([0.125], requires_grad=True).sum().detach()}
    """)
    assert search.told == [(2, {"error": 0.5}), (4, {"error": 0.25}), (6, {"error": 0.125})]


def test_a_function_gets_its_trial_s_params_budget_seed_and_folder(function: Train, tmp_path: Path) -> None:
    function("""
        import json
        facts = [trial.params, trial.seed, trial.number, trial.steps, trial.rung_steps, trial.resume_step]
        (trial.folder / "facts.json").write_text(json.dumps(facts))
        return {"error": 1}
    """)
    facts = json.loads((tmp_path / "trials" / "t0003" / "facts.json").read_text())
    assert facts == [PARAMS, 11, 3, 6, 2, 0]


def test_what_comes_after_the_final_report_still_runs(function: Train, tmp_path: Path) -> None:
    search = function("""
        trial.report(6, error=0.5)
        (trial.folder / "model").touch()
        trial.report(6, error=0.1)
        (trial.folder / "never").touch()
    """)
    assert search.told == [(6, {"error": 0.5})]
    assert [path.name for path in (tmp_path / "trials" / "t0003").iterdir()] == ["model"]


def test_a_failure_after_the_final_report_does_not_undo_it(function: Train) -> None:
    search = function("trial.report(6, error=0.5)\nraise RuntimeError('while saving')")
    assert search.told == [(6, {"error": 0.5})] and search.rungs[0].failures == [None]


def test_trials_come_one_after_another_and_those_that_are_admitted_last(function: Train) -> None:
    search = function("return {'error': trial.number}", tasks=(task(), task(number=4)), admit=(task(number=9),))
    assert [rung.numbers[0] for rung in search.rungs] == [3, 4, 9]


# Functions: stopping and resuming ------------------------------------------------------------------------------------


@pytest.mark.parametrize("guard", ["except Exception:", "except (Exception, SystemExit):"])
def test_no_catch_all_keeps_a_function_alive_that_is_stopped(guard: str, function: Train, tmp_path: Path) -> None:
    search = function(
        f"""
        for step in (2, 4, 6):
            try:
                trial.report(step, error=step)
            {guard}
                (trial.folder / "swallowed").touch()
            (trial.folder / f"after-{{step}}").touch()
        """,
        stop_at=4,
    )
    assert search.told == [(2, {"error": 2.0}), (4, {"error": 4.0})]
    assert {path.name for path in (tmp_path / "trials" / "t0003").iterdir()} == {"after-2"}


def test_a_function_that_catches_everything_is_heard_no_more(function: Train) -> None:
    search = function(
        """
        for step in range(2, 100, 2):
            try:
                trial.report(step, error=step)
            except:
                pass
        return {"error": 0}
        """,
        stop_at=2,
    )
    assert search.told == [(2, {"error": 2.0})]


def test_what_a_function_cleans_up_is_cleaned_up(function: Train, tmp_path: Path) -> None:
    function("try:\n    trial.report(2, error=1)\nfinally:\n    (trial.folder / 'clean').touch()", stop_at=2)
    assert (tmp_path / "trials" / "t0003" / "clean").exists()


def test_a_resumed_function_goes_on_in_its_folder_from_its_step(function: Train) -> None:
    body = """
        state = trial.folder / "state"
        if trial.resume_step:
            assert state.read_text() == str(trial.resume_step)
        for step in range(trial.resume_step + 1, trial.steps + 1):
            state.write_text(str(step))
            trial.report(step, error=step)
    """
    assert [step for step, _ in function(body, stop_at=4).told] == [2, 4]
    assert [step for step, _ in function(body, tasks=(task(step=4),)).told] == [6]


def test_steps_that_were_reported_before_an_interruption_are_not_told_again(function: Train) -> None:
    search = function("for step in (2, 4, 6): trial.report(step, error=step)", tasks=(task(step=4),))
    assert search.told == [(6, {"error": 6.0})]


# Functions: what goes wrong ------------------------------------------------------------------------------------------


def test_a_crash_is_a_failure_with_its_traceback_and_its_step(function: Train) -> None:
    search = function("trial.report(2, error=1)\nraise RuntimeError('out of luck')")
    cause, message = search.failure
    assert cause == "crashed" and search.told[-1] == (2, {})
    assert "RuntimeError: out of luck" in message and "line 3, in train" in message


@pytest.mark.parametrize(
    ("body", "cause", "words"),
    [
        ("raise MemoryError", "out_of_memory", "MemoryError"),
        ("class OutOfMemoryError(RuntimeError): ...\nraise OutOfMemoryError('CUDA')", "out_of_memory", "CUDA"),
        ("import sys; sys.exit(3)", "crashed", "SystemExit: 3"),
        ("trial.report(0, error=1)", "crashed", "report: expected a step of 1 or more, got 0"),
        ("trial.report(1.5, error=1)", "crashed", "'float' object cannot be interpreted as an integer"),
        ("trial.report(1, error='low')", "crashed", "could not convert string to float: 'low'"),
        ("return {'error': None}", "crashed", "float() argument must be"),
        ("return 3", "crashed", "it ended without reporting any values"),
        ("pass", "crashed", "it ended without reporting any values"),
    ],
)
def test_every_end_without_a_result_has_its_class_and_its_words(
    body: str, cause: str, words: str, function: Train
) -> None:
    found, message = function(body).failure
    assert found == cause and words in message


def test_a_crash_takes_no_other_trial_with_it(function: Train) -> None:
    search = function("return {'error': 1 / (trial.number - 3)}", tasks=(task(), task(number=4)))
    assert [rung.failures[0] is None for rung in search.rungs if rung.failures] == [False, True]


class Ours(Exception):
    """Raised by the search, not by the training code."""


@pytest.mark.parametrize("error", [Ours("the disk is full"), KeyboardInterrupt("Ctrl-C")])
@pytest.mark.parametrize(
    "body",
    [
        "trial.report(2, error=1)",
        "try:\n    trial.report(2, error=1)\nexcept BaseException:\n    pass\nreturn {'error': 1}",
        "return {'error': 1}",
        "raise RuntimeError('mine')",
    ],
)
def test_an_error_of_the_search_is_not_taken_for_a_crash(body: str, error: BaseException, function: Train) -> None:
    with pytest.raises(type(error), match=str(error)):
        function(body, tasks=(task(), task(number=4)), error=error)


def test_an_error_of_the_search_ends_the_training_at_once(function: Train, tmp_path: Path) -> None:
    with pytest.raises(Ours, match="the disk is full"):
        function(
            "(trial.folder / 'began').touch()\ntrial.report(2, error=1)\n(trial.folder / 'went on').touch()",
            tasks=(task(), task(number=4)),
            error=Ours("the disk is full"),
        )
    assert [str(path.relative_to(tmp_path / "trials")) for path in (tmp_path / "trials").glob("*/*")] == ["t0003/began"]


# What the search makes of it -----------------------------------------------------------------------------------------


def judged(settings: str, tmp_path: Path, minutes: float | None = None) -> list[Report]:
    """The reports of one trial of a study whose objective is ``error``."""
    made = study.read(
        {
            "trainer": {"name": settings},
            "space": {"rate": {"low": 0, "high": 1}},
            "objectives": {"error": {"limit": 1.0}},
            "budget": {"steps": 6, "rungs": 3},
            "run": {} if minutes is None else {"trial_minutes": minutes},
        }
    )
    reports: list[Report] = []

    def at_rung(report: Report) -> Decision:
        reports.append(report)
        return Decision(keep=[report.failures[0] is None])

    Runner(made, cache=tmp_path, folder=tmp_path / "trials", clock=Clock()).train([task()], at_rung)
    return reports


@pytest.mark.parametrize(
    ("body", "minutes", "cause", "words"),
    [
        ("trial.report(2, error=float('nan'))", None, "diverged", "error = nan"),
        ("trial.report(2, error=float('inf'))", None, "diverged", "error = inf"),
        ("trial.report(2, eror=0.5)", None, "crashed", "reported one of eror, but not 'error'. Did you mean 'eror'?"),
        ("trial.report(2, error=0.5)", 1e-9, "timeout", "still running after"),
        ("1 / 0", None, "crashed", "ZeroDivisionError"),
    ],
)
def test_the_search_names_what_went_wrong(
    body: str, minutes: float | None, cause: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    name = f"judged{next(COUNT)}"
    (tmp_path / f"{name}.py").write_text(f"def train(trial):\n    {body}\n")
    (report,) = judged(f"{name}:train", tmp_path, minutes)
    (failure,) = report.failures
    assert failure is not None and failure.cause == cause and words in failure.message
    assert report.values == [{}]


# Programs: what counts -----------------------------------------------------------------------------------------------


def test_a_program_is_seen_at_the_rungs_and_its_other_lines_are_kept(program: Train, tmp_path: Path) -> None:
    search = program("""
        print("epoch 1")
        for step in range(1, 7):
            say(step=step, error=1 / step)
        print("to the log as well", file=sys.stderr)
    """)
    assert search.told == [(step, {"error": 1 / step}) for step in (2, 4, 6)]
    assert (tmp_path / "trials" / "t0003" / "output.log").read_text() == "epoch 1\nto the log as well\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"error": 0.5}', [(6, {"error": 0.5})]),
        ('  {"step": 4.0, "error": 1}', [(4, {"error": 1.0}), (6, {"error": 1.0})]),
        ('{"step": 3, "error": 0.5}', [(6, {"error": 0.5})]),
    ],
)
def test_a_program_s_line_may_be_the_final_one(line: str, told: list[Any], program: Train) -> None:
    assert program(f"print('''{line}''')").told == told


@pytest.mark.parametrize(
    "line",
    ["{}", '{"step": 2}', '{"error": "low"}', '{"error": true}', '{"error": null}', '[{"error": 1}]', "{error: 1}"],
)
def test_what_is_no_object_of_numbers_is_a_line_like_any_other(line: str, program: Train, tmp_path: Path) -> None:
    search = program(f"print('''{line}''')")
    assert search.failure == ("crashed", "it ended without reporting any values")
    assert (tmp_path / "trials" / "t0003" / "output.log").read_text() == f"{line}\n"


def test_a_nan_is_passed_on_as_what_it_is(program: Train) -> None:
    ((step, values),) = program("say(error=float('nan'))").told
    assert step == 6 and math.isnan(values["error"])


def test_a_program_may_save_its_model_after_its_last_report(program: Train, tmp_path: Path) -> None:
    search = program("say(step=6, error=0.5)\n(folder / 'model').touch()\nsys.exit(1)")
    assert search.told == [(6, {"error": 0.5})] and search.rungs[0].failures == [None]
    assert (tmp_path / "trials" / "t0003" / "model").exists()


def test_values_are_filled_in_and_stay_one_word_each(program: Train, tmp_path: Path) -> None:
    words = (
        "--rate={rate} {divergence} {divergence.alpha.order} {divergence.renyi.order} {weights.labels} {words} "
        "'{words} twice' {deep} {seed} {steps} {checkpoint} {{rate}}"
    )
    program("(folder / 'words').write_text(json.dumps(sys.argv[1:]))\nsay(error=1)", words)
    folder = tmp_path / "trials" / "t0003"
    assert json.loads((folder / "words").read_text()) == [
        "--rate=0.5", "alpha", "0.25", "", "0.75", "two words; $(true)", "two words; $(true) twice", "True", "11", "6",
        str(folder), "{rate}",
    ]  # fmt: skip


def test_a_program_finds_everything_in_its_environment(program: Train, tmp_path: Path) -> None:
    program(
        """
        known = {key: value for key, value in os.environ.items() if key.startswith("SEARCH_")}
        (folder / "environment").write_text(json.dumps([known, os.getcwd()]))
        say(error=1)
        """,
        tasks=(task(step=2),),
    )
    folder = tmp_path / "trials" / "t0003"
    known, where = json.loads((folder / "environment").read_text())
    assert json.loads(known.pop("SEARCH_PARAMS")) == PARAMS
    known.pop("SEARCH_TEST_SEED", None)
    assert known == {
        "SEARCH_SEED": "11", "SEARCH_STEPS": "6", "SEARCH_RUNG_STEPS": "2", "SEARCH_RESUME_STEP": "2",
        "SEARCH_FOLDER": str(folder),
    }  # fmt: skip
    assert Path(where).samefile(tmp_path)


def test_a_program_that_runs_elsewhere_finds_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "program.py").write_text(f"{SAY}\n(folder / 'model').touch()\nsay(error=1)\n")
    monkeypatch.chdir(tmp_path / "here")
    settings = {"command": f"{sys.executable} program.py", "folder": "runs/trials", "cwd": str(tmp_path / "there")}
    assert run(settings, (task(),), Search()).told == [(6, {"error": 1.0})]
    assert (tmp_path / "here" / "runs" / "trials" / "t0003" / "model").exists()


# Programs: what goes wrong, and how they end -------------------------------------------------------------------------


def test_a_crash_is_told_with_its_exit_code_and_the_end_of_its_log(program: Train) -> None:
    search = program("for line in range(30): print('line', line)\nsay(step=2, error=1)\nsys.exit('no more luck')")
    cause, message = search.failure
    assert cause == "crashed" and search.told[-1] == (2, {})
    assert message.splitlines() == ["exit code 1", *(f"line {n}" for n in range(19, 30)), "no more luck"]


def test_a_program_that_a_signal_ended_is_told_with_the_signal(program: Train) -> None:
    assert program("os.kill(os.getpid(), signal.SIGSEGV)").failure == ("crashed", "exit code -11\n")


def test_a_program_that_says_nothing_has_failed(program: Train) -> None:
    assert program("pass").failure == ("crashed", "it ended without reporting any values")


def test_a_program_that_is_not_there_has_failed(tmp_path: Path) -> None:
    settings = {"command": "nothing-of-that-name --x", "folder": str(tmp_path)}
    assert run(settings, (task(),), Search()).failure == ("crashed", "nothing-of-that-name: No such file or directory")
    with pytest.raises(Ours, match="the disk is full"):
        run(settings, (task(),), Search(error=Ours("the disk is full")))


def test_a_program_whose_folder_is_not_there_has_failed_for_that(tmp_path: Path) -> None:
    settings = {"command": sys.executable, "folder": str(tmp_path), "cwd": str(tmp_path / "gone")}
    assert run(settings, (task(),), Search()).failure == ("crashed", f"{tmp_path / 'gone'}: No such file or directory")


@pytest.mark.parametrize("step", ["0", "-2", "NaN", "Infinity"])
def test_a_step_that_is_none_is_a_failure_that_shows_the_line(step: str, program: Train) -> None:
    cause, message = program(f'print(\'{{"step": {step}, "error": 1}}\', flush=True)\nsignal.pause()').failure
    assert cause == "crashed" and message.endswith(f'in the line {{"step": {step}, "error": 1}}')


def test_the_search_ends_a_program_which_may_clean_up(program: Train, tmp_path: Path) -> None:
    search = program(
        """
        def end(*_):
            (folder / "clean").touch()
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        say(step=2, error=1)
        signal.pause()
        """,
        stop_at=2,
    )
    assert search.told == [(2, {"error": 1.0})]
    assert (tmp_path / "trials" / "t0003" / "clean").exists()


@linux
def test_a_program_that_will_not_end_is_killed(program: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "PATIENCE", 0.2)
    search = program(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        say(step=2, error=1, pid=os.getpid())
        signal.pause()
        """,
        stop_at=2,
    )
    assert ended(search.told[0][1]["pid"], patience=0.0)


@linux
@pytest.mark.parametrize("last", ["signal.pause()", "pass"], ids=["stopped", "done"])
def test_what_a_program_has_started_ends_with_it(last: str, program: Train) -> None:
    search = program(
        f"""
        child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], stdout=subprocess.DEVNULL)
        say(step=2, error=1, pid=child.pid)
        {last}
        """,
        stop_at=2 if last != "pass" else 99,
    )
    assert ended(search.told[0][1]["pid"])


def test_a_program_that_takes_too_long_is_ended_with_a_failure_of_its_own(program: Train) -> None:
    search = program("say(step=2, error=1)\nsignal.pause()", limit=0.5)
    assert search.failure == ("timeout", "still running after 0.5 s")
    assert [step for step, _ in search.told] == [2, 2]


@linux
def test_a_program_that_reports_beyond_the_end_is_ended(program: Train) -> None:
    search = program("say(step=6, error=1, pid=os.getpid())\nsay(step=6, error=0)\nsignal.pause()")
    ((step, values),) = search.told
    assert step == 6 and values["error"] == 1.0 and ended(values["pid"], patience=0.0)


@linux
def test_an_error_of_the_search_ends_the_program_and_passes_through(program: Train, tmp_path: Path) -> None:
    with pytest.raises(Ours, match="the disk is full"):
        program(
            "(folder / 'pid').write_text(str(os.getpid()))\nsay(step=2, error=1)\nsignal.pause()",
            tasks=(task(), task(number=4)),
            error=Ours("the disk is full"),
        )
    (pid,) = (path.read_text() for path in (tmp_path / "trials").glob("*/pid"))
    assert ended(int(pid), patience=0.0)


@linux
@pytest.mark.skipif(sys.platform != "linux", reason="only the kernel of Linux does this")
def test_no_orphan_goes_on_training_after_the_search_is_killed(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(f"{SAY}\nsay(step=2, error=1, pid=os.getpid())\nsignal.pause()\n")
    (tmp_path / "launch.py").write_text(
        textwrap.dedent(f"""
        from pathlib import Path
        from trainers import external
        from trainers.rung import Budget, Decision, Task

        def at_rung(rung):
            print(int(rung.values["pid"][0]), flush=True)
            return Decision(keep=[True])

        settings = {{"command": "{sys.executable} program.py", "folder": "trials", "cwd": "."}}
        tasks = [Task(number=0, params={{}}, seed=0)]
        budget = Budget(steps=6, rung_steps=2, population=1)
        external.train(tasks, budget=budget, settings=settings, device="cpu", cache=Path(), at_rung=at_rung)
        """)
    )
    with subprocess.Popen(
        [sys.executable, "launch.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(external.__file__).parent.parent)},
    ) as launch:  # fmt: skip
        assert launch.stdout is not None
        pid = int(launch.stdout.readline())
        assert not ended(pid, patience=0.0)
        launch.send_signal(signal.SIGKILL)
        launch.wait()
    assert ended(pid)
