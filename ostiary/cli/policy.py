"""``ostiary policy``: rules, written as CEL expressions or of a type with fields of its own."""

import json
from typing import Annotated, Any

import typer

from ostiary.access.explain import explain_policy
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.cli.expression_text import ExpressionFile, given, in_one_line, needed
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput
from ostiary.parts import Parts
from ostiary.policies.engine import VOCABULARY, Question
from ostiary.policies.models import Policy
from ostiary.policies.registry import by_name, listed, uses
from ostiary.policies.types import CONFIGURED, EXPRESSION, TYPES

_READS = ", ".join(VOCABULARY.types)
_FIELDS = "; ".join(f"{type_}: {', '.join(fields.defaults)}" for type_, fields in CONFIGURED.items())
_Name = Annotated[str, typer.Argument(help="The policy's name.", show_default=False)]
_Expression = Annotated[
    str | None,
    typer.Option("--expression", "-e", help=f"A CEL expression that answers true or false. It may read {_READS}."),
]
_With = Annotated[
    list[str] | None, typer.Option("--with", help=f"A field and its value, as length_min=12; repeatable. {_FIELDS}.")
]

commands = typer.Typer(help="Policies: rules about people, new passwords and events.", no_args_is_help=True)


@commands.command()
def add(
    context: typer.Context,
    name: _Name,
    expression: _Expression = None,
    file: ExpressionFile = None,
    type_: Annotated[str, typer.Option("--type", help=f"One of {', '.join(TYPES)}.")] = EXPRESSION,
    fields: _With = None,
) -> None:
    """Store a policy, such as --expression "user.email.endsWith('@example.com')"."""
    values = _values(fields)
    if type_ == EXPRESSION:
        values["expression"] = needed("policy", expression, file)
    elif expression is not None or file is not None:
        raise InvalidInput(
            "policy.field_unknown", "expression: this type of policy has none; use --with.", field="expression"
        )
    run(context, lambda parts: parts.policies.make(type_, name, values, by=COMMAND))
    if type_ == "password":
        say(f"Policy {name} is stored. It judges every new password from now on.")
    else:
        say(f"Policy {name} is stored. Bind it: ostiary app bind APP --policy {name}")


@commands.command("list")
def list_command(context: typer.Context) -> None:
    """List all policies."""
    run(context, _list)


async def _list(parts: Parts) -> None:
    async with parts.database.reading() as r:
        rows = [
            (policy.name, policy.type, str(await uses(r, policy)), in_one_line(_said(policy)))
            for policy in await listed(r)
        ]
    show_columns(("NAME", "TYPE", "BINDINGS", "WHAT"), rows)


@commands.command()
def show(context: typer.Context, name: _Name) -> None:
    """Print a policy's expression, or its fields."""
    run(context, lambda parts: _show(parts, name))


async def _show(parts: Parts, name: str) -> None:
    async with parts.database.reading() as r:
        policy = await by_name(r, name)
    say(policy.expression if policy.type == EXPRESSION else "\n".join(_fields(policy)))


@commands.command("set")
def set_command(
    context: typer.Context,
    name: _Name,
    expression: _Expression = None,
    file: ExpressionFile = None,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name.")] = None,
    fields: _With = None,
) -> None:
    """Change a policy; every application and flow that it is bound to follows at once."""
    values = _values(fields)
    text = given("policy", expression, file)
    if text is not None:
        values["expression"] = text

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            policy_id = (await by_name(r, name)).id
        await parts.policies.change(policy_id, values, new_name=new_name, by=COMMAND)

    run(context, body)
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
    event: Annotated[
        str | None, typer.Option(help='For event matchers, an event as the API tells it, as JSON: {"action": "login"}.')
    ] = None,
) -> None:
    """Print what a policy answers for USER, as if it were asked now."""
    happened = None if event is None else _event(event)

    async def body(parts: Parts) -> None:
        now = parts.clock.now()
        question = Question(now, host, method.upper(), path, ip, event=happened)
        async with parts.database.reading() as r:
            say((await explain_policy(r, user, name, question)).text)

    run(context, body)


def _event(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise InvalidInput("policy.event_invalid", "event: write a JSON object, such as {}.", field="event")
    return read


def _values(fields: list[str] | None) -> dict[str, Any]:
    """What ``--with`` gives: numbers, true, false and null by their words, everything else as text."""
    values: dict[str, Any] = {}
    for one in fields or ():
        name, equals, text = one.partition("=")
        if not equals:
            raise InvalidInput(
                "policy.field_invalid", "with: write a field and its value, as length_min=12.", field="with"
            )
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        values[name.strip()] = text if isinstance(value, dict | list | float) else value
    return values


def _fields(policy: Policy) -> list[str]:
    config = CONFIGURED[policy.type].complete(policy.config) if policy.type in CONFIGURED else policy.config
    return [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in config.items()]


def _said(policy: Policy) -> str:
    """What a list says of a policy: its expression, or what differs from the type's defaults."""
    if policy.type not in CONFIGURED:
        return policy.expression
    usual = set(_fields(Policy(type=policy.type, config={})))
    return ", ".join(line for line in _fields(policy) if line not in usual)
