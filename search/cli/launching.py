"""Commands that spend budget: launch, resume, merge."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from search.cli.options import common, flags, next_steps, numbers, places, program, proposer, show, stored


@click.command()
@click.argument("study")
@common
@click.option("--trials", type=click.IntRange(1), metavar="N", help="Trials in all, instead of the study's number.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="The study's seed.")
@click.option("--fresh", is_flag=True, help="Start anew beside what was launched before.")
@click.option("--extend", is_flag=True, help="Go on with a changed definition, if every change is safe.")
@click.option("--no-mlflow", is_flag=True, help="Do not keep the MLflow record now; `search sync` makes it later.")
@places
def launch(
    study: str, home: Path, storage: str | None, as_json: bool, quiet: bool,
    trials: int | None, seed: int | None, fresh: bool, extend: bool, no_mlflow: bool, **where: Any,
) -> None:  # fmt: skip
    """Run STUDY (a shipped study's name or a file), or go on with it.

    The same command again goes on where the last one ended, whatever ended it. Ctrl-C ends at the next rung;
    a second one ends at once and loses at most the steps since the last rung.
    """
    from search import study as studies
    from search.clock import Clock

    clock = Clock()
    with clock.part("imports"):
        made = studies.read(study, **{"budget.trials": trials, "seed": seed})
    options = dict(fresh=fresh, extend=extend, mirror=not no_mlflow, clock=clock)
    _run(made, home, storage, as_json, quiet, where, **options)


@click.command()
@click.argument("name")
@common
@click.option("--trials", metavar="[+]N", help="Trials in all, or +N for so many more.")
@click.option("--limit", "limits", metavar="NAME=VALUE", multiple=True, help="[interest] limits: worse is not wanted.")
@click.option(
    "--weight", "weights", metavar="NAME=VALUE", multiple=True, help="[interest] weights: how much is wanted."
)
@click.option("--no-mlflow", is_flag=True, help="Do not keep the MLflow record now.")
@places
def resume(
    name: str, home: Path, storage: str | None, as_json: bool, quiet: bool, trials: str | None,
    limits: tuple[str, ...], weights: tuple[str, ...], no_mlflow: bool, **where: Any,
) -> None:  # fmt: skip
    """Go on with a study that was launched before, from what is stored; its file is not needed."""
    from search import study as studies
    from search.clock import Clock
    from search.store import Store

    clock = Clock()
    with clock.part("imports"):
        store = Store(home, storage)
        full = store.resolve(name)
        made = store.study(full)
        if trials is not None:
            count = int(trials) if trials.lstrip("+").isdigit() else 0
            if count < 1:
                raise click.BadParameter(f"expected a number such as 40 or +40, got {trials!r}", param_hint="--trials")
            wanted = count + (made.table.budget.trials if trials.startswith("+") else 0)
            table = made.table.model_copy(update={"budget": made.table.budget.model_copy(update={"trials": wanted})})
            made = studies.resolve(table, made.file, made.folder)
        if limits or weights:
            told = {
                "limits": made.table.interest.limits | numbers(limits, "--limit"),
                "weights": made.table.interest.weights | numbers(weights, "--weight"),
            }
            table = made.table.model_copy(update={"interest": studies.InterestTable(**told)})
            made = studies.resolve(table, made.file, made.folder)
    _run(made, home, storage, as_json, quiet, where, fresh=False, extend=True, mirror=not no_mlflow, clock=clock)


@click.command()
@click.argument("name")
@common
@click.option(
    "--budget",
    type=click.IntRange(1),
    metavar="N",
    help="So many more merged models, at least what is left of the study's own; else 24.",
)
@click.option("--method", metavar="NAME", help="[merge] method: how the coefficients are searched.")
@click.option("--rule", metavar="NAME", help="[merge] rule: how models become one.")
@click.option("--parents", type=click.IntRange(2, 8), metavar="N", help="[merge] parents: so many models.")
@click.option("--groups", type=click.IntRange(1, 8), metavar="N", help="[merge] groups: of layers, searched apart.")
@click.option("--no-mlflow", is_flag=True, help="Do not keep the MLflow record now.")
def merge(
    name: str, home: Path, storage: str | None, as_json: bool, quiet: bool, budget: int | None,
    method: str | None, rule: str | None, parents: int | None, groups: int | None, no_mlflow: bool,
) -> None:  # fmt: skip
    """Merge models of a study's front, at its end or in between; nothing is trained."""
    from search import amortise
    from search.clock import Clock

    clock = Clock()
    with clock.part("imports"):
        made, _, trials = stored(name, home, storage)
        told = {"method": method, "rule": rule, "parents": parents, "groups": groups}
        made = amortise.asked(made, trials, budget=budget, **told)
    where = dict.fromkeys(("workers", "devices", "dask", "slots"))
    _run(made, home, storage, as_json, quiet, where, extend=True, mirror=not no_mlflow, clock=clock, train=False)


def _run(
    made: Any, home: Path, storage: str | None, as_json: bool, quiet: bool, where: dict[str, Any], **options: Any
) -> None:
    from search import amortise, api, audit
    from search.live import Live
    from search.loop import Interrupted

    with Live(quiet=quiet or as_json) as live, _signals() as asked:
        try:
            found, name, links = api.run(
                made, home=home, storage=storage, crew=_crew(where), observe=live.update, asked_to_end=asked, **options
            )
        except Interrupted:
            live.__exit__()
            click.echo(
                "Stopped at a rung; everything is stored. "
                f"Go on with: {program()} resume {made.name}{flags(home, storage)}",
                err=True,
            )
            sys.exit(130)
    if as_json:
        click.echo(found.dumps())
        return
    show(found)
    if options["mirror"] and not links:
        log = home / name / "mirror.log"
        click.echo(f"MLflow does not have all of it (see {log}); try: {program()} sync {found.study}", err=True)
    if not quiet:
        _, _, trials = stored(name, home, storage)
        if made.table.proposer.name == "auto":
            click.echo(f"Proposed by {proposer(made, trials)}.")
        if told := audit.audit(made, trials):
            click.echo(str(told)[0].upper() + str(told)[1:] + ".")
        merging = made.table.merge is not None and amortise.refusal(made, trials) is None
        next_steps(found.study, home, storage, links, merging=merging)


def _crew(where: dict[str, Any]) -> Any:
    from search import api

    devices = [each for each in (where["devices"] or "").split(",") if each]
    return api.crew(where["workers"], devices, where["dask"], where["slots"])


@contextlib.contextmanager
def _signals() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM ask the launch to end at the next rung; the second one ends it at once."""
    import signal

    asked: list[int] = []

    def ask(number: int, _: Any) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        click.echo("\nEnding at the next rung (once more to end at once) ...", err=True)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
