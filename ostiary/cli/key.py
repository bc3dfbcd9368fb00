"""``ostiary key``: the keys that sign who somebody is."""

from datetime import datetime
from typing import Annotated

import typer

from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.events.record import COMMAND
from ostiary.keys.keyring import listed
from ostiary.kit.errors import InvalidInput
from ostiary.parts import Parts

commands = typer.Typer(help="The keys that sign who somebody is.", no_args_is_help=True)


@commands.command("list")
def list_command(context: typer.Context) -> None:
    """List the keys: the one that signs, the next one, and those that are still published. Times are UTC."""
    run(context, _list)


async def _list(parts: Parts) -> None:
    async with parts.database.reading() as r:
        rows = [
            (key.kid, key.algorithm, key.state, _when(key.created), _when(key.activated), _when(key.expires))
            for key in await listed(r)
        ]
    show_columns(("kid", "algorithm", "state", "published", "signs since", "ends"), rows)


@commands.command()
def rotate(
    context: typer.Context,
    hurry: Annotated[
        bool, typer.Option("--hurry", help="Also if applications may not know the next key yet: it is an hour young.")
    ] = False,
    discard: Annotated[
        bool,
        typer.Option(
            "--discard",
            help="Replace every key and publish none of the old ones: for keys that may be in wrong hands. What they"
            " signed is refused as soon as applications read the key set again.",
        ),
    ] = False,
) -> None:
    """Let the next key sign from now on. The one before stays published until nothing that it signed is good."""
    if hurry and discard:
        raise InvalidInput("key.rotate_how", "hurry: give either --hurry or --discard.", field="hurry")

    async def body(parts: Parts) -> None:
        if discard:
            await parts.keyring.discard(by=COMMAND)
        else:
            await parts.keyring.rotate(by=COMMAND, hurry=hurry)

    run(context, body)
    say("All keys are new." if discard else "The next key signs now.")


def _when(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
