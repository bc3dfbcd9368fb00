"""``ostiary mapping``: what applications are told of people, written as CEL expressions."""

from typing import Annotated

import typer

from ostiary.access.explain import explain_mapping
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.cli.expression_text import ExpressionFile, given, in_one_line, needed
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput
from ostiary.mappings.evaluate import VOCABULARY
from ostiary.mappings.registry import by_name, listed, uses
from ostiary.parts import Parts

_READS = ", ".join(VOCABULARY.types)
_Name = Annotated[str, typer.Argument(help="The mapping's name.", show_default=False)]
_Expression = Annotated[
    str | None,
    typer.Option(
        "--expression", "-e", help=f"A CEL expression that answers a text or a list of texts. It may read {_READS}."
    ),
]

commands = typer.Typer(
    help="Mappings: what applications are told of people, written as CEL expressions.", no_args_is_help=True
)


@commands.command()
def add(
    context: typer.Context,
    name: _Name,
    header: Annotated[str | None, typer.Option(help="The header that it makes, such as X-Team; it keeps it.")] = None,
    expression: _Expression = None,
    file: ExpressionFile = None,
) -> None:
    """Store a mapping, such as: ostiary mapping add team --header X-Team --expression "user.attributes.team"."""
    if header is None:
        raise InvalidInput(
            "header.name_invalid", "header: name the header that it makes, such as X-Team.", field="header"
        )
    text = needed("mapping", expression, file)
    run(context, lambda parts: parts.mappings.create(name, header, text, by=COMMAND))
    say(f"Mapping {name} is stored. Use it: ostiary app set APP --mapping {name}")


@commands.command("list")
def list_command(context: typer.Context) -> None:
    """List all mappings."""
    run(context, _list)


async def _list(parts: Parts) -> None:
    async with parts.database.reading() as r:
        rows = [
            (mapping.name, mapping.header, str(await uses(r, mapping)), in_one_line(mapping.expression))
            for mapping in await listed(r)
        ]
    show_columns(("NAME", "HEADER", "USED BY", "EXPRESSION"), rows)


@commands.command()
def show(context: typer.Context, name: _Name) -> None:
    """Print a mapping's expression."""
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
    """Change a mapping; every application that uses it follows at once. Its header stays."""
    text = given("mapping", expression, file)
    run(context, lambda parts: parts.mappings.update(name, new_name=new_name, expression=text, by=COMMAND))
    say(f"Mapping {new_name or name} is stored.")


@commands.command()
def delete(context: typer.Context, name: _Name) -> None:
    """Delete a mapping that no application uses."""
    run(context, lambda parts: parts.mappings.delete(name, by=COMMAND))
    say(f"Mapping {name} is deleted.")


@commands.command("test")
def evaluate(context: typer.Context, name: _Name, user: Annotated[str, typer.Argument(help="A username.")]) -> None:
    """Print what a mapping says of USER, or why it fails."""
    run(context, lambda parts: _evaluate(parts, name, user))


async def _evaluate(parts: Parts, name: str, user: str) -> None:
    async with parts.database.reading() as r:
        say(await explain_mapping(r, user, name))
