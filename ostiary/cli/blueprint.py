"""``ostiary plan``, ``ostiary apply`` and ``ostiary export``: the installation in files."""

import json
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from ostiary.blueprints.apply import Outcome, Source
from ostiary.blueprints.entries import read
from ostiary.blueprints.export import Export
from ostiary.blueprints.registry import Blueprints
from ostiary.blueprints.report import as_json, lines
from ostiary.cli.blueprint_files import Content, content
from ostiary.cli.columns import say
from ostiary.cli.context import run
from ostiary.cli.simulate import access_after, draft, show
from ostiary.events.record import COMMAND
from ostiary.objects.kinds import all_kinds
from ostiary.parts import Parts
from ostiary.simulation.report import Report

_Files = Annotated[
    list[str],
    typer.Argument(help="Blueprints in authentik's format, in this order; - is standard input.", show_default=False),
]
# How many people a plan names at each application.
_NAMES = 20
_Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def plan(
    context: typer.Context,
    files: _Files,
    access: Annotated[
        bool, typer.Option("--access/--no-access", help="Say who would gain and who would lose access.")
    ] = True,
    as_json: _Json = False,
) -> None:
    """Show what `ostiary apply` would change, field by field, and change nothing.

    Ends with status 0 where nothing would change, 2 where something would, 1 on any error.
    """
    contents = [content(file) for file in files]

    async def main(parts: Parts) -> tuple[Outcome, Report | None]:
        outcome = await _room(parts).plan([_source(one) for one in contents], by=COMMAND)
        if not access or not outcome.changes:
            return outcome, None
        return outcome, await access_after(parts, [draft(one) for one in contents], _NAMES)

    outcome, found = run(context, main)
    if as_json:
        more = {} if found is None else {"access": found}
        say(json.dumps({**_as_json(outcome), **more}, ensure_ascii=False, indent=2))
    else:
        _show(outcome, as_json=False)
        if found is not None:
            show(found)
    if outcome.changes:
        raise typer.Exit(2)


def apply(context: typer.Context, files: _Files, as_json: _Json = False) -> None:
    """Make everything as the blueprints say, all of it or nothing. Doing it twice changes nothing."""
    outcome = _run(context, files, lambda room, sources: room.apply(sources, by=COMMAND))
    _show(outcome, as_json=as_json, done=True)


def export(
    context: typer.Context,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="Only objects of this type, such as authentik_core.group; repeatable."),
    ] = None,
) -> None:
    """Print what is there as one blueprint, without any secret."""

    async def body(parts: Parts) -> None:
        async with parts.database.reading() as r:
            sys.stdout.write(await Export(all_kinds(parts)).written(r, model or ()))

    run(context, body)


def _run(
    context: typer.Context, files: list[str], body: Callable[[Blueprints, list[Source]], Awaitable[Outcome]]
) -> Outcome:
    sources = [_source(content(file)) for file in files]
    return run(context, lambda parts: body(_room(parts), sources))


def _room(parts: Parts) -> Blueprints:
    return Blueprints(database=parts.database, clock=parts.clock, roles=parts.roles, kinds=all_kinds(parts))


def _source(one: Content) -> Source:
    return Source(read(one.name, one.data), one.outside)


def _show(outcome: Outcome, *, as_json: bool, done: bool = False) -> None:
    if as_json:
        say(json.dumps(_as_json(outcome), ensure_ascii=False, indent=2))
    else:
        for line in lines(outcome, done=done):
            say(line)


_as_json = as_json
