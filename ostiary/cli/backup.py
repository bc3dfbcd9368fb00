"""``ostiary backup``, ``ostiary restore`` and ``ostiary migrate``: the database as a whole."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from ostiary.cli.columns import say
from ostiary.cli.context import invocation
from ostiary.events.catalog import Action
from ostiary.events.record import COMMAND, record
from ostiary.kit.clock import SystemClock
from ostiary.settings.secret_key import with_secret_key
from ostiary.storage.backup import backup as write_backup
from ostiary.storage.engine import open_engine
from ostiary.storage.migrate import head_revision, migrate_in_child, upgrade_needed
from ostiary.storage.restore import restore as load_backup
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Writing


def backup(
    context: typer.Context, target: Annotated[Path, typer.Argument(help="A new file.", show_default=False)]
) -> None:
    """Write all data into one file, in one snapshot, while servers run. The secret key is not in it."""
    manifest = asyncio.run(write_backup(invocation(context).load().settings.database.url, target))
    say(
        f"{target} holds {manifest.rows} rows. Keep the secret key too, somewhere else: nothing can be read without it."
    )


def restore(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(help="A file that `ostiary backup` wrote.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace the data that the database holds.")] = False,
    keep_sessions: Annotated[
        bool, typer.Option("--keep-sessions", help="Let the backup's sessions live: for a move, never after a loss.")
    ] = False,
) -> None:
    """Put a backup in the place of all data, whole or not at all, on SQLite or PostgreSQL."""
    settings = with_secret_key(invocation(context).load().settings)

    async def told(w: Writing) -> None:
        await record(w, SystemClock(), Action.DATA_RESTORED, "storage", COMMAND, sessions_kept=keep_sessions)

    manifest = asyncio.run(
        load_backup(
            source,
            settings.database.url,
            secrets=Secrets(settings.secret_key),
            record=told,
            keep_sessions=keep_sessions,
            force=force,
        )
    )
    ended = "Its sessions live on." if keep_sessions else "Every session has ended; people sign in again."
    say(f"The data of {manifest.created:%Y-%m-%d %H:%M} UTC are in place. {ended}")


def migrate(context: typer.Context) -> None:
    """Bring the database to this release's schema; `ostiary serve` does it at every start."""
    say(asyncio.run(_migrate(invocation(context).load().settings.database.url)))


async def _migrate(url: str) -> str:
    database = Database(open_engine(url))
    try:
        if not await upgrade_needed(database):
            return f"The database is at {head_revision()} already."
        await migrate_in_child(url)
        return f"The database is at {head_revision()}."
    finally:
        await database.close()
