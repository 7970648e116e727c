"""A worker's end: trains what it is sent and asks at every rung. Imports no torch before its device is chosen."""

import contextlib
import os
import pickle
import signal
import socket
import threading
import time
import traceback
from collections.abc import Mapping
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainers.rung import Decision, Task, cause

if TYPE_CHECKING:
    from search.run import Report

AGAIN = 10  # attempts to connect once more, one a second


def send(connection: Connection, message: Any) -> None:
    connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))


def receive(connection: Connection) -> Any:
    return pickle.loads(connection.recv_bytes())


def serve(
    address: tuple[str, int],
    key: bytes,
    slot: int,
    device: str,
    study: tuple[Mapping[str, Any], str, str],
    options: Mapping[str, str],
    ours: bool,
) -> None:
    """Work for the coordinator at ``address`` until it says that all is done, or is gone.

    ``ours``: nobody else uses this process, so it ends with a coordinator that was killed.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to hear
    for _ in range(AGAIN):
        # a handshake that went wrong is tried again: it says nothing of the trials
        with contextlib.suppress(OSError, EOFError, AuthenticationError, Gone):
            connection = Client(address, authkey=key)
            hello = {"slot": slot, "pid": os.getpid(), "host": socket.gethostname(), "device": device}
            send(connection, hello)
            _Session(connection, device, study, options).run()
            return
        time.sleep(1.0)
    if ours:
        os._exit(1)  # whoever placed us is gone too, and would leave the process waiting for ever


class Gone(BaseException):
    """The coordinator cannot be reached. Not an Exception, so that training code does not catch it."""


class _Session:
    """One connection: tasks come, a rung goes, a decision comes, until None comes."""

    def __init__(
        self, connection: Connection, device: str, study: tuple[Mapping[str, Any], str, str], options: Mapping[str, str]
    ) -> None:
        from search.clock import Clock
        from search.run import Runner
        from search.study import StudyFile, resolve

        table = StudyFile.model_validate(dict(study[0]))
        made = resolve(table.model_copy(update={"run": table.run.model_copy(update={"device": device})}), *study[1:])
        cache, folder = Path(options["cache"]), Path(options["folder"])
        self.runner = Runner(made, cache=cache, folder=folder, clock=Clock())
        if self.runner.study.stacked:  # a user's own code keeps its own, and may not even use torch
            import torch

            torch.set_num_threads(1)
        self.connection = connection
        self.trained, self.waited, self.mark = 0.0, 0.0, time.perf_counter()

    def run(self) -> None:
        tasks: list[Task] | None
        while (tasks := self._hear()) is not None:
            try:
                self.runner.train(tasks, self._at_rung)
            except Gone:
                raise
            except BaseException as error:  # whatever training code raises, the trials have failed and we go on
                text = "".join(traceback.format_exception(error, limit=-6))
                self._say(failure={"cause": cause(error), "message": text})

    def _at_rung(self, report: "Report") -> Decision:
        kept = ("numbers", "steps", "seconds", "values", "failures", "base")
        offers = {name for name in ("weights", "checkpoint", "dear") if getattr(report, name)}
        self._say(report={name: getattr(report, name) for name in kept}, offers=offers)
        while not isinstance(heard := self._hear(), Decision):
            name, row = heard
            self._send(getattr(report, name)(*row))
        return heard

    def _say(self, *, failure: Any = None, report: Any = None, offers: Any = ()) -> None:
        now = time.perf_counter()
        self.trained, self.mark = self.trained + now - self.mark, now
        busy = (self.trained, self.waited)
        self._send({"failure": failure, "report": report, "offers": offers, "busy": busy})

    def _send(self, message: Any) -> None:
        try:
            send(self.connection, message)
        except OSError as error:
            raise Gone from error

    def _hear(self) -> Any:
        try:
            heard = receive(self.connection)
        except (OSError, EOFError) as error:
            raise Gone from error
        now = time.perf_counter()
        if self.trained:  # the start is nobody's idleness
            self.waited += now - self.mark
        self.mark = now
        return heard
