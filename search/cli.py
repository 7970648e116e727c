"""The command line. Every command imports what it needs when it runs, so that `search --help` costs nothing."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from search.front import Front

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


class Commands(click.Group):
    """Prints a user's mistake as one line and exits with 2; lists the commands in the order of the work."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        from search.errors import SearchError

        try:
            return super().invoke(ctx)
        except SearchError as error:
            click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
            click.echo(str(error), err=True)
            sys.exit(1 if type(error).__name__ == "Hopeless" else 2)
        except BrokenPipeError:  # whoever reads what is printed has read enough
            raise
        except Exception as error:
            if type(error).__module__.startswith("sqlalchemy") or isinstance(error, OSError):
                click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
                click.echo(
                    f"the store cannot be used: {str(error).splitlines()[0]}. Nothing that was committed is lost.",
                    err=True,
                )
                sys.exit(1)
            raise

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from search.errors import near_miss

        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            hint = near_miss(args[0], self.commands)
            raise click.UsageError(f"No such command {args[0]!r}. {hint}".strip(), ctx) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pareto-search", prog_name="search")
def main() -> None:
    """Find the whole front: short training trials, merged models, one record in MLflow.

    \b
    search launch zdt1                a first front, in seconds
    search launch distill-digits      real training; models get merged
    search front distill-digits       the front as a table
    search ui                         the same in the MLflow UI
    """


@main.command()
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


@main.command()
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
                "limits": made.table.interest.limits | _numbers(limits, "--limit"),
                "weights": made.table.interest.weights | _numbers(weights, "--weight"),
            }
            table = made.table.model_copy(update={"interest": studies.InterestTable(**told)})
            made = studies.resolve(table, made.file, made.folder)
    _run(made, home, storage, as_json, quiet, where, fresh=False, extend=True, mirror=not no_mlflow, clock=clock)


@main.command()
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
@click.option("--no-mlflow", is_flag=True, help="Do not keep the MLflow record now.")
def merge(
    name: str, home: Path, storage: str | None, as_json: bool, quiet: bool, budget: int | None,
    method: str | None, rule: str | None, parents: int | None, no_mlflow: bool,
) -> None:  # fmt: skip
    """Merge models of a study's front, at its end or in between; nothing is trained."""
    from search import amortise
    from search.clock import Clock

    clock = Clock()
    with clock.part("imports"):
        made, _, trials = _stored(name, home, storage)
        made = amortise.asked(made, trials, budget=budget, method=method, rule=rule, parents=parents)
    where = dict.fromkeys(("workers", "devices", "dask", "slots"))
    _run(made, home, storage, as_json, quiet, where, extend=True, mirror=not no_mlflow, clock=clock, train=False)


def _bounds(found: "Front", given: tuple[str, ...], option: str) -> dict[str, float]:
    """Of each objective the worst value that is still wanted."""
    made = _numbers(given, option)
    other, wrong = ("--min", "max") if option == "--max" else ("--max", "min")
    for aim in found.objectives:
        if aim.name in made and aim.direction == wrong:
            why = f"since {'more' if wrong == 'max' else 'less'} {aim.name} is better"
            raise click.BadParameter(f"expected {other} {aim.name}={made[aim.name]:g}, {why}", param_hint=option)
    return made


def _numbers(given: tuple[str, ...], option: str) -> dict[str, float]:
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


def _run(
    made: Any, home: Path, storage: str | None, as_json: bool, quiet: bool, where: dict[str, Any], **options: Any
) -> None:
    from search import api, audit
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
                f"Go on with: {_program()} resume {made.name}{_where(home, storage)}",
                err=True,
            )
            sys.exit(130)
    if as_json:
        click.echo(found.dumps())
        return
    _show(found)
    if options["mirror"] and not links:
        log = home / name / "mirror.log"
        click.echo(f"MLflow does not have all of it (see {log}); try: {_program()} sync {found.study}", err=True)
    if not quiet:
        _, _, trials = _stored(name, home, storage)
        if made.table.proposer.name == "auto":
            click.echo(f"Proposed by {_proposer(made, trials)}.")
        if told := audit.audit(made, trials):
            click.echo(str(told)[0].upper() + str(told)[1:] + ".")
        _next(found.study, name, home, storage, links)


def _proposer(made: Any, trials: Any) -> str:
    """Who proposes, and why it was taken."""
    from search import ask

    name, why = ask.proposer(made, trials)
    return f"auto, which took {name}: {why}" if why else name


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


@main.command()
@common
@click.argument("name")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page that works offline.")
@click.option("--csv", type=click.Path(dir_okay=False, path_type=Path), help="Write the table.")
def front(
    name: str, home: Path, storage: str | None, as_json: bool, quiet: bool, html: Path | None, csv: Path | None
) -> None:
    """The front of a study as a table, on the split that chose and on the split kept apart."""
    from search import front as fronts

    made, _, trials = _stored(name, home, storage)
    found = fronts.build(made, trials)
    if html:
        from search import figures

        html.write_text(figures.page(found, trials), encoding="utf-8")
    if csv:
        csv.write_text(found.to_csv(), encoding="utf-8")
    if as_json:
        click.echo(found.dumps())
    elif not quiet or not (html or csv):
        _show(found)
    for path in (html, csv):
        if path and not quiet and not as_json:
            click.echo(f"wrote {path}")


