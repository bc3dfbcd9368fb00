"""Reads that go past the ORM, for the access table and the feed: raw SQL on connections of their own.

A table miss is asked here: on SQLite inline, because handing the call to another thread costs more than the answer.
"""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.engine import make_url

from ostiary.kit.errors import Unavailable
from ostiary.storage.failures import direct, failure
from ostiary.storage.wal_index import WalIndex

_CLOSED = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    OSError,
)

# Connecting takes several round trips, TLS and a slow hash; seconds.
_TO_CONNECT = 2.0

Row = tuple[Any, ...]


class SqliteDirect:
    """One autocommit connection that cannot write. Everything is synchronous and takes microseconds.

    After a failure the next call opens the file again, and ``openings`` counts one more.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self.openings = 0
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._index: WalIndex | None = None
        self._look_again = 0.0

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of one statement (`?` parameters). Raises `storage.unreachable`, `storage.replaced`."""
        with direct():
            try:
                return self._open().execute(sql, params).fetchall()
            except sqlite3.Error:
                self.close()
                raise

    def data_version(self) -> tuple[int, int]:
        """Changes whenever another connection committed. Raises `storage.unreachable`, `storage.replaced`.

        SQLite's number means nothing beyond the connection that was asked, and every connection begins with the same
        one: so the count of openings is part of it.
        """
        self._look()
        try:
            number: int = self._open().execute("PRAGMA data_version").fetchone()[0]
            self._index = self._index or WalIndex.of(self._path)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise failure(error) from error
        return self.openings, number

    def log_header(self) -> bytes | None:
        """Equal to what it was only if nobody has committed in between; None if that cannot be told so cheaply.

        Under a microsecond, for it is asked on every check. Raises `storage.replaced`.
        """
        if self._index is None:
            return None
        self._look()
        return self._index.header()

    def close(self) -> None:
        # What the index says holds only while the connection below is open.
        self._index = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _look(self) -> None:
        """Looks at the file ten times a second."""
        now = time.monotonic()
        if now >= self._look_again:
            self._check_file()
            self._look_again = now + 0.1

    def _check_file(self) -> None:
        # Whoever moves a database over a running server's leaves it reading and writing the old one: nothing it says is
        # true any more, and only a restart gets it to the new one.
        with direct():
            if self._file is not None and self._file != _identity(self._path):
                raise Unavailable(
                    "storage.replaced", "The database file was replaced under the running server; restart the server."
                )

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._check_file()
            self._file = _identity(self._path)
            self._connection = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=0.25,
                isolation_level=None,
                check_same_thread=False,
            )
            self.openings += 1
            self._connection.execute("PRAGMA query_only=ON")
        return self._connection


class PostgresDirect:
    """A few connections of its own, opened as needed; reads only, answered within ``timeout`` seconds or not at all.

    Where it has to connect first, that may take two seconds more.
    """

    def __init__(self, url: str, *, connections: int = 4, timeout: float = 0.5) -> None:
        self._url = url
        self._timeout = timeout
        self._idle: list[asyncpg.Connection] = []
        self._free = asyncio.Semaphore(connections)

    async def query(self, sql: str, *params: Any) -> list[Row]:
        """All rows of one statement (`$1` parameters). Raises `storage.unreachable`."""
        with direct():
            async with asyncio.timeout(self._timeout + _TO_CONNECT), self._free:
                while self._idle:
                    try:
                        return await self._ask(self._idle.pop(), sql, params)
                    except TimeoutError:
                        # The server is silent, and its other connections most likely too.
                        await self.close()
                        raise
                    except _CLOSED:
                        # It was closed while it lay idle. A read may be asked again, and a fresh connection decides.
                        continue
                return await self._ask(await connect(self._url, self._timeout), sql, params)

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().terminate()

    async def _ask(self, connection: asyncpg.Connection, sql: str, params: Sequence[Any]) -> list[Row]:
        try:
            async with asyncio.timeout(self._timeout):
                rows = await connection.fetch(sql, *params)
        except BaseException:
            connection.terminate()
            raise
        self._idle.append(connection)
        return [tuple(row) for row in rows]


async def connect(url: str, limit: float) -> asyncpg.Connection:
    """A direct connection that only reads; ``limit`` (seconds) holds for each statement."""
    return await asyncpg.connect(
        make_url(url).set(drivername="postgresql").render_as_string(hide_password=False),
        timeout=_TO_CONNECT,
        target_session_attrs="primary",
        server_settings={
            "application_name": "ostiary",
            "default_transaction_read_only": "on",
            "statement_timeout": str(int(limit * 1000)),
        },
    )


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
