"""A user's own training code as a trainer: a function, or any program that prints JSON lines.

A function trains one trial and reports vectors as it goes:

    def train(trial):                                  # trainer.name = "package.module:train"
        model = build(trial.params["width"], seed=trial.seed)
        for step in range(trial.resume_step, trial.steps):
            ...
            if (step + 1) % trial.rung_steps == 0:
                save(trial.folder / "model.pt")
                trial.report(step + 1, error=0.12, latency_ms=3.4)     # ends here if the search stops the trial

A program gets its params in its command line, and all of them in its environment; it prints one JSON object
a line, such as {"step": 50, "error": 0.12}; other lines go to the trial's log:

    trainer.command = "python train.py --learning-rate {learning_rate}"
    SEARCH_PARAMS (JSON), SEARCH_SEED, SEARCH_STEPS, SEARCH_RUNG_STEPS, SEARCH_RESUME_STEP, SEARCH_FOLDER

A name that a trial has no value for, such as ``{divergence.alpha.order}`` of another divergence, is filled in
as nothing; a brace that is meant as a brace is doubled.

Trials run one after another, or one in each worker. Vectors count at multiples of ``rung_steps`` (trials are
compared at equal steps only) and at the end; one report without a step, or a returned dict, is the end. What the
code does after that, such as saving its model, is its own affair: the next trial waits for it.
"""

import contextlib
import ctypes
import importlib
import json
import operator
import os
import shlex
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from trainers.rung import Budget, Decision, Rung, Task, cause, pieces

NAMED = False  # a study names the function or the command instead
STACKED = False
PATIENCE = 10.0  # seconds that a program has to end by itself once it is asked to


class Stopped(BaseException):
    """The search ends this trial. Not an Exception, so that a catch-all in training code lets it pass."""


class Late(BaseException):
    """The trial has used up its time. Not an Exception either."""


class ExternalTrial:
    """What a user's function gets.

    ``params``: nested, as the study names them; ``seed``; ``steps``: the whole budget; ``rung_steps``: how
    often to report; ``folder``: the trial's own, kept over a resume; ``resume_step``: the last step that was
    reported before an interruption, 0 for a new trial.
    """

    def __init__(self, task: Task, budget: Budget, folder: Path, at_rung: Callable[[Rung], Decision]):
        self.params, self.seed, self.number = task.params, task.seed, task.number
        self.steps, self.rung_steps = budget.steps, budget.rung_steps
        self.folder, self.resume_step = folder, task.step
        self._at_rung, self._began = at_rung, time.perf_counter()
        self._latest: dict[str, float] = {}
        self.step = task.step
        self.ended = self.telling = self.late = False
        self.caller_error: BaseException | None = None
        self.admitted: list[Task] = []

    def report(self, step: int | None = None, /, **values: float) -> None:
        """A vector of objectives after ``step`` steps; without a step, the final one.

        Raises Stopped if the search ends the trial, and for a report after the final one.
        """
        if self.ended:
            raise Stopped
        step = self.steps if step is None else min(operator.index(step), self.steps)
        if step < 1:
            raise ValueError(f"report: expected a step of 1 or more, got {step}")
        self._latest = {name: float(value) for name, value in values.items()}
        if step > self.step and (step % self.rung_steps == 0 or step == self.steps):
            self._tell(step)
            if self.ended and step < self.steps:
                raise Stopped
            if self.late:
                raise Late

    def finish(self, result: Any = None) -> None:
        """The training code has returned: what it said last is its result."""
        if isinstance(result, Mapping):
            self._latest = {name: float(value) for name, value in result.items()}
        if self.ended:
            return
        if self._latest:
            self._tell(self.steps)
        else:
            self.fail("crashed", "it ended without reporting any values")

    def fail(self, cause: str, message: str) -> None:
        """The training code has ended without a result."""
        if not self.ended:
            self._tell(self.step, (cause, message))

    def _tell(self, step: int, failure: tuple[str, str] | None = None) -> None:
        self.step = step
        rung = Rung(
            numbers=[self.number],
            steps=[step],
            finite=[True],
            seconds=[time.perf_counter() - self._began],
            values={} if failure else {name: [value] for name, value in self._latest.items()},
            failures=[failure],
        )
        self.telling = True
        try:
            decision = self._at_rung(rung)
        except BaseException as error:  # the caller's, not the training code's: kept from its except clauses
            self.ended, self.caller_error = True, error
            raise Stopped from error
        finally:
            self.telling = False
        self.ended = failure is not None or not decision.keep[0] or step >= self.steps
        self.admitted += decision.admit


def train(
    tasks: Sequence[Task],
    *,
    budget: Budget,
    settings: Mapping[str, Any],
    device: str,
    cache: Path,
    at_rung: Callable[[Rung], Decision],
) -> None:
    """One trial after another.

    ``settings``: ``function`` or ``command``; ``folder``, where trials keep their files; ``limit_seconds`` of one
    trial, or None; for a command ``cwd``, where it runs.
    """
    live = list(tasks)
    while live:
        task = live.pop(0)
        folder = (Path(settings["folder"]) / f"t{task.number:04d}").resolve()  # a program runs somewhere else
        folder.mkdir(parents=True, exist_ok=True)
        trial = ExternalTrial(task, budget, folder, at_rung)
        if settings.get("command"):
            _run_command(trial, settings)
        else:
            _run_function(trial, settings)
        if trial.caller_error:
            raise trial.caller_error
        live += trial.admitted


