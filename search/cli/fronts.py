"""Commands on what was found: front, pick, diff, explain."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search.cli.options import common, numbers, program, show, stored

if TYPE_CHECKING:
    from search.front import Front


@click.command()
@common
@click.argument("name")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page that works offline.")
@click.option("--csv", type=click.Path(dir_okay=False, path_type=Path), help="Write the table.")
def front(
    name: str, home: Path, storage: str | None, as_json: bool, quiet: bool, html: Path | None, csv: Path | None
) -> None:
    """The front of a study as a table, on the split that chose and on the split kept apart."""
    from search import front as fronts

    made, _, trials = stored(name, home, storage)
    found = fronts.build(made, trials)
    if html:
        from search import figures

        html.write_text(figures.page(found, trials), encoding="utf-8")
    if csv:
        csv.write_text(found.to_csv(), encoding="utf-8")
    if as_json:
        click.echo(found.dumps())
    elif not quiet or not (html or csv):
        show(found)
    for path in (html, csv):
        if path and not quiet and not as_json:
            click.echo(f"wrote {path}")


@click.command()
@common
@click.argument("name")
@click.option("--max", "most", metavar="NAME=VALUE", multiple=True, help="Members above it are out of question.")
@click.option("--min", "least", metavar="NAME=VALUE", multiple=True, help="Members below it are out of question.")
@click.option("--weight", "weights", metavar="NAME=VALUE", multiple=True, help="How much an objective matters; else 1.")
@click.option("--near", metavar="NAME=VALUE", multiple=True, help="The value that one would like; else the best.")
@click.option("--regret", is_flag=True, help="The member whose largest regret is least: all weights 1.")
@click.option("--export", "folder", type=click.Path(path_type=Path), help="Write its model, with its lineage, there.")
@click.option("--register", "registry", metavar="NAME[@ALIAS]", help="Put it into MLflow's model registry.")
def pick(
    name: str, home: Path, storage: str | None, as_json: bool, quiet: bool, most: tuple[str, ...],
    least: tuple[str, ...], weights: tuple[str, ...], near: tuple[str, ...], regret: bool, folder: Path | None,
    registry: str | None,
) -> None:  # fmt: skip
    """Pick one member of the front (by default the knee), and say what its neighbours give for what."""
    from search import front as fronts
    from search import pick as picks

    made, full, trials = stored(name, home, storage)
    found = fronts.build(made, trials)
    wanted: dict[str, Any] = {"limits": _bounds(found, most, "--max") | _bounds(found, least, "--min")}
    if weights or regret:
        wanted["weights"] = numbers(weights, "--weight")
    if near:
        wanted["near"] = numbers(near, "--near")
    point = picks.pick(found, **wanted)
    exchanges, target, registered = picks.exchanges(found, point), None, None
    if registry is not None:
        from search import follower
        from search.record import registry as registering

        target = registering.parse(registry)
    if folder or target:
        from search.clock import Clock
        from search.export import export
        from search.files import Files
        from search.run import Runner

        runner = Runner(made, cache=home / "cache", folder=home / full / "trials", clock=Clock())
        with tempfile.TemporaryDirectory() as passing:
            place = folder or Path(passing) / point.id
            export(place, made, trials, point, Files(home / full), runner, exchanges)
            if target:
                follower.mirror(home, storage, full)  # the version belongs to the member's run, which may not be there
                registered = registering.register(home, made.name, follower.generation(full), point.id, place, *target)
    if as_json:
        told = {"point": vars(point), "exchanges": [vars(each) for each in exchanges]}
        told |= {"folder": str(folder)} if folder else {}
        click.echo(json.dumps(told | ({"registered": vars(registered)} if registered else {}), indent=1))
        return
    units = {aim.name: f" {aim.unit}" if aim.unit else "" for aim in found.objectives}
    values = [f"{each} {fronts.shown(point, each)}{units[each]}" for each in found.names]
    apart = [f"{each} {point.report_values[each]:.4g}" for each in found.names if each in point.report_values]
    sure = f", on the front with probability {point.probability:.2f}" if point.probability is not None else ""
    click.echo(f"{point.id}: {', '.join(values)}{sure}" + (f" (kept apart: {', '.join(apart)})" if apart else ""))
    if quiet:
        return
    for each in exchanges:
        click.echo(f"  {each}")
    if folder:
        click.echo(f"wrote {folder}")
    if registered:
        click.echo(f"registered {registered.name} version {registered.version}: {registered.uri}")
    if not folder and not registered:
        click.echo(f"Take it away with: {program()} pick {name} ... --export FOLDER, or --register NAME@ALIAS")


def _bounds(found: "Front", given: tuple[str, ...], option: str) -> dict[str, float]:
    """Of each objective the worst value that is still wanted."""
    made = numbers(given, option)
    other, wrong = ("--min", "max") if option == "--max" else ("--max", "min")
    for aim in found.objectives:
        if aim.name in made and aim.direction == wrong:
            why = f"since {'more' if wrong == 'max' else 'less'} {aim.name} is better"
            raise click.BadParameter(f"expected {other} {aim.name}={made[aim.name]:g}, {why}", param_hint=option)
    return made


@click.command()
@common
@click.argument("first")
@click.argument("second")
def diff(first: str, second: str, home: Path, storage: str | None, as_json: bool, quiet: bool) -> None:
    """Compare the fronts of two studies, or of two launches (NAME@2): who dominates what, where, and how surely."""
    from dataclasses import asdict

    from search import diff as diffs
    from search import front as fronts
    from search.store import Store

    store = Store(home, storage)

    def launches(name: str) -> list[Any]:
        full = store.resolve(name)
        every = [full] if "@" in name else [each for each in store.generations(name) if each != full] + [full]
        built = [fronts.build(store.study(each), store.trials(each, store.study(each))) for each in every]
        return [each for each in built[:-1] if each.points] + built[-1:]

    found = diffs.diff(launches(first), launches(second), (first, second))
    click.echo(json.dumps(asdict(found), indent=1) if as_json else str(found))


@click.command()
@common
@click.argument("name")
def explain(name: str, home: Path, storage: str | None, as_json: bool, quiet: bool) -> None:
    """Which dimension matters for what, and what holds across the whole space, as far as the model is to be trusted."""
    from dataclasses import asdict

    from search import explain as explains
    from search.errors import SearchError

    made, _, trials = stored(name, home, storage)
    found = explains.explain(made, trials)
    if found is None:
        ended = sum(bool(trial.losses) for trial in trials if not trial.parents)
        raise SearchError(f"study {name!r}", expected="trials enough for a model", got=ended)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    click.echo("\n".join(explains.lines(found)))
