"""Where a launch's time goes: seconds by part, so that `search status` can say what is not training."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

WORK = ("training", "measuring")  # everything else is the launch's own overhead


class Clock:
    """Seconds by part. Parts may nest: an inner part's seconds are not counted in the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            whole = time.perf_counter() - began
            self.seconds[name] += whole - self._inner.pop()
            self._inner[-1] += whole

    def take(self) -> dict[str, float]:
        """The seconds since the last call, rounded to milliseconds."""
        taken = {name: round(seconds, 3) for name, seconds in self.seconds.items()}
        self.seconds.clear()
        return taken


def overhead(seconds: dict[str, float]) -> float:
    """Share of the time that is neither training nor measuring."""
    total = sum(seconds.values())
    return 1.0 - sum(seconds.get(name, 0.0) for name in WORK) / total if total else 0.0