@main.command()
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

    made, full, trials = _stored(name, home, storage)
    found = fronts.build(made, trials)
    wanted: dict[str, Any] = {"limits": _bounds(found, most, "--max") | _bounds(found, least, "--min")}
    if weights or regret:
        wanted["weights"] = _numbers(weights, "--weight")
    if near:
        wanted["near"] = _numbers(near, "--near")
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
        click.echo(f"Take it away with: {_program()} pick {name} ... --export FOLDER, or --register NAME@ALIAS")


@main.command()
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


@main.command()
@common
@click.argument("name")
def explain(name: str, home: Path, storage: str | None, as_json: bool, quiet: bool) -> None:
    """Which dimension matters for what, and what holds across the whole space, as far as the model is to be trusted."""
    from dataclasses import asdict

    from search import explain as explains
    from search.errors import SearchError

    made, _, trials = _stored(name, home, storage)
    found = explains.explain(made, trials)
    if found is None:
        ended = sum(bool(trial.losses) for trial in trials if not trial.parents)
        raise SearchError(f"study {name!r}", expected="trials enough for a model", got=ended)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1))
        return
    click.echo("\n".join(explains.lines(found)))


@main.command()
@common
@click.argument("name", required=False)
def status(name: str | None, home: Path, storage: str | None, as_json: bool, quiet: bool) -> None:
    """What a study (by default the latest) has done, what failed and why, and where its time went."""
    from search import amortise, audit, explored, live, promised
    from search import clock as clocks
    from search import front as fronts
    from search.store import Store

    store = Store(home, storage)
    made, full, trials = store.load(name or _latest(store))
    found, trust = fronts.build(made, trials), store.trust(full)
    seconds, promises = store.clock(full), promised.promises(made, trials)
    failures = [trial for trial in trials if trial.failure]
    steps = sum(trial.step for trial in trials)
    audited = audit.audit(made, trials)
    told: dict[str, Any] = {
        "study": full,
        "running": store.running(full),
        "trials": live.counts(trials),
        "planned": live.planned(made),
        "front": len(found),
        "hypervolume": found.hypervolume,
        "report_hypervolume": found.report_hypervolume,
        "steps": steps,
        "proposer": _proposer(made, trials),
        "model": {name: vars(each) for name, each in trust.items()},
        "explored": vars(explored.explored(made.space, trials)),
        "stopping": vars(audited) if audited else None,
        "seconds": {part: round(each, 2) for part, each in sorted(seconds.items(), key=lambda item: -item[1])},
        "overhead": round(clocks.overhead(seconds), 3),
        "workers_idle": clocks.idle(seconds),
        "surrogate_error": store.merge_error(full),
        "promises": {name: vars(each) for name, each in promises.items()},
        "merging": amortise.refusal(made, trials) if made.table.merge else None,
        "failures": [
            {"trial": t.id, "cause": t.failure.cause, "message": t.failure.message} for t in failures if t.failure
        ],
    }
    if as_json:
        click.echo(json.dumps(told, indent=1))
        return
    ended = "done" if len(trials) >= told["planned"] else "at rest"  # it was cut short, or there was no more to ask
    state = "at work" if told["running"] else "waiting to go on" if "running" in told["trials"] else ended
    click.echo(f"{full}: {state}, {live.counted(trials) or 'no trials yet'}, of {told['planned']}")
    click.echo(f"front {len(found)}, hypervolume {found.hypervolume:.4g} (report split {found.report_hypervolume:.4g})")
    heights = [height for _, height in found.curve]
    if drawn := live.sparkline(heights, 48):
        click.echo(f"  {drawn}")
    if audited:
        click.echo(f"steps {steps}; {made.table.stop.rule} {audited}")
    click.echo(f"proposed by {told['proposer']}")
    for name, each in trust.items():
        click.echo(f"  its model of {name}, each trial left out: {each}")
    if (share := told["explored"]["overall"]) is not None:
        least = min((each, name) for name, each in told["explored"]["dimensions"].items() if each is not None)
        click.echo(f"explored {share:.0%} of the space's dimensions, least {least[1]} ({least[0]:.0%})")
    if told["surrogate_error"]:
        errors = ", ".join(f"{name} {value:.3g}" for name, value in told["surrogate_error"].items())
        click.echo(f"merge surrogate, cross-validated error: {errors}")
    for name, promise in promises.items():
        click.echo(f"  {name}, promised before a merge was evaluated: {promise}")
    if told["merging"]:
        click.echo(f"no merges: {told['merging']}")
    own = {part: each for part, each in told["seconds"].items() if part not in clocks.ELSEWHERE}
    if own:
        click.echo(
            f"time {sum(own.values()):.1f} s, overhead {told['overhead']:.0%}: "
            + ", ".join(f"{part} {each:.1f}" for part, each in own.items())
        )
    if told["workers_idle"] is not None:
        click.echo(f"workers idle {told['workers_idle']:.1%}")
    for trial in failures[-5:]:
        assert trial.failure
        last = trial.failure.message.strip().splitlines()[-1] if trial.failure.message.strip() else ""
        click.echo(f"  {trial.id} {trial.failure.cause} at step {trial.failure.step}: {last}")


