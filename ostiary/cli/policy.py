"""``ostiary policy``: rules written as CEL expressions."""

from typing import Annotated

import typer

from ostiary.access.explain import explain_policy
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.cli.expression_text import ExpressionFile, given, in_one_line, needed
from ostiary.events.record import COMMAND
from ostiary.parts import Parts
from ostiary.policies.engine import VOCABULARY, Question
from ostiary.policies.registry import by_name, listed, uses

_READS = ", ".join(VOCABULARY.types)
_Name = Annotated[str, typer.Argument(help="The policy's name.", show_default=False)]
_Expression = Annotated[
    str | None,
    typer.Option("--expression", "-e", help=f"A CEL expression that answers true or false. It may read {_READS}."),
]

commands = typer.Typer(help="Policies: rules written as CEL expressions.", no_args_is_help=True)


@commands.command()
def add(context: typer.Context, name: _Name, expression: _Expression = None, file: ExpressionFile = None) -> None:
    """Store a policy, such as --expression "user.email.endsWith('@example.com')"."""
    text = needed("policy", expression, file)
    run(context, lambda parts: parts.policies.create(name, text, by=COMMAND))
    say(f"Policy {name} is stored. Bind it: ostiary app bind APP --policy {name}")


@commands.command("list")
def list_command(context: typer.Context) -> None:
    """List all policies."""
    run(context, _list)


async def _list(parts: Parts) -> None:
    async with parts.database.reading() as r:
        rows = [(policy.name, str(await uses(r, policy)), in_one_line(policy.expression)) for policy in await listed(r)]
    show_columns(("NAME", "BINDINGS", "EXPRESSION"), rows)


@commands.command()
def show(context: typer.Context, name: _Name) -> None:
    """Print a policy's expression."""
    run(context, lambda parts: _show(parts, name))


async def _show(parts: Parts, name: str) -> None:
    async with parts.database.reading() as r:
        say((await by_name(r, name)).expression)


@commands.command("set")
def set_command(
    context: typer.Context,
    name: _Name,
    expression: _Expression = None,
    file: ExpressionFile = None,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.")] = None,
) -> None:
    """Change a policy; every application that it is bound to follows at once."""
    text = given("policy", expression, file)
    run(context, lambda parts: parts.policies.update(name, new_name=new_name, expression=text, by=COMMAND))
    say(f"Policy {new_name or name} is stored.")


@commands.command()
def delete(context: typer.Context, name: _Name) -> None:
    """Delete a policy. Its bindings stay and never pass: what needed it stays closed."""
    bindings = run(context, lambda parts: parts.policies.delete(name, by=COMMAND))
    left = " 1 binding that named it stays" if bindings == 1 else f" {bindings} bindings that named it stay"
    say(f"Policy {name} is deleted." + (f"{left} and never pass{'es' if bindings == 1 else ''}." if bindings else ""))


@commands.command("test")
def evaluate(
    context: typer.Context,
    name: _Name,
    user: Annotated[str, typer.Argument(help="A username.")],
    host: Annotated[str, typer.Option(help="The host that is asked for.")] = "",
    path: Annotated[str, typer.Option(help="The path that is asked for.")] = "/",
    method: Annotated[str, typer.Option(help="The method of the request.")] = "GET",
    ip: Annotated[str, typer.Option(help="The client's address.")] = "",
) -> None:
    """Print what a policy answers for USER, as if it were asked now."""
    run(context, lambda parts: _evaluate(parts, name, user, host, path, method, ip))


async def _evaluate(parts: Parts, name: str, user: str, host: str, path: str, method: str, ip: str) -> None:
    question = Question(now=parts.clock.now(), host=host, method=method.upper(), path=path, client_ip=ip)
    async with parts.database.reading() as r:
        say((await explain_policy(r, user, name, question)).text)
