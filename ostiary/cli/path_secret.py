"""``ostiary path-secret``: what lets a proxy ask without its address being declared."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from ostiary.applications.path_secrets import DEFAULT_KEEP, SHOWN, listed
from ostiary.cli import asking
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.events.record import COMMAND
from ostiary.kit.durations import parse_duration, show_duration
from ostiary.parts import Parts

_Name = Annotated[str, typer.Argument(help="Its name, such as ingress-nginx.", show_default=False)]

commands = typer.Typer(
    help="Path secrets: a proxy that asks at an address with one needs no declared address.", no_args_is_help=True
)


@commands.command()
def add(context: typer.Context, name: _Name) -> None:
    """Make a path secret and print the address to ask at, this once. Addresses without one are refused from then on."""

    async def body(parts: Parts) -> None:
        _, secret = await parts.path_secrets.add(name, by=COMMAND)
        _show_address(secret)
        typer.echo("Addresses without a path secret are refused from now on.", err=True)

    run(context, body)


@commands.command("list")
def list_command(context: typer.Context) -> None:
    """List path secrets by name and first characters; the rest is not stored."""

    async def body(parts: Parts) -> None:
        now = parts.clock.now()
        async with parts.database.reading() as r:
            found = await listed(r, now)
        rows = [
            (
                one.name,
                f"{one.start}…",
                _moment(one.created),
                "never" if one.expires is None else _moment(one.expires),
                "current" if one.expires is None else "replaced, still good",
            )
            for one in found
        ]
        configured = parts.settings.forward_auth.path_secrets
        rows += [("(settings)", f"{secret[:SHOWN]}…", "", "never", "current") for secret in configured]
        show_columns(("NAME", "BEGINS", "MADE", "EXPIRES", "STATE"), rows)
        if configured:
            typer.echo("Those of the settings are changed in forward_auth.path_secrets.", err=True)

    run(context, body)


@commands.command()
def rotate(
    context: typer.Context,
    name: _Name,
    keep: Annotated[
        str, typer.Option(help="How long the old one is still good, such as hours=1; seconds=0 ends it at once.")
    ] = show_duration(int(DEFAULT_KEEP.total_seconds())),
) -> None:
    """Replace a path secret and print the new address; the old one is good for a while longer."""

    async def body(parts: Parts) -> None:
        kept = timedelta(seconds=parse_duration(keep, field="keep"))
        _, secret = await parts.path_secrets.rotate(name, keep=kept, by=COMMAND)
        _show_address(secret)
        ends = f"Older ones are good until {_moment(parts.clock.now() + kept)} at most."
        typer.echo(ends if kept else "No older one is good any more.", err=True)

    run(context, body)


@commands.command()
def delete(
    context: typer.Context,
    name: _Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a path secret; proxies that ask with it are refused at once."""
    asking.confirmed(f"Delete the path secret {name}?", yes=yes)

    async def body(parts: Parts) -> bool:
        await parts.path_secrets.delete(name, by=COMMAND)
        async with parts.database.reading() as r:
            return bool(await listed(r, parts.clock.now())) or bool(parts.settings.forward_auth.path_secrets)

    any_left = run(context, body)
    say(f"{name} is deleted.")
    if not any_left:
        typer.echo("It was the last: addresses without a path secret answer declared proxies again.", err=True)


def _show_address(secret: str) -> None:
    typer.echo("This address is not shown again; for another proxy, put its word in place of nginx:", err=True)
    say(f"/ostiary/auth/nginx~{secret}")


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")
