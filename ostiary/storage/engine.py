"""Opens the database: SQLite in the data directory, or PostgreSQL by URL."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from ostiary.kit.errors import InvalidInput

# A request waits this long for a connection before the answer is "not now"; seconds.
_POOL: Final[Mapping[str, Any]] = {"pool_size": 5, "max_overflow": 5, "pool_timeout": 5}

# SQLite has one writer at a time; another waits this long for its turn.
_BUSY_MILLISECONDS: Final = 5000
_BUSY_PAUSE: Final = 0.01

# No statement of a request needs longer, and no transaction stands open that long without being stuck; milliseconds.
_POSTGRES_LIMITS: Final[Mapping[str, str]] = {
    "application_name": "ostiary",
    "statement_timeout": "10000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "30000",
}

# What locks and shared memory do not hold on: SQLite would corrupt the file, sooner or later.
# fmt: off
_NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.ceph", "fuse.davfs", "fuse.glusterfs", "fuse.s3fs",
    "fuse.sshfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs",
})
# fmt: on


def open_engine(url: str | URL) -> AsyncEngine:
    """The engine for ``sqlite:///file`` or ``postgresql://…``; drivers are ours to choose.

    Nothing is asked yet. Raises `storage.url_invalid`, `storage.no_directory`, `storage.network_file_system`.
    """
    target = parse(url)
    if target.get_backend_name() == "sqlite":
        return _sqlite(target.set(drivername="sqlite+aiosqlite"))
    return _postgresql(target)


def open_readers(engine: AsyncEngine) -> AsyncEngine:
    """An engine on the same database whose transactions see one snapshot; the database refuses to write in them."""
    if engine.dialect.name == "sqlite":
        return _sqlite(engine.url, writes=False)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def parse(url: str | URL) -> URL:
    """The URL, if it is one of ours. Raises `storage.url_invalid`."""
    try:
        target = make_url(url)
    except ArgumentError as error:
        raise _invalid() from error
    if target.get_backend_name() not in {"sqlite", "postgresql"} or not target.database:
        raise _invalid()
    return target


def _invalid() -> InvalidInput:
    return InvalidInput(
        "storage.url_invalid",
        "database.url is neither sqlite:///path/to/file nor postgresql://user:password@host/database.",
        field="database.url",
    )


def _postgresql(url: URL) -> AsyncEngine:
    # The driver reads the URL itself, so that it means the same here and on the direct connections, `sslmode` included.
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def connect(*_: Any, **__: Any) -> asyncpg.Connection:
        return await asyncpg.connect(
            address, timeout=5, target_session_attrs="primary", server_settings=_POSTGRES_LIMITS
        )

    return create_async_engine(
        url.set(drivername="postgresql+asyncpg", query={}), async_creator=connect, pool_pre_ping=True, **_POOL
    )


def _sqlite(url: URL, *, writes: bool = True) -> AsyncEngine:
    _prepare(Path(url.database or ""))
    engine = create_async_engine(url, **_POOL)
    sync = engine.sync_engine
    pragmas = ["synchronous=FULL", "foreign_keys=ON"]
    # A row that REPLACE puts away is announced only by a recursive trigger.
    pragmas += ["recursive_triggers=ON"] if writes else ["query_only=ON"]

    @event.listens_for(sync, "connect")
    def connect(connection: Any, record: Any) -> None:
        # The driver's own transaction handling is off: BEGIN below says which kind of transaction starts.
        connection.isolation_level = None
        cursor = connection.cursor()
        _log_ahead(cursor)
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(sync, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that may write takes the write lock at once; upgrading a read lock later can only fail.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _log_ahead(cursor: Any) -> None:
    # A new file takes this from one connection at a time; of several that ask at once, as servers do that start
    # together, SQLite refuses all but one without asking the busy handler. Here that one is waited for.
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    until = time.monotonic() + _BUSY_MILLISECONDS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            await_only(asyncio.sleep(_BUSY_PAUSE))
        else:
            return


def _prepare(file: Path) -> None:
    if not file.absolute().parent.is_dir():
        raise InvalidInput(
            "storage.no_directory", f"The database's directory {file.parent} does not exist; make it.", field="data_dir"
        )
    kind = file_system(file)
    if kind in _NETWORK:
        raise InvalidInput(
            "storage.network_file_system",
            f"The SQLite database {file} lies on a network file system ({kind}), where it would be damaged;"
            " move it to a local disk, or use PostgreSQL.",
            field="database.url",
        )
    if not file.exists():
        # SQLite would make it readable to everybody; its companions (-wal, -shm) take the mode of the file.
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise InvalidInput(
                "storage.not_writable",
                f"The database {file} cannot be made; let this user write there.",
                field="data_dir",
            ) from error


def file_system(file: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The kind of the file system that ``file`` lies on, as Linux names it; empty where the system does not say."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return ""
    place, found, kind = file.resolve(), -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        # Spaces in a mount point stand as \040; of two mounts at one point the later covers the earlier.
        point = Path(before.split()[4].encode().decode("unicode_escape"))
        if place.is_relative_to(point) and len(point.parts) >= found:
            found, kind = len(point.parts), after.split()[0]
    return kind
