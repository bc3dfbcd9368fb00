"""`python -m ostiary.cli.simulating PLACE`: rehearses one change, as `ostiary.simulation.runner` starts it.

Not a command of its own. On SQLite it works on a copy, on PostgreSQL in a transaction; neither is left behind.
"""

import asyncio
import base64
import json
import os
import pickle
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ostiary.access.rehearsal import Rehearsal, rehearse
from ostiary.events.record import Actor
from ostiary.kit.errors import InvalidInput, OstiaryError, Unavailable
from ostiary.parts import Parts, build
from ostiary.policies.engine import Question
from ostiary.simulation.report import report
from ostiary.storage import private_copy

# Checks come first: whatever else the machine has to do is done before this.
_NICE = 10
_ATTEMPTS = 3


def main(where: str) -> int:
    """Reads one document from its input, answers lines of JSON. ``where`` is the place for a copy, or empty."""
    os.umask(0o077)
    os.nice(_NICE)
    place = Path(where) if where else None
    try:
        document = json.loads(sys.stdin.buffer.readline() or "null")
        if document is None:
            return 130
        asyncio.run(_until_nobody_listens(document, place))
    except OstiaryError as error:
        _say(error={"status": error.status, "code": error.code, "message": error.message, "field": error.field})
    except asyncio.CancelledError:
        return 130
    finally:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
    return 0


async def _until_nobody_listens(document: Mapping[str, Any], place: Path | None) -> None:
    loop = asyncio.get_running_loop()
    work = loop.create_task(_simulate(document, place))

    def heard() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            work.cancel()

    loop.add_reader(sys.stdin.fileno(), heard)
    await work


async def _simulate(document: Mapping[str, Any], place: Path | None) -> None:
    settings = pickle.loads(base64.b64decode(document["settings"]))  # noqa: S301 - written by the process that started this one
    if place is not None:
        url = await asyncio.to_thread(private_copy.copy_into, place, settings.database.url)
        settings = settings.model_copy(update={"database": settings.database.model_copy(update={"url": url})})
    parts = await build(settings)
    try:
        people, found = await _rehearsed(parts, document)
    finally:
        await parts.close()
    _say(report=report(found, people))


async def _rehearsed(parts: Parts, document: Mapping[str, Any]) -> tuple[int, Rehearsal]:
    # It takes a second that nobody else needs.
    from ostiary.blueprints.registry import Blueprints
    from ostiary.objects.kinds import all_kinds

    room = Blueprints(database=parts.database, clock=parts.clock, roles=parts.roles, kinds=all_kinds(parts))
    sources = _sources(document["drafts"])
    by = Actor(*document["by"])
    heard = {"people": 0, "percent": -1}

    def progress(done: int, total: int) -> None:
        percent = 100 * done // max(total, 1)
        heard["people"] = total
        if percent > heard["percent"]:
            heard["percent"] = percent
            _say(progress=percent)

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            found = await rehearse(
                parts.database,
                lambda: room.apply(sources, by=by),
                Question(now=parts.clock.now()),
                progress=progress,
                each=document["each"],
                most=document["most"],
            )
        except Unavailable:
            # On PostgreSQL somebody may just have changed the same row; a new snapshot knows that.
            if attempt == _ATTEMPTS or parts.database.is_sqlite:
                raise
        else:
            return heard["people"], found
    raise RuntimeError("unreachable")


def _sources(drafts: Sequence[Mapping[str, Any]]) -> list[Any]:
    from ostiary.blueprints.apply import Source
    from ostiary.blueprints.entries import read
    from ostiary.blueprints.values import Outside

    return [
        Source(
            read(one["name"], _bytes(one["text"])),
            Outside(one["environment"], None if one["directory"] is None else Path(one["directory"])),
        )
        for one in drafts
    ]


def _bytes(text: str) -> bytes:
    try:
        # A file that is not UTF-8 comes with its bytes escaped; the reader says so.
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidInput("blueprint.unreadable", "The blueprint holds half a character.") from error


def _say(**line: Any) -> None:
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
