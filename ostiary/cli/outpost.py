"""``ostiary outpost``: which workers answer for which providers."""

import json
from typing import Annotated

import typer
from sqlalchemy import select

from ostiary.applications.models import Provider
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.outposts.health import NOBODY, NOTICE, alive
from ostiary.outposts.models import ServiceConnection
from ostiary.outposts.registry import by_name, listed, providers_of
from ostiary.parts import Parts

commands = typer.Typer(help="Which workers answer for which providers.", no_args_is_help=True)


@commands.command("list")
def list_command(context: typer.Context) -> None:
    """List the outposts, the number of providers listed at each, and the workers that are alive."""
    run(context, _list)


async def _list(parts: Parts) -> None:
    async with parts.database.reading() as r:
        outposts = await listed(r)
        served = await providers_of(r, [outpost.id for outpost in outposts])
        workers = len(await alive(r, parts.clock.now()))
    show_columns(
        ("NAME", "TYPE", "PROVIDERS", "WORKERS"),
        [
            (outpost.name, outpost.type, str(len(served.get(outpost.id, []))), str(workers if outpost.managed else 0))
            for outpost in outposts
        ],
    )


@commands.command()
def show(context: typer.Context, name: Annotated[str, typer.Argument(help="The outpost's name.")]) -> None:
    """Print an outpost: its providers, its config, and the workers that are alive."""
    run(context, lambda parts: _show(parts, name))


async def _show(parts: Parts, name: str) -> None:
    async with parts.database.reading() as r:
        outpost = await by_name(r, name)
        ids = (await providers_of(r, [outpost.id])).get(outpost.id, [])
        names = (await r.scalars(select(Provider.name).where(Provider.id.in_(ids)).order_by(Provider.name))).all()
        connection = await r.get(ServiceConnection, outpost.service_connection_id or "")
        workers = await alive(r, parts.clock.now()) if outpost.managed else ()
    say(f"{outpost.name} ({outpost.type})")
    say(f"id: {outpost.id}")
    say(f"providers: {', '.join(names) or '-'}")
    say(f"service connection: {connection.name if connection else '-'}")
    say(f"config: {json.dumps(outpost.config, sort_keys=True)}")
    if not outpost.managed:
        say(NOBODY)
        return
    say(NOTICE)
    for worker in workers:
        state = "fresh" if worker.fresh else "cannot believe its access table"
        say(f"worker {worker.id} on {worker.hostname}, {worker.version}, {worker.last_seen:%H:%M:%S} UTC, {state}")
