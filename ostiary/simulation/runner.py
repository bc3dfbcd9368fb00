"""Runs a simulation in a child process and hears from it: how far it is, and what it found.

The child is `ostiary.cli.simulating`. It reads one JSON document from its standard input, answers JSON lines on its
standard output, and ends when its input does, so that it outlives nobody who would have waited for it.
"""

import asyncio
import base64
import json
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ostiary.events.record import COMMAND, Actor
from ostiary.kit.errors import Conflict, InvalidInput, NotFound, OstiaryError, Refused, Unavailable
from ostiary.simulation.report import Report
from ostiary.storage.private_copy import private_place

_CHILD: Final = "ostiary.cli.simulating"
# Longer than any line of the child: a report is one line.
_LONGEST: Final = 64 * 1024 * 1024
_ERRORS: Final[Mapping[int, type[OstiaryError]]] = {
    one.status: one for one in (InvalidInput, NotFound, Conflict, Refused, Unavailable)
}


@dataclass(frozen=True)
class Draft:
    """One blueprint of a change: its text, and what of the world it may read (`!Env`, `!File`)."""

    name: str
    text: str
    environment: Mapping[str, str] | None = None
    directory: Path | None = None


@dataclass(frozen=True)
class Asked:
    """What is to be simulated. ``each`` and ``most`` bound how many people are named: of each application, in all."""

    drafts: Sequence[Draft]
    by: Actor = field(default=COMMAND)
    each: int = 1000
    most: int = 10_000


async def simulate(
    settings: Any, url: str, asked: Asked, *, progress: Callable[[int], None] = lambda _: None
) -> Report:
    """What the change would do to everybody's access. ``settings`` are the installation's, ``url`` its database.

    ``progress`` hears percent. Raises what the change raises, `simulation.failed`; ends the child when cancelled.
    """
    with private_place(url) as place:
        document = {
            "settings": base64.b64encode(pickle.dumps(settings)).decode(),
            "drafts": [
                {
                    "name": one.name,
                    "text": one.text,
                    "environment": None if one.environment is None else dict(one.environment),
                    "directory": None if one.directory is None else str(one.directory),
                }
                for one in asked.drafts
            ],
            "by": [asked.by.user_id, asked.by.username, asked.by.client_ip],
            "each": asked.each,
            "most": asked.most,
        }
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            _CHILD,
            "" if place is None else str(place[0]),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=() if place is None else (place[1],),
            limit=_LONGEST,
        )
        try:
            return await _heard(child, document, progress)
        finally:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()


async def _heard(
    child: asyncio.subprocess.Process, document: Mapping[str, Any], progress: Callable[[int], None]
) -> Report:
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the child was started without pipes")
    child.stdin.write(json.dumps(document).encode() + b"\n")
    with suppress(ConnectionError):
        await child.stdin.drain()
    async for line in child.stdout:
        said = json.loads(line)
        if "progress" in said:
            progress(said["progress"])
        elif "error" in said:
            raise _error(**said["error"])
        else:
            found: Report = said["report"]
            return found
    raise Unavailable("simulation.failed", "The simulation ended without an answer; the log says why.")


def _error(status: int, code: str, message: str, field: str | None) -> OstiaryError:
    return _ERRORS.get(status, Unavailable)(code, message, field=field)
