"""Brings a database to this release's schema, once, whoever else is starting.

Alembic costs memory and start-up time that serving never needs, so the upgrade runs in a child process; a server
compares one string and, as a rule, finds nothing to do.
"""

import asyncio
import fcntl
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

import ostiary
from ostiary.kit.errors import Conflict, OstiaryError, Unavailable
from ostiary.storage import feed, leftovers
from ostiary.storage.engine import open_engine
from ostiary.storage.failures import unreachable
from ostiary.storage.session import Database

# Found by path, not by import: the revisions see the whole schema, which is above this room.
_VERSIONS = Path(__file__).parents[1] / "migrations" / "versions"
# Any number that nobody else uses on the same PostgreSQL database: the letters of the product's name.
_ADVISORY_LOCK = int.from_bytes(b"ostiary", "big")


def revisions() -> list[str]:
    """Every revision that this release knows, oldest first. A revision is named like its file."""
    return sorted(path.stem for path in _VERSIONS.glob("[0-9]*.py"))


def head_revision() -> str:
    """The revision that this release needs."""
    return revisions()[-1]


async def upgrade_needed(database: Database) -> bool:
    """Whether the database is older than this release, or empty. Raises `storage.newer` when it is too new."""
    return not _serves(await database_revision(database))


async def database_revision(database: Database) -> str | None:
    """The revision that the database has, None if it is empty."""
    async with database.reading() as r:
        return await (await r.connection()).run_sync(_revision)


def migrate(url: str) -> None:
    """Upgrades the database, in this process; imports Alembic. Raises `storage.newer`, `storage.unreachable`.

    One transaction under one lock: a second server waits and then finds nothing to do; whatever fails leaves the old
    schema. A SQLite database that holds an older schema first copies itself to ``<file>.<revision>.backup``.
    """
    asyncio.run(_migrate(url))


async def migrate_in_child(url: str) -> None:
    """The same in a child process, so that this one never imports Alembic. Raises what :func:`migrate` raises."""
    # The address goes through a pipe: it may hold a password, and arguments are visible to every user of the machine.
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ostiary.storage.migrate", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    answer, _ = await child.communicate(url.encode())
    if child.returncode == 0:
        return
    code, _, message = answer.decode().strip().partition(" ")
    if code == "storage.newer":
        raise Conflict(code, message)
    raise Unavailable(
        code or "storage.migration_failed", message or "The upgrade of the database failed; its log says why."
    )


async def _migrate(url: str) -> None:
    async with alone(url) as connection:
        if _serves(await connection.run_sync(_revision)):
            return
        if connection.dialect.name == "sqlite":
            await _copy_before_upgrade(connection)
        await connection.run_sync(upgrade)
        await connection.run_sync(lay_triggers)


@asynccontextmanager
async def alone(url: str) -> AsyncIterator[AsyncConnection]:
    """One transaction in which nobody else changes the schema, without time limits; commits if the block ends well."""
    engine = open_engine(url)
    file = Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None
    try:
        with unreachable(), _file_lock(file):
            if file:
                # Rebuilding a table must not cascade; what is broken at the end is found, and then nothing is kept.
                event.listen(engine.sync_engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys=OFF"))
            async with engine.connect() as connection, connection.begin():
                if not file:
                    await _wait_for_turn(connection)
                yield connection
                if file:
                    await _check_references(connection)
    finally:
        await engine.dispose()


async def _wait_for_turn(connection: AsyncConnection) -> None:
    for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        await connection.execute(text(f"SET LOCAL {limit} = 0"))
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})


async def _check_references(connection: AsyncConnection) -> None:
    if (await connection.exec_driver_sql("PRAGMA foreign_key_check")).first() is not None:
        raise Unavailable("storage.migration_failed", "The new database would hold references to missing rows.")


async def _copy_before_upgrade(connection: AsyncConnection) -> None:
    # On a second connection: under the first one's lock others read, and nobody writes.
    before = await connection.run_sync(_revision)
    if before is None:
        return
    file = Path(connection.engine.url.database or "")
    unfinished = file.with_name(f"{file.name}.{before}.unfinished")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as source:
        source.execute("VACUUM INTO ?", (str(unfinished),))
    unfinished.chmod(0o600)
    unfinished.replace(file.with_name(f"{file.name}.{before}.backup"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _serves(revision: str | None) -> bool:
    """Whether this release runs on such a schema as it is.

    Within a minor release a schema only grows, so that servers of the release before run beside newer ones. A later
    revision therefore says in its name where it belongs, as in ``0002_0_1_mail``.
    """
    if revision is None or revision in revisions():
        return revision == head_revision()
    if revision.split("_")[1:3] == ostiary.__version__.split(".")[:2]:
        return True
    raise Conflict(
        "storage.newer",
        f"The database was upgraded to {revision} by a newer release; this one knows {head_revision()} at most; "
        "run that release, or restore a backup that this one made.",
    )


def upgrade(connection: Connection, to: str = "head") -> None:
    """Brings the schema to a revision; imports Alembic. :func:`lay_triggers` comes after, and after the data."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_VERSIONS.parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def lay_triggers(connection: Connection) -> None:
    """Lays all triggers anew on the newest schema, once :func:`upgrade` has run in this process."""
    for statement in (*feed.triggers(connection.dialect.name), *leftovers.triggers(connection.dialect.name)):
        connection.exec_driver_sql(statement)


@contextmanager
def _file_lock(database: Path | None) -> Iterator[None]:
    if database is None:
        yield
        return
    descriptor = os.open(database.with_name(f"{database.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def main() -> int:
    """The child: reads the address from standard input, answers one line with code and sentence."""
    try:
        migrate(sys.stdin.read())
    except OstiaryError as error:
        sys.stdout.write(f"{error.code} {error.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
