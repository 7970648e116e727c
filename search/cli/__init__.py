"""The command line. Every command imports what it needs when it runs, so that `search --help` costs nothing."""

import sys
from typing import Any

import click

from search.cli import fronts, launching, record, studies


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


for command in (
    launching.launch, launching.resume, launching.merge, fronts.front, fronts.pick, fronts.diff, fronts.explain,
    studies.status, studies.list_, studies.check, studies.schema, record.ui, record.sync,
):  # fmt: skip
    main.add_command(command)
