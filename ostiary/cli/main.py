"""The command `ostiary` and what it is made of."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

# The library hands out no public name for these.
from typer._click.exceptions import NoArgsIsHelpError, UsageError

import ostiary
from ostiary.cli.commands import Commands
from ostiary.cli.context import Invocation, fail
from ostiary.kit.errors import InvalidInput, OstiaryError

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
        # The name is given because `python -m ostiary` would otherwise call itself that in its help.
        sys.exit(app(prog_name="ostiary", standalone_mode=False))
    except typer.Abort:
        sys.exit(130)
    except OstiaryError as error:
        sys.exit(_status(fail(error)))
    except NoArgsIsHelpError:
        # Making this error has printed the help already.
        sys.exit(2)
    except UsageError as error:
        sys.exit(_status(fail(_wrong_usage(error))))


def _status(status: int) -> int:
    """Of `ostiary plan` and `ostiary simulate`, 2 says that something would change, so every error is 1: who watches
    for drift must not take one for the other.
    """
    words = sys.argv[1:]
    while words and words[0].startswith("-"):
        # The one option of ours that takes a value.
        del words[: 2 if words[0] in ("-c", "--config") else 1]
    return 1 if words[:1] in (["plan"], ["simulate"]) else status


def _wrong_usage(error: UsageError) -> OstiaryError:
    """What the command line's library found wrong, in the house's form: one sentence, and where to look."""
    command = error.ctx.command_path if error.ctx else "ostiary"
    sentence = error.format_message().rstrip(".")
    return InvalidInput("command.usage", f"{sentence}; see {command} --help.")
