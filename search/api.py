"""Launch, resume and load studies: what the command line and a notebook share."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search import earlier, front, identity, study, trust
from search.clock import Clock
from search.errors import StoreError, StudyError, WorkerError
from search.front import Front
from search.study import Study
from search.trial import Trial

if TYPE_CHECKING:
    from search.workers import Crew

HOME = "runs"
Source = str | os.PathLike[str] | Mapping[str, Any]


def load(name: str, *, home: str | os.PathLike[str] = HOME, storage: str | None = None) -> Front:
    """The front of a study that was launched in ``home``."""
    from search.store import Store

    made, _, trials = Store(Path(home), storage).load(name)
    return front.build(made, trials)


def launch(
    source: Source,
    *,
    home: str | os.PathLike[str] = HOME,
    storage: str | None = None,
    trials: int | None = None,
    seed: int | None = None,
    fresh: bool = False,
    extend: bool = False,
    mirror: bool = True,
    quiet: bool = False,
    workers: int | None = None,
    devices: Sequence[str] = (),
    dask: str | None = None,
    asked_to_end: Callable[[], bool] = lambda: False,
) -> Front:
    """Run a study to the end of its budget and return its front; the same call again goes on where it ended.

    ``source``: a shipped study's name, a file, or a dict of the same shape. ``extend``: accept safe changes of
    the definition; ``fresh``: start anew beside what is there; ``mirror``: keep the MLflow record as well;
    ``quiet``: say nothing while it runs; ``workers``: processes that train, instead of this one, dealt over
    ``devices`` or placed by the ``dask`` scheduler at that address; ``asked_to_end``: looked at once a rung.
    Raises SearchError with one clear message; nothing is written by a launch that is refused.
    """
    from search.live import Live

    made = study.read(source, **{"budget.trials": trials, "seed": seed})
    with Live(quiet=quiet) as live:
        found, _, _ = run(
            made,
            home=Path(home),
            storage=storage,
            fresh=fresh,
            extend=extend,
            mirror=mirror,
            crew=crew(workers, devices, dask),
            observe=live.update,
            asked_to_end=asked_to_end,
        )
    return found


def run(
    made: Study,
    *,
    home: Path,
    storage: str | None = None,
    fresh: bool = False,
    extend: bool = False,
    mirror: bool = True,
    crew: "Crew | None" = None,
    observe: Callable[[Study, str, Sequence[Trial]], None] = lambda study, name, trials: None,
    asked_to_end: Callable[[], bool] = lambda: False,
    clock: Clock | None = None,
    train: bool = True,
) -> tuple[Front, str, dict[str, str]]:
    """A checked study, launched or gone on with: its front, its full name, and where MLflow shows it.

    ``train``: otherwise what is there is merged.
    """
    clock = clock or Clock()
    with clock.part("imports"):
        from search import merged
        from search.loop import Loop
        from search.store import Store
    store = Store(home, storage)
    with clock.part("store"):
        made, name, changes = _admitted(store, made, fresh=fresh, extend=extend)
        if name is None or any(change.field.startswith("prior.") for change in changes):
            made = replace(made, earlier=earlier.gather(made, store.load))
        else:
            made = replace(made, earlier=store.earlier(name))
    if made.table.merge and made.table.merge.groups > 1:
        with _one_thread(made):
            merged.check(made, store.home / "cache")
    with contextlib.ExitStack() as stack:
        with clock.part("store"):
            if name is None:
                name = store.create(made, fresh=fresh)
            killed = stack.enter_context(store.lease(name))
            if changes:
                store.define(name, made, changes)
        follower = stack.enter_context(_mirror(store, name)) if mirror else None
        full = name
        with _one_thread(made):
            loop = Loop(
                made, store, name, crew=crew, killed=killed, clock=clock, asked_to_end=asked_to_end,
                observe=lambda t: observe(made, full, t),
            )  # fmt: skip
            try:
                before = len(loop.known)
                loop.run(train=train)
                if len(loop.known) > before:
                    with clock.part("proposals"):
                        store.keep_trust(name, trust.trust(made, loop.known))
            finally:
                with clock.part("mirror"):
                    if follower:
                        follower.finish()
                    if not follower or follower.failed:
                        store.project(name, loop.known, made)
                store.spend(name, clock.take())
    return front.build(made, loop.known), name, follower.links if follower else {}


def crew(workers: int | None, devices: Sequence[str] = (), dask: str | None = None, slots: int = 1) -> "Crew | None":
    """Who trains: None for this process. Without a number, ``slots`` workers for each device."""
    from search import placement
    from search.workers import Crew

    if workers is None and not devices and dask is None:
        return None
    if dask and not find_spec("distributed"):
        hint = 'Install it with: pip install "pareto-search[dask]"'
        raise WorkerError("--dask", expected="the package distributed", got="none", hint=hint)
    if dask:
        placement.own_address(dask)  # a mistake in it is found before anything is written
    for device in devices:
        if not re.fullmatch(study.DEVICE, device):
            raise StudyError("--devices", expected="cpu, cuda, cuda:N, mps or xpu", got=device)
    return Crew(workers=workers or max(1, len(devices)) * slots, devices=tuple(devices), dask=dask)


def _admitted(store: Any, made: Study, *, fresh: bool, extend: bool) -> tuple[Study, str | None, list[identity.Change]]:
    """Whether this launch goes on with a study that is there (its name), changes it, or starts one (None)."""
    known = store.generations(made.name)
    if not known or fresh:
        return made, None, []
    name = known[-1]
    changes = identity.changes(store.definition(name), identity.definition(made))
    unsafe = [change for change in changes if not change.safe]
    if changes and (unsafe or not extend):
        listed = "\n".join(f"  {change}" for change in changes)
        safe = "" if unsafe else " --extend goes on with these changes, all of which are safe."
        ways = f"{safe} --fresh starts a new study beside it; search resume {name} goes on with the one that is there."
        hint = f"Changed:\n{listed}\n{ways.strip()}"
        if unsafe and extend:
            hint = f"Not safe: {', '.join(change.field for change in unsafe)}. " + hint
        raise StoreError(f"study {made.name!r}", expected="the definition under which it was launched", hint=hint)
    return made, name, changes


@contextlib.contextmanager
def _mirror(store: Any, name: str) -> Iterator[Any]:
    """The MLflow record, kept by a process of its own so that training never waits for it."""
    from search.follower import Follower

    follower = Follower(store.home, store.url, name)
    try:
        yield follower
    finally:
        follower.close()


@contextlib.contextmanager
def _one_thread(made: Study) -> Iterator[None]:
    """Small stacks gain nothing from more threads, and the other core is the record's; a user's code keeps its own."""
    if made.capacity == 1:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
