"""``ostiary events``: the audit log, listed and followed."""

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated

import typer

from ostiary.cli.columns import say
from ostiary.cli.context import run
from ostiary.directory.usernames import folded
from ostiary.events import listing
from ostiary.events.models import Event
from ostiary.parts import Parts

_PAUSE = 1.0


def events(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events happen, until Ctrl-C.")] = False,
    action: Annotated[str | None, typer.Option(help="Only this action, such as login_failed.")] = None,
    user: Annotated[str | None, typer.Option(help="Only what this username did.")] = None,
    limit: Annotated[int, typer.Option(min=0, max=1000, help="How many of the newest.")] = 50,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the audit log, the newest last, or follow it."""
    wanted = listing.Wanted(
        action=listing.action(action) if action is not None else None,
        username=folded(user) if user is not None else None,
    )

    async def body(parts: Parts) -> None:
        follower = listing.Follower(wanted)
        async with parts.database.reading() as r:
            found = await follower.begin(r, limit)
        _show(found, json_lines=json_lines)
        while follow:
            await asyncio.sleep(_PAUSE)
            async with parts.database.reading() as r:
                found = await follower.new(r)
            _show(found, json_lines=json_lines)

    with suppress(KeyboardInterrupt):
        run(context, body)


def _show(found: Iterable[Event], *, json_lines: bool) -> None:
    for event in found:
        say(_as_json(event) if json_lines else _as_line(event))


def _as_line(event: Event) -> str:
    who = event.user.get("username") or "-"
    context = " ".join(f"{name}={_value(value)}" for name, value in event.context.items())
    time = event.created.isoformat(timespec="seconds")
    return _printable(f"{time}  {event.action:<21} {who:<15} {event.client_ip or '-':<15} {context}".rstrip())


def _as_json(event: Event) -> str:
    return json.dumps(
        {
            "id": event.uuid,
            "created": event.created.isoformat(),
            "action": event.action,
            "app": event.room,
            "user": event.user,
            "client_ip": event.client_ip,
            "context": event.context,
        }
    )


def _value(value: object) -> str:
    return value if isinstance(value, str) and value and " " not in value else json.dumps(value, ensure_ascii=False)


def _printable(line: str) -> str:
    # What strangers sent may stand in an event; it must not steer the terminal.
    return "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in line)
