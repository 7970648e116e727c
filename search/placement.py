"""How joblib gives us workers: processes of this machine (loky), or tasks on a cluster (dask).

Both offer ``begin(slot)``, ``ended(slot)`` (why a worker is over that should not be, or None), ``kill(pid)`` and
``end()``. A loky worker has an executor of its own, so that the death of one is not the death of all, and sees
one device, which is chosen before torch is imported.
"""

import contextlib
import os
import queue
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection, Listener
from typing import Any

from search.errors import WorkerError
from search.worker import receive, serve

Arguments = Callable[[int], tuple[Any, ...]]  # slot -> what ``serve`` is called with


class Loky:
    """``devices``: one for each slot."""

    def __init__(self, arguments: Arguments, devices: Sequence[str]) -> None:
        self.arguments, self.devices = arguments, devices
        self._executors: dict[int, Any] = {}
        self._futures: dict[int, Any] = {}

    def begin(self, slot: int) -> None:
        from joblib.externals.loky import ProcessPoolExecutor

        if slot in self._executors:
            self._executors[slot].shutdown(wait=False, kill_workers=True)
        self._executors[slot] = ProcessPoolExecutor(max_workers=1, env=environment(self.devices[slot]))
        self._futures[slot] = self._executors[slot].submit(serve, *self.arguments(slot))

    def ended(self, slot: int) -> str | None:
        future = self._futures[slot]
        return str(future.exception() or "it ended") if future.done() else None

    def kill(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        for executor in self._executors.values():
            executor.shutdown(wait=False, kill_workers=True)


class Dask:
    """All workers are tasks of one joblib call; the scheduler begins a lost one again by itself."""

    def __init__(self, arguments: Arguments, count: int, address: str) -> None:
        self.arguments, self.count, self.address = arguments, count, address
        self._broken: BaseException | None = None
        self._thread: threading.Thread | None = None

    def begin(self, slot: int) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._call, daemon=True)
            self._thread.start()

    def _call(self) -> None:
        try:
            import joblib
            from distributed import Client  # registers joblib's backend

            with Client(self.address, set_as_default=False, timeout=20):  # type: ignore[no-untyped-call]
                with joblib.parallel_config(backend="dask", scheduler_host=self.address):
                    calls = [joblib.delayed(serve)(*self.arguments(slot)) for slot in range(self.count)]
                    joblib.Parallel(n_jobs=self.count, batch_size=1)(calls)
        except BaseException as error:
            self._broken = error

    def ended(self, slot: int) -> str | None:
        return str(self._broken) if self._broken else None

    def kill(self, pid: int) -> None:
        """The cluster's processes are not ours to kill: the worker ends when it finds nobody at the other end."""

    def end(self) -> None:
        if self._thread:
            self._thread.join(timeout=20)


class Door:
    """Where workers come in: each connection that knows the key, with what it says of itself, in ``arrivals``."""

    def __init__(self, host: str, count: int) -> None:
        self.key = secrets.token_bytes(32)
        self.arrivals: queue.Queue[tuple[Mapping[str, Any], Connection]] = queue.Queue()
        self._listener = Listener((host, 0), authkey=self.key, backlog=count + 8)
        self.address = self._listener.address
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._closed:
            with contextlib.suppress(Exception):  # one that is not ours
                connection = self._listener.accept()
                self.arrivals.put((receive(connection), connection))

    def close(self) -> None:
        self._closed = True
        self._listener.close()


def environment(device: str) -> dict[str, str]:
    """What must be set before torch is imported: one thread, and the only device that the process sees."""
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    index = device.partition(":")[2]
    return {**threads, **({"CUDA_VISIBLE_DEVICES": index} if device.startswith("cuda:") else {})}


def own_address(scheduler: str) -> str:
    """The address under which the machines of the cluster reach this one."""
    host, _, port = scheduler.rpartition("//")[2].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, int(port)))  # sends nothing: it asks for the route
        except (OSError, ValueError, OverflowError) as error:
            rule = "a scheduler's address such as tcp://host:8786"
            raise WorkerError("--dask", expected=rule, got=scheduler) from error
        return str(probe.getsockname()[0])
