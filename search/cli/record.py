"""Commands on the MLflow record: ui, sync."""

import json
from pathlib import Path

import click

from search.cli.options import common, flags


@click.command()
@common
@click.argument("name", required=False)
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
def ui(name: str | None, home: Path, storage: str | None, as_json: bool, quiet: bool, port: int) -> None:
    """Serve the MLflow UI on 127.0.0.1 and print the link to the front."""
    from search import serve

    serve.run(home, storage, name, port, announce=click.echo)


@click.command()
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
            click.echo(f"{each} is in {home / 'mlflow.db'}; look at it with: search ui {each}{flags(home, storage)}")