@main.command("list")
@common
def list_(home: Path, storage: str | None, as_json: bool, quiet: bool) -> None:
    """The studies of the home folder, and those that ship."""
    from search import study as studies
    from search.store import Store

    store = Store(home, storage)
    rows = []
    for name in store.names():
        made, _, trials = _stored(name, home, storage)
        from search import front as fronts

        found = fronts.build(made, trials, certain=False)
        rows.append({"study": name, "trials": len(trials), "front": len(found), "hypervolume": found.hypervolume,
                     "objectives": ", ".join(found.names), "running": store.running(name)})  # fmt: skip
    if as_json:
        click.echo(json.dumps({"studies": rows, "shipped": studies.shipped()}, indent=1))
        return
    for row in rows:
        mark = " (at work)" if row["running"] else ""
        reached = f"front {row['front']}, hypervolume {row['hypervolume']:.4g} over {row['objectives']}"
        click.echo(f"{row['study']}{mark}: {row['trials']} trials, {reached}")
    if not rows:
        click.echo(f"No studies in {home} yet.")
    if not quiet:
        click.echo(f"Shipped: {', '.join(studies.shipped())}")


@main.command()
@click.argument("study")
@JSON
def check(study: str, as_json: bool) -> None:
    """Say what STUDY would do, without doing it: space, objectives, budget, time."""
    from search import checked
    from search import study as studies

    made = studies.read(study)
    click.echo(json.dumps(checked.to_json(made), indent=1) if as_json else checked.text(made))


@main.command()
def schema() -> None:
    """The JSON schema of a study file, for editors."""
    from search import study as studies

    click.echo(json.dumps(studies.schema(), indent=1))


@main.command()
@common
@click.argument("name", required=False)
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
def ui(name: str | None, home: Path, storage: str | None, as_json: bool, quiet: bool, port: int) -> None:
    """Serve the MLflow UI on 127.0.0.1 and print the link to the front."""
    from search import serve

    serve.run(home, storage, name, port, announce=click.echo)


@main.command()
@common
@click.argument("name", required=False)
def sync(name: str | None, home: Path, storage: str | None, as_json: bool, quiet: bool) -> None:
    """Make the MLflow record anew from the stored trials, of NAME or of every study."""
    from search import follower
    from search.store import Store

    store = Store(home, storage)
    names = [store.resolve(name)] if name else store.names()
    for each in names:
        links = follower.mirror(home, storage, each)
        if as_json:
            click.echo(json.dumps({"study": each, **links}))
        elif not quiet:
            click.echo(f"{each} is in {home / 'mlflow.db'}; look at it with: search ui {each}{_where(home, storage)}")


def _stored(name: str, home: Path, storage: str | None) -> tuple[Any, str, list[Any]]:
    """A stored study, its full name and its trials."""
    from search.store import Store

    return Store(home, storage).load(name)


def _latest(store: Any) -> str:
    from search.errors import StoreError

    names: list[str] = store.names()
    if not names:
        raise StoreError("status", expected=f"a study in {store.home}", hint="Start one with: search launch NAME")
    return names[-1]


def _show(found: Any) -> None:
    """The front as a table on standard output; thin lines for a pipe."""
    if not sys.stdout.isatty() or not found.points:
        click.echo(str(found))
        return
    from rich.console import Console

    from search import live

    console = Console()
    console.print(found.title, highlight=False)
    console.print(live.table(found))


def _where(home: Path, storage: str | None) -> str:
    return ("" if home == Path("runs") else f" --home {home}") + (" --storage URL" if storage else "")


def _next(study: str, name: str, home: Path, storage: str | None, links: dict[str, str]) -> None:
    where, program = _where(home, storage), _program()
    hints = {f"front {study} --html front.html{where}": "one page that works offline"}
    if links:
        hints = {f"ui {study}{where}": "the front in the MLflow UI", **hints}
    hints[f"resume {study} --trials +32{where}"] = "spend more budget"
    wide = max(map(len, hints))
    click.echo("\nNext:")
    for words, purpose in hints.items():
        click.echo(f"  {program} {words.ljust(wide)}   {purpose}")


def _program() -> str:
    """What to type for this command line: ``search``, or the way to it where it is not on the path."""
    import shutil

    called = Path(sys.argv[0])
    return "search" if shutil.which("search") or called.name != "search" else str(called)


if __name__ == "__main__":
    main()
