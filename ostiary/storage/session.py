"""Two kinds of database session: one that reads, one that writes.

Pages and commands get a ``Reading`` only. A feature's own verbs open a ``Writing``, so that nothing is written past
that feature's rules, its audit event and the feed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session

from ostiary.storage.engine import open_readers
from ostiary.storage.failures import unreachable


class _ReadOnlySession(Session):
    """Refuses to flush: an object changed inside a Reading is a mistake, not a write that is lost in silence."""

    def flush(self, objects: Any = None) -> None:
        if self.new or self.dirty or self.deleted:
            raise RuntimeError("a Reading does not write")


class Reading(AsyncSession):
    """One read transaction, one snapshot; the database itself refuses a write in it."""

    sync_session_class: type[Session] = _ReadOnlySession


class Writing(Reading):
    """One write transaction; commits when its block ends well, else rolls back whole."""

    sync_session_class: type[Session] = Session


class Database:
    """Opens sessions on one engine.

    SQLite has one writer at a time. Within a process, writers queue on a lock rather than on SQLite's busy handler, so
    that a waiting writer blocks no thread.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._readers = open_readers(engine)
        self._writer = asyncio.Lock()
        self._together: ContextVar[Writing | None] = ContextVar("together", default=None)

    @asynccontextmanager
    async def together(self) -> AsyncIterator[Writing]:
        """One transaction for several verbs: within the block each joins it instead of opening its own, so that all of
        them happen or none. A verb's failure must leave the block; whoever went on would store half of that verb.
        """
        async with self.writing() as session:
            if self._together.get() is not None:
                yield session
                return
            token = self._together.set(session)
            try:
                yield session
            finally:
                self._together.reset(token)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        """A read transaction. Raises `storage.unreachable` when the database cannot be asked."""
        joined = self._together.get()
        if joined is not None:
            await joined.flush()
            yield joined
            return
        with unreachable():
            async with Reading(self._readers, expire_on_commit=False, autoflush=False) as session:
                yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Writing]:
        """A write transaction, committed at the end of the block. Raises `storage.unreachable`."""
        joined = self._together.get()
        if joined is not None:
            yield joined
            await joined.flush()
            return
        if not self.is_sqlite:
            async with self._write() as session:
                yield session
            return
        async with self._writer, self._write() as session:
            yield session

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[Writing]:
        with unreachable():
            async with Writing(self.engine, expire_on_commit=False) as session, session.begin():
                yield session

    async def close(self) -> None:
        if self.is_sqlite:
            await self._readers.dispose()
        await self.engine.dispose()
