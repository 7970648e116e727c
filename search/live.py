"""What a launch shows while it runs: on a terminal a live view, otherwise a plain line now and then."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from search import front
from search.front import Front
from search.study import Study
from search.trial import Trial

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

EVERY = 2.0  # seconds between two plain lines
BARS = "▁▂▃▄▅▆▇█"
WIDTH = 40


class Live:
    """``update`` is told the trials after every change. Use as a context manager."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet, self.fancy = quiet, sys.stderr.isatty() and not quiet
        self.began, self.told, self.start_done = time.monotonic(), 0.0, -1
        self._live: Any = None

    def __enter__(self) -> "Live":
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def update(self, study: Study, name: str, trials: Sequence[Trial]) -> None:
        """Show the study as it is now."""
        done = sum(trial.state != "running" for trial in trials)
        if self.start_done < 0:
            self.start_done = done
        now = time.monotonic()
        if self.quiet or (now - self.told < (0.2 if self.fancy else EVERY)):
            return
        self.told = now
        if not self.fancy:
            print(line(study, name, trials, self._left(study, done)), file=sys.stderr, flush=True)
            return
        from rich.live import Live as RichLive

        if self._live is None:
            self._live = RichLive(transient=True, auto_refresh=False, console=_console())
            self._live.start()
        self._live.update(self._view(study, name, trials, done), refresh=True)

    def _left(self, study: Study, done: int) -> float | None:
        """Seconds that are left, from this launch's own pace; None before anything has ended."""
        fresh = done - self.start_done
        if fresh <= 0:
            return None
        return (time.monotonic() - self.began) / fresh * (planned(study) - done)

    def _view(self, study: Study, name: str, trials: Sequence[Trial], done: int) -> "Group":
        from rich.console import Group
        from rich.text import Text

        found = front.build(study, trials)
        total = planned(study)
        filled = round(WIDTH * done / total)
        heights = [height for _, height in found.curve]
        title = Text.assemble((name, "bold"), f"  {'━' * filled}", ("━" * (WIDTH - filled), "dim"), f"  {done}/{total}")
        states = Text("  " + counted(trials))
        volume = Text(f"  front {len(found)}   hypervolume {found.hypervolume:.4g}  {sparkline(heights)}")
        left = self._left(study, done)
        clock = Text(
            f"  {minutes(time.monotonic() - self.began)} gone" + (f", about {minutes(left)} left" if left else ""),
            "dim",
        )
        return Group(title, states, volume, clock, *([table(found, 8)] if len(found) else []))


def planned(study: Study) -> int:
    """How many trials the whole budget is."""
    return study.table.budget.trials + (study.table.merge.evaluations if study.table.merge else 0)


def counts(trials: Sequence[Trial]) -> dict[str, int]:
    """How many are running, done, stopped, merged, and how many failed of each cause."""
    states = Counter(
        "merged" if t.kind == "merged" and t.complete else t.failure.cause if t.failure else t.state for t in trials
    )
    words = {"finished": "done"}
    order = ["running", "finished", "stopped", "merged"]
    named = sorted(states, key=lambda state: (order.index(state) if state in order else len(order), state))
    return {words.get(state, state): states[state] for state in named}


def counted(trials: Sequence[Trial]) -> str:
    """``3 running, 40 done, 12 stopped, 2 diverged``."""
    return ", ".join(f"{count} {word}" for word, count in counts(trials).items())


def line(study: Study, name: str, trials: Sequence[Trial], left: float | None) -> str:
    found = front.build(study, trials, certain=False)
    done = sum(trial.state != "running" for trial in trials)
    rest = f", about {minutes(left)} left" if left else ""
    reached = f"front {len(found)}, hypervolume {found.hypervolume:.4g}{rest}"
    return f"{name} {done}/{planned(study)}: {counted(trials)}; {reached}"


def sparkline(heights: Sequence[float], width: int = 24) -> str:
    """The curve in one line of text, from its lowest to its highest."""
    if len(heights) < 2 or heights[-1] <= heights[0]:
        return ""
    picked = [heights[round(i * (len(heights) - 1) / (width - 1))] for i in range(width)]
    low, high = picked[0], picked[-1]
    return "".join(BARS[min(int((height - low) / (high - low) * len(BARS)), len(BARS) - 1)] for height in picked)


def minutes(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )


def table(found: Front, most: int | None = None) -> "Table":
    """The front with both splits, the best of each objective and the knee marked. ``most``: rows, spread out."""
    from rich.table import Table

    shown = found.points
    if most and len(shown) > most:
        step = (len(shown) - 1) / (most - 1)
        shown = tuple(shown[round(i * step)] for i in range(most))
    made = Table(box=None, pad_edge=False, header_style="bold", title_justify="left", title_style="bold")
    made.add_column("")
    units = {o.name: f" [{o.unit}]" if o.unit else "" for o in found.objectives}
    for name in found.names:
        made.add_column(name + units[name].replace("[", r"\["), justify="right")
    if found.doubted:
        made.add_column("P(front)", justify="right")
    has_report = any(point.report_values for point in shown)
    for name in found.names if has_report else []:
        made.add_column(f"report {name}", justify="right", style="dim")
    made.add_column("")
    for point in shown:
        cells = [f"[bold]{front.shown(point, n)}[/]" if n in point.best else front.shown(point, n) for n in found.names]
        if found.doubted:
            cells.append(f"{point.probability:.2f}")
        if has_report:
            cells += [f"{point.report_values[n]:.4g}" if n in point.report_values else "-" for n in found.names]
        colour = "dark_orange" if point.kind == "merged" else "dodger_blue1"
        made.add_row(f"[{colour}]{point.id}[/]", *cells, front.marks(point), style="dim" if point.doubtful else "")
    return made


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True)
