"""Proposals made ahead, while workers train: a worker that is done never waits for a model to be fitted.

Only for trials that are seen one by one as they come: what they are proposed from depends on who was first
anyway. Populations are proposed for at their rungs, so that the same seed gives the same trials.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from search.space import Params
from search.trial import Trial

Propose = Callable[[Sequence[Trial], int], list[Params]]


class Ahead:
    """``propose(trials, q)`` in a thread; ``workers``: as many proposals are kept ready."""

    def __init__(self, propose: Propose, workers: int) -> None:
        self.propose, self.workers = propose, workers
        self.ready: list[Params] = []
        self._thread = ThreadPoolExecutor(1)
        self._coming: Future[list[Params]] | None = None

    def take(self, trials: Sequence[Trial], q: int, left: int) -> list[Params]:
        """At most ``q`` params, of which the study has room for ``left``; fewer once the space is used up."""
        self._collect(wait=len(self.ready) < q)
        if len(self.ready) < q:
            self._begin(trials, min(left, max(q, 2 * self.workers)) - len(self.ready))
            self._collect(wait=True)
        taken, self.ready = self.ready[:q], self.ready[q:]
        if len(self.ready) < self.workers and left - q > len(self.ready):
            pending = [Trial(number=len(trials) + i, params=params, seed=None) for i, params in enumerate(taken)]
            self._begin([*trials, *pending], min(left - q, 2 * self.workers) - len(self.ready))
        return taken

    def _begin(self, trials: Sequence[Trial], q: int) -> None:
        if self._coming is None and q > 0:
            first = len(trials)
            waiting = [Trial(number=first + i, params=params, seed=None) for i, params in enumerate(self.ready)]
            self._coming = self._thread.submit(self.propose, [*trials, *waiting], q)

    def _collect(self, *, wait: bool) -> None:
        if self._coming and (wait or self._coming.done()):
            coming, self._coming = self._coming, None
            self.ready += coming.result()