def _run_function(trial: ExternalTrial, settings: Mapping[str, Any]) -> None:
    module, _, name = settings["function"].partition(":")
    limit = settings.get("limit_seconds")
    with contextlib.suppress(Stopped):
        try:
            with _alarm(limit, trial):
                result = getattr(importlib.import_module(module), name)(trial)
            trial.finish(result)
        except Late:
            trial.fail("timeout", f"still running after {limit:g} s")
        except (Exception, SystemExit) as error:
            trial.fail(cause(error), traceback.format_exc(limit=-8))


@contextlib.contextmanager
def _alarm(seconds: float | None, trial: ExternalTrial) -> Iterator[None]:
    """Late is raised in the training code after so long, where the system has alarms and this is the main thread."""
    if not seconds or not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        trial.late = True
        if not trial.telling:  # the search is at work, which must not be torn apart
            raise Late

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def _run_command(trial: ExternalTrial, settings: Mapping[str, Any]) -> None:
    with contextlib.suppress(Stopped):
        try:
            program = _start(trial, settings)
        except OSError as error:
            trial.fail("crashed", f"{error.filename}: {error.strerror}")
            return
        limit, late = settings.get("limit_seconds"), threading.Event()
        watch = threading.Thread(target=_watch, args=(program, limit, late), daemon=True)
        watch.start()
        try:
            log = trial.folder / "output.log"
            with log.open("a", buffering=1) as kept:
                for line in program.stdout or ():
                    if (report := _parse(line)) is None:
                        kept.write(line)
                    else:
                        _pass_on(trial, report, line)
            code = program.wait()
            if late.is_set():
                trial.fail("timeout", f"still running after {limit:g} s")
            elif code == 0:
                trial.finish()
            else:
                tail = "".join(log.read_text(errors="replace").splitlines(keepends=True)[-12:])
                trial.fail("crashed", f"exit code {code}\n{tail}")
        finally:
            _end(program)
            watch.join()
            if program.stdout:
                program.stdout.close()


def _start(trial: ExternalTrial, settings: Mapping[str, Any]) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "SEARCH_PARAMS": json.dumps(trial.params),
        "SEARCH_SEED": str(trial.seed),
        "SEARCH_STEPS": str(trial.steps),
        "SEARCH_RUNG_STEPS": str(trial.rung_steps),
        "SEARCH_RESUME_STEP": str(trial.resume_step),
        "SEARCH_FOLDER": str(trial.folder),
        "PYTHONUNBUFFERED": "1",
    }
    return subprocess.Popen(
        [fill(word, trial) for word in shlex.split(settings["command"])],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment,
        cwd=settings.get("cwd") or None, start_new_session=True, preexec_fn=_die_with_parent,
    )  # fmt: skip


def _watch(program: "subprocess.Popen[str]", limit: float | None, late: threading.Event) -> None:
    """End a program that is late, and what a program leaves behind: as long as that holds the pipe, we would read."""
    try:
        program.wait(limit or None)
    except subprocess.TimeoutExpired:
        late.set()
    _end(program)


def _pass_on(trial: ExternalTrial, report: dict[str, Any], line: str) -> None:
    step = report.pop("step", None)
    try:
        trial.report(None if step is None else int(step), **report)
    except (ValueError, OverflowError) as error:
        trial.fail("crashed", f"{error}, in the line {line.strip()}")
        raise Stopped from error


def fill(word: str, trial: ExternalTrial) -> str:
    """``{weights.labels}`` -> its value; after the command line is split, so a value cannot become two words."""
    known = {**_flat(trial.params), "seed": trial.seed, "steps": trial.steps, "checkpoint": trial.folder}
    return "".join(text + ("" if name is None else str(known.get(name, ""))) for text, name in pieces(word))


def _flat(params: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Nested params under a study's own names: ``divergence``, ``divergence.alpha.order``, ``weights.labels``."""
    flat: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            inner = {key: each for key, each in value.items() if key != "name"}
            chosen = value.get("name")
            if chosen is not None:
                flat[path + name] = chosen
            flat |= _flat(inner, f"{path}{name}.{chosen}." if chosen is not None else f"{path}{name}.")
        else:
            flat[path + name] = value
    return flat


def _parse(line: str) -> dict[str, Any] | None:
    """A JSON object of numbers, with one at least besides the step, or None for any other output."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return None
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in found.values()):
        return None
    return found if found.keys() - {"step"} else None


def _end(program: "subprocess.Popen[str]") -> None:
    """Ask the program and all that it started to end; insist after a while, and with what it left behind at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS: but a zombie
        os.killpg(program.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(PATIENCE)
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


try:
    _CONTROL = ctypes.CDLL(None).prctl  # found before any fork: a forked child must not load anything
except (OSError, AttributeError):
    _CONTROL = None


def _die_with_parent() -> None:
    """On Linux the kernel ends the program when the launch is killed: no orphan goes on training."""
    if _CONTROL is not None:
        _CONTROL(1, signal.SIGTERM)  # 1: PR_SET_PDEATHSIG
