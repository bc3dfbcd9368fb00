"""``ostiary simulate``: who would gain and who would lose access."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ostiary.cli.blueprint_files import Content, content
from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.parts import Parts
from ostiary.simulation.report import Report, anybody, changes, rows, summary
from ostiary.simulation.runner import Asked, Draft
from ostiary.simulation.runner import simulate as simulated


def simulate(
    context: typer.Context,
    change: Annotated[
        list[str],
        typer.Option("--change", help="A blueprint with the change; - is standard input. Repeatable, in this order."),
    ],
    names: Annotated[int, typer.Option(min=0, max=100_000, help="How many people to name at each application.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show who would gain and who would lose access by a change, with the reasons, and change nothing.

    Ends with status 0 where nobody would, 2 where somebody would or might, 1 on any error.
    """
    drafts = [draft(content(file)) for file in change]
    found = run(context, lambda parts: access_after(parts, drafts, names))
    if as_json:
        say(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        show(found)
    if changes(found):
        raise typer.Exit(2)


def draft(one: Content) -> Draft:
    """A file as the simulation's child reads it."""
    outside = one.outside
    return Draft(one.name, one.data.decode("utf-8", "surrogateescape"), outside.environment, outside.directory)


async def access_after(parts: Parts, drafts: Sequence[Draft], names: int) -> Report:
    """Runs the simulation; a terminal sees how far it is."""

    def progress(percent: int) -> None:
        if sys.stderr.isatty():
            typer.echo(f"\r{percent:3} %", nl=percent == 100, err=True)

    asked = Asked(drafts, each=names, most=max(names, 10_000))
    return await simulated(parts.settings, parts.settings.database.url, asked, progress=progress)


def show(found: Report) -> None:
    """The differences as a table, then the sums."""
    table = [tuple(map(_safe, row)) for row in rows(found)]
    if table:
        show_columns(("APPLICATION", "PERSON", "BEFORE → AFTER", "REASON"), table)
        say()
    for line in anybody(found):
        say(_safe(line))
    if found["truncated"]:
        for one in found["applications"]:
            say(_safe(f"{one['slug']}: {one['gains']} gain, {one['loses']} lose, {one['unclear']} depend"))
        say("Not everybody is named; --names takes more.")
    say(summary(found))


def _safe(text: str) -> str:
    # A rule's error may quote what somebody stored; a terminal obeys it.
    return "".join(c if c.isprintable() else "�" for c in text)
