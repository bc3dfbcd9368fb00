"""The command `ostiary` and what it is made of."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import ostiary
from ostiary.cli.commands import Commands
from ostiary.cli.context import Invocation, fail
from ostiary.kit.errors import OstiaryError

app = typer.Typer(
    name="ostiary",
    cls=Commands,
    help="Signs people in once and guards every application behind an ingress.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ostiary {ostiary.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", envvar="OSTIARY_CONFIG", help="A YAML file with settings.", show_default=False),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    context.obj = Invocation(config)


def main() -> None:
    """The console script: errors become one sentence and an exit status."""
    # Whatever is written holds people's data: the database, its journal, backups.
    os.umask(0o077)
    try:
        app()
    except OstiaryError as error:
        sys.exit(fail(error))
