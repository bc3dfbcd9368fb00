"""``ostiary session``: who is signed in, and ending it."""

from typing import Annotated

import typer

from ostiary.cli.columns import say, show_columns
from ostiary.cli.context import run
from ostiary.directory.users import by_username
from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput, NotFound
from ostiary.parts import Parts
from ostiary.sessions.listing import Listed, listed, shown

commands = typer.Typer(help="Logins: list, show, end.", no_args_is_help=True)

_WHEN = "%Y-%m-%d %H:%M"


@commands.command("list")
def list_sessions(
    context: typer.Context,
    user: Annotated[str | None, typer.Option("--user", help="Only this person's.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")] = 100,
) -> None:
    """The latest used first. Times are UTC."""
    rows = run(context, lambda parts: _list(parts, user, limit))
    show_columns(
        ("id", "user", "signed in", "last used", "ends", "address", "applications"),
        [
            (
                row.id,
                _who(row),
                f"{row.created:{_WHEN}}",
                f"{row.last_used:{_WHEN}}",
                f"{row.expires:{_WHEN}}",
                row.client_ip or "-",
                str(row.applications),
            )
            for row in rows
        ],
    )


@commands.command("show")
def show_session(context: typer.Context, session: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Everything about one login."""
    row = run(context, lambda parts: _show(parts, session))
    for name, value in (
        ("id", row.id),
        ("user", _who(row)),
        ("signed in", f"{row.created:{_WHEN}} by {row.method}"),
        ("last used", f"{row.last_used:{_WHEN}}"),
        ("ends", f"{row.expires:{_WHEN}}"),
        ("address", row.client_ip or "-"),
        ("browser", row.user_agent or "-"),
        ("applications", str(row.applications)),
    ):
        say(f"{name:<14}{value}")


@commands.command("end")
def end_session(
    context: typer.Context,
    session: Annotated[str | None, typer.Argument(help="Its id.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="All of this person's.")] = None,
) -> None:
    """Ends one login, or all of a person's, and with it every application opened with it."""
    count = run(context, lambda parts: _end(parts, session, user))
    say("1 session ended." if count == 1 else f"{count} sessions ended.")


def _who(row: Listed) -> str:
    return row.username if row.impersonator is None else f"{row.username} ({row.impersonator} acts as them)"


async def _list(parts: Parts, username: str | None, limit: int) -> list[Listed]:
    async with parts.database.reading() as r:
        user_id = None if username is None else (await by_username(r, username)).id
        return list(await listed(r, user_id=user_id, limit=limit))


async def _show(parts: Parts, session: str) -> Listed:
    async with parts.database.reading() as r:
        return await shown(r, session)


async def _end(parts: Parts, session: str | None, username: str | None) -> int:
    if (session is None) == (username is None):
        raise InvalidInput("session.which", "Name one session by its id, or a person with --user.", field="session")
    if username is not None:
        async with parts.database.reading() as r:
            user_id = (await by_username(r, username)).id
        return await parts.sessions.end_all(user_id, by=COMMAND, reason="ended by an administrator")
    if not await parts.sessions.end(session or "", by=COMMAND, reason="ended by an administrator"):
        raise NotFound("session.not_found", f"There is no session {session}; `ostiary session list` shows them.")
    return 1
