"""``ostiary flow``: the steps by which people sign in and out."""

from typing import Annotated, Any

import typer

from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.flows.bindings import bound_to
from ostiary.flows.registry import by_slug, listed
from ostiary.flows.stages.types import TYPES
from ostiary.parts import Parts

commands = typer.Typer(help="Flows: the steps by which people sign in and out.", no_args_is_help=True)


@commands.command("list")
def list_command(context: typer.Context) -> None:
    """List all flows."""
    run(context, _list)


async def _list(parts: Parts) -> None:
    async with parts.database.reading() as r:
        rows = [
            (flow.slug, flow.designation, flow.title, str(len(await bound_to(r, flow)))) for flow in await listed(r)
        ]
    show_columns(("SLUG", "DESIGNATION", "TITLE", "STAGES"), rows)


@commands.command()
def show(
    context: typer.Context,
    slug: Annotated[str, typer.Argument(help="The flow's slug.", show_default=False)],
) -> None:
    """Print a flow, its stages in order with their options, and who uses it."""
    run(context, lambda parts: _show(parts, slug))


async def _show(parts: Parts, slug: str) -> None:
    async with parts.database.reading() as r:
        flow = await by_slug(r, slug)
        bound = await bound_to(r, flow)
        uses = await parts.flows.uses.of(r, flow)
    for label, value in (
        ("slug", flow.slug),
        ("name", flow.name),
        ("title", flow.title),
        ("designation", flow.designation),
        ("who", flow.authentication),
        ("denied", flow.denied_action),
    ):
        say(f"{label:<14}{value}")
    for binding, stage in bound:
        say(f"{binding.order:>4}  {stage.type}  {stage.name}")
        options = TYPES[stage.type].whole(stage.config) if stage.type in TYPES else {}
        for name, value in options.items():
            say(f"      {name}: {_in_words(value)}")
        if binding.invalid_response_action != "retry":
            say(f"      after a wrong answer: {binding.invalid_response_action}")
    for use in uses:
        say(f"used by {use.name}")


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value or "-")
