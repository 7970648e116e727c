"""Commands on studies, launched or not: status, list, check, schema."""

import json
from pathlib import Path
from typing import Any

import click

from search.cli.options import JSON, common, latest, proposer, stored


@click.command()
@common
@click.argument("name", required=False)
def status(name: str | None, home: Path, storage: str | None, as_json: bool, quiet: bool) -> None:
    """What a study (by default the latest) has done, what failed and why, and where its time went."""
    from search import amortise, audit, explored, live, promised
    from search import clock as clocks
    from search import front as fronts
    from search.store import Store

    store = Store(home, storage)
    made, full, trials = store.load(name or latest(store))
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
        "proposer": proposer(made, trials),
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


@click.command("list")
@common
def list_(home: Path, storage: str | None, as_json: bool, quiet: bool) -> None:
    """The studies of the home folder, and those that ship."""
    from search import front as fronts
    from search import study as studies
    from search.store import Store

    store = Store(home, storage)
    rows = []
    for name in store.names():
        made, _, trials = stored(name, home, storage)
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


@click.command()
@click.argument("study")
@JSON
def check(study: str, as_json: bool) -> None:
    """Say what STUDY would do, without doing it: space, objectives, budget, time."""
    from search import checked
    from search import study as studies

    made = studies.read(study)
    click.echo(json.dumps(checked.to_json(made), indent=1) if as_json else checked.text(made))


@click.command()
def schema() -> None:
    """The JSON schema of a study file, for editors."""
    from search import study as studies

    click.echo(json.dumps(studies.schema(), indent=1))
