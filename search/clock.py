"""Where a launch's time goes: seconds by part, so that `search status` can say what is not training."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

WORK = ("training", "measuring")  # everything else is the launch's own overhead
ELSEWHERE = ("workers trained", "workers waited")  # seconds of other processes, while this one counts its own


class Clock:
    """Seconds by part. Parts nest, and every moment belongs to the innermost one."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = defaultdict(float)
        self._parts: list[str] = []
        self._since = time.perf_counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self._charge()
        self._parts.append(name)
        try:
            yield
        finally:
            self._charge()
            self._parts.pop()

    def add(self, name: str, seconds: float) -> None:
        """Seconds that passed elsewhere."""
        self._seconds[name] += seconds

    def take(self) -> dict[str, float]:
        """The seconds since the last call, rounded to milliseconds; of parts that are still open too."""
        self._charge()
        taken = {name: round(seconds, 3) for name, seconds in self._seconds.items()}
        self._seconds.clear()
        return taken

    def _charge(self) -> None:
        now = time.perf_counter()
        if self._parts:
            self._seconds[self._parts[-1]] += now - self._since
        self._since = now


def overhead(seconds: Mapping[str, float]) -> float:
    """Share of the time that is neither training nor measuring."""
    seconds = {name: each for name, each in seconds.items() if name not in ELSEWHERE}
    total = sum(seconds.values())
    return 1.0 - sum(seconds.get(name, 0.0) for name in WORK) / total if total else 0.0


def idle(seconds: Mapping[str, float]) -> float | None:
    """Share of the workers' time in which they waited for something to do; None where there were none."""
    trained, waited = (seconds.get(name, 0.0) for name in ELSEWHERE)
    return waited / (trained + waited) if trained else None
