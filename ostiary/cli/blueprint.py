"""``ostiary plan``, ``ostiary apply`` and ``ostiary export``: the installation in files."""

import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from ostiary.blueprints.apply import Outcome, Source
from ostiary.blueprints.entries import read
from ostiary.blueprints.export import Export
from ostiary.blueprints.reader import FILES
from ostiary.blueprints.registry import Blueprints
from ostiary.blueprints.report import as_json, lines
from ostiary.blueprints.values import Outside
from ostiary.cli.columns import say
from ostiary.cli.context import run
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput, NotFound
from ostiary.objects.kinds import all_kinds
from ostiary.parts import Parts

_STDIN = "-"

_Files = Annotated[
    list[str],
    typer.Argument(help="Blueprints in authentik's format, in this order; - is standard input.", show_default=False),
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def plan(context: typer.Context, files: _Files, as_json: _Json = False) -> None:
    """Show what `ostiary apply` would change, field by field, and change nothing.

    Ends with status 0 where nothing would change, 2 where something would, 1 on any error.
    """
    outcome = _run(context, files, lambda room, sources: room.plan(sources, by=COMMAND))
    _show(outcome, as_json=as_json)
    if outcome.changes:
        raise typer.Exit(2)


def apply(context: typer.Context, files: _Files, as_json: _Json = False) -> None:
    """Make everything as the blueprints say, all of it or nothing. Doing it twice changes nothing."""
    _show(_run(context, files, lambda room, sources: room.apply(sources, by=COMMAND)), as_json=as_json)


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
    sources = [_source(file) for file in files]

    async def main(parts: Parts) -> Outcome:
        room = Blueprints(database=parts.database, clock=parts.clock, kinds=all_kinds(parts))
        return await body(room, sources)

    return run(context, main)


def _source(file: str) -> Source:
    name, data, outside = content(file)
    return Source(read(name, data), outside)


def content(file: str) -> tuple[str, bytes, Outside]:
    """What a file is called, its bytes, and what of the world it may read.

    Raises `blueprint.no_file`, `blueprint.unreadable`.
    """
    environment = dict(os.environ)
    if file == _STDIN:
        try:
            data = sys.stdin.read(FILES.size + 1).encode("utf-8", "surrogateescape")
        except UnicodeDecodeError as error:
            raise InvalidInput("blueprint.unreadable", "Standard input is not UTF-8.") from error
        return "standard input", data, Outside(environment)
    path = Path(file)
    try:
        with path.open("rb") as opened:
            data = opened.read(FILES.size + 1)
    except FileNotFoundError as error:
        raise NotFound("blueprint.no_file", f"There is no file {file}.") from error
    except OSError as error:
        raise InvalidInput("blueprint.unreadable", f"{file} cannot be read: {error.strerror}.") from error
    return file, data, Outside(environment, path.resolve().parent)


def _show(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(_as_json(outcome), ensure_ascii=False, indent=2))
    else:
        for line in lines(outcome):
            say(line)


_as_json = as_json
