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
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from ostiary.kit.errors import Conflict, OstiaryError, Unavailable
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
    """Whether the database is older than this release, or empty. Raises `storage.newer` when it is newer."""
    with unreachable():
        async with database.engine.connect() as connection:
            return _check(await connection.run_sync(_revision)) != head_revision()


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
    file = make_url(url).database if make_url(url).get_backend_name() == "sqlite" else None
    with _file_lock(Path(file)) if file else unreachable():
        engine = open_engine(url)
        if file:
            # Rebuilding a table must not cascade; what is broken at the end is found by a check, and then nothing is
            # kept.
            event.listen(engine.sync_engine, "connect", lambda driver, _: driver.execute("PRAGMA foreign_keys=OFF"))
        try:
            async with engine.connect() as connection:
                if file:
                    await _copy_before_upgrade(connection, Path(file))
                async with _transaction(connection, is_sqlite=file is not None):
                    await connection.run_sync(_upgrade)
        finally:
            await engine.dispose()


@asynccontextmanager
async def _transaction(connection: AsyncConnection, is_sqlite: bool) -> AsyncIterator[None]:
    if not is_sqlite:
        async with connection.begin():
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            yield
        return
    async with connection.begin():
        yield
        if (await connection.exec_driver_sql("PRAGMA foreign_key_check")).first() is not None:
            raise Unavailable(
                "storage.migration_failed", "The upgraded database would hold references to missing rows."
            )


async def _copy_before_upgrade(connection: AsyncConnection, file: Path) -> None:
    before = _check(await connection.run_sync(_revision))
    await connection.rollback()
    if before is None or before == head_revision():
        return
    copy, unfinished = (
        file.with_name(f"{file.name}.{before}.backup"),
        file.with_name(f"{file.name}.{before}.unfinished"),
    )
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as source:
        source.execute("VACUUM INTO ?", (str(unfinished),))
    unfinished.chmod(0o600)
    unfinished.replace(copy)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _check(revision: str | None) -> str | None:
    if revision is not None and revision not in revisions():
        raise Conflict(
            "storage.newer",
            f"The database was upgraded to {revision} by a newer release; this one knows {head_revision()} at most; "
            "run that release, or restore a backup that this one made.",
        )
    return revision


def _upgrade(connection: Connection) -> None:
    if _check(_revision(connection)) == head_revision():
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_VERSIONS.parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _file_lock(database: Path) -> Iterator[None]:
    with unreachable():
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
