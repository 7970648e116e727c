"""What commands share: the options that many take, and how a study is found and shown."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

HOME = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    envvar="SEARCH_HOME",
    show_default=True,
    help="The folder that holds everything: studies, models, the MLflow record.",
)
STORAGE = click.option(
    "--storage",
    metavar="URL",
    envvar="SEARCH_STORAGE",
    help="An Optuna storage URL for the trials, instead of a file in the home folder.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
QUIET = click.option("--quiet", "-q", is_flag=True, help="Print the result only.")


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command on a stored study takes."""
    return HOME(STORAGE(JSON(QUIET(command))))


def places(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that train: where."""
    for option in (
        click.option("--dask", metavar="ADDRESS", help="Workers are tasks on this dask scheduler: tcp://host:8786."),
        click.option("--slots", type=click.IntRange(1), default=1, metavar="N", help="Workers on each of --devices."),
        click.option("--devices", metavar="LIST", help="Devices that workers are dealt over: cuda:0,cuda:1."),
        click.option("--workers", type=click.IntRange(1), metavar="N", help="Train in N processes, not in this one."),
    ):
        command = option(command)
    return command


def numbers(given: tuple[str, ...], option: str) -> dict[str, float]:
    """NAME=VALUE, each a finite number."""
    import math

    found = {}
    for each in given:
        name, _, text = each.rpartition("=")
        try:
            found[name] = float(text)
        except ValueError:
            name = ""
        if not name or not math.isfinite(found[name]):
            raise click.BadParameter(f"expected NAME=VALUE such as error=0.05, got {each!r}", param_hint=option)
    return found


def stored(name: str, home: Path, storage: str | None) -> tuple[Any, str, list[Any]]:
    """A stored study, its full name and its trials."""
    from search.store import Store

    return Store(home, storage).load(name)


def latest(store: Any) -> str:
    from search.errors import StoreError

    names: list[str] = store.names()
    if not names:
        raise StoreError("status", expected=f"a study in {store.home}", hint="Start one with: search launch NAME")
    return names[-1]


def proposer(made: Any, trials: Any) -> str:
    """Who proposes, and why it was taken."""
    from search import ask

    name, why = ask.proposer(made, trials)
    return f"auto, which took {name}: {why}" if why else name


def show(found: Any) -> None:
    """The front as a table on standard output; thin lines for a pipe."""
    if not sys.stdout.isatty() or not found.points:
        click.echo(str(found))
        return
    from rich.console import Console

    from search import live

    console = Console()
    console.print(found.title, highlight=False)
    console.print(live.table(found))


def flags(home: Path, storage: str | None) -> str:
    """What has to be typed again to mean the same place."""
    return ("" if home == Path("runs") else f" --home {home}") + (" --storage URL" if storage else "")


def next_steps(study: str, home: Path, storage: str | None, links: dict[str, str], *, merging: bool) -> None:
    where, called = flags(home, storage), program()
    hints = {f"front {study} --html front.html{where}": "one page that works offline"}
    if links:
        hints = {f"ui {study}{where}": "the front in the MLflow UI", **hints}
    hints[f"resume {study} --trials +32{where}"] = "spend more budget"
    if merging:
        hints[f"merge {study} --budget 24{where}"] = "more merged models, which train nothing"
    wide = max(map(len, hints))
    click.echo("\nNext:")
    for words, purpose in hints.items():
        click.echo(f"  {called} {words.ljust(wide)}   {purpose}")


def program() -> str:
    """What to type for this command line: ``search``, or the way to it where it is not on the path."""
    import shutil

    called = Path(sys.argv[0])
    return "search" if shutil.which("search") or called.name != "search" else str(called)
