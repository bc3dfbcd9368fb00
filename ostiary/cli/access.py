"""``ostiary access``: who may open what, and why."""

from typing import Annotated

import typer

from ostiary.access.explain import explain
from ostiary.applications.registry import existing
from ostiary.cli.columns import say
from ostiary.cli.context import run
from ostiary.parts import Parts
from ostiary.policies.engine import Question

commands = typer.Typer(help="Who may open what, and why.", no_args_is_help=True)


@commands.callback()
def _access() -> None:
    """Keeps `explain` a command of its own."""


@commands.command("explain")
def explain_command(
    context: typer.Context,
    user: Annotated[str, typer.Argument(help="A username.")],
    app: Annotated[str, typer.Argument(help="An application's slug.")],
    path: Annotated[str, typer.Option(help="The path that is asked for, for policies that read it.")] = "/",
    method: Annotated[str, typer.Option(help="The method of the request.")] = "GET",
    ip: Annotated[str, typer.Option(help="The client's address.")] = "",
) -> None:
    """Print whether USER may open APP now, and each rule's part in it."""
    run(context, lambda parts: _explain(parts, user, app, path, method, ip))


async def _explain(parts: Parts, user: str, app: str, path: str, method: str, ip: str) -> None:
    async with parts.database.reading() as r:
        proxy = (await existing(r, app)).proxy
        question = Question(
            now=parts.clock.now(),
            host=proxy.host_key if proxy else "",
            method=method.upper(),
            path=path,
            client_ip=ip,
        )
        for line in (await explain(r, user, app, question)).lines():
            say(line)
