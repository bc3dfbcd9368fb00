"""Keeps an access table true, and says whether it may be believed right now.

SQLite is asked in line on every check whether anything was written since; nothing is ever stale. PostgreSQL is polled:
the table may be believed for ``BELIEVED`` seconds from the *start* of the last good poll, so that a poll that hangs, a
notification that was lost and a frozen connection all end in asking again, and then in not knowing.
"""

import asyncio
from functools import lru_cache
from typing import TypeVar

import structlog
from sqlalchemy.engine import make_url

from ostiary.access.served import Load
from ostiary.access.table import AccessTable
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Unavailable
from ostiary.storage.direct import PostgresDirect, SqliteDirect
from ostiary.storage.feed_postgres import PostgresFeed
from ostiary.storage.feed_sqlite import SqliteFeed

T = TypeVar("T")
_log = structlog.get_logger("access")

POLL = 0.2
"""Seconds between polls of PostgreSQL."""
BELIEVED = 0.8
"""Seconds for which a table may be believed, from the start of a good poll."""
_ROUNDS = 5


class SqliteFreshness:
    """For a database in a file: every question is answered in line."""

    def __init__(self, *, table: AccessTable, feed: SqliteFeed, direct: SqliteDirect) -> None:
        self._table = table
        self._feed = feed
        self._direct = direct

    def fresh(self) -> bool:
        """Whether the table may be believed, after bringing it up to date. False if the database cannot be asked."""
        try:
            return self._catch_up() if self._feed.moved() or self._table.stale else True
        except Unavailable:
            return False

    async def refresh(self) -> bool:
        """The same; there is nothing to wait for."""
        return self.fresh()

    def load(self, load: Load[T]) -> T:
        """Runs a load. Raises `storage.unreachable`."""
        try:
            statement, parameters = next(load)
            while True:
                statement, parameters = load.send(self._direct.query(statement, parameters))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # StopIteration is untyped
        finally:
            load.close()

    async def believed(self) -> None:
        """Returns when the table may be believed. Raises `storage.unreachable`."""
        if not self.fresh():
            raise unbelievable()

    async def ask(self, load: Load[T]) -> T:
        """Runs a load over a table that may be believed. Raises `storage.unreachable`."""
        await self.believed()
        return self.load(load)

    def _catch_up(self) -> bool:
        # Rules are read by several statements. Asking the feed again afterwards proves that no change fell in between.
        for _ in range(_ROUNDS):
            self._table.apply(self._feed.read())
            if not self._table.stale:
                return True
            self.load(self._table.load_rules())
            if not self._feed.moved():
                return True
        return False


class PostgresFreshness:
    """For a server: a poll in the background, and one more when a check finds the last one too old."""

    def __init__(self, *, table: AccessTable, feed: PostgresFeed, direct: PostgresDirect, clock: Clock) -> None:
        self._table = table
        self._feed = feed
        self._direct = direct
        self._clock = clock
        self._until = float("-inf")
        self._poll: asyncio.Task[bool] | None = None

    def fresh(self) -> bool:
        """Whether the table may be believed without asking."""
        return self._clock.monotonic() < self._until and not self._table.stale

    async def refresh(self) -> bool:
        """Polls, or waits for the poll that is under way. False if the database cannot be asked in time.

        A poll that began before this call may have looked too early, but not earlier than ``BELIEVED`` allows.
        """
        if self._poll is None or self._poll.done():
            self._poll = asyncio.create_task(self._catch_up())
        await asyncio.shield(self._poll)
        return self.fresh()

    async def run(self) -> None:
        """Polls for ever, every ``POLL`` seconds or when a revocation is announced."""
        while True:
            try:
                await self.refresh()
            except Exception:  # noqa: BLE001 - whatever it is, a loop that ends would leave checks undecidable for ever
                _log.exception("poll_failed")
            await self._feed.wait(POLL)

    async def load(self, load: Load[T]) -> T:
        """Runs a load. Raises `storage.unreachable`."""
        try:
            statement, parameters = next(load)
            while True:
                rows = await self._direct.query(numbered(statement), *parameters)
                statement, parameters = load.send(rows)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # StopIteration is untyped
        finally:
            load.close()

    async def believed(self) -> None:
        """Returns when the table may be believed. Raises `storage.unreachable`."""
        if not self.fresh() and not await self.refresh():
            raise unbelievable()

    async def ask(self, load: Load[T]) -> T:
        """Runs a load over a table that may be believed. Raises `storage.unreachable`."""
        await self.believed()
        return await self.load(load)

    async def _catch_up(self) -> bool:
        try:
            for _ in range(_ROUNDS):
                start = self._clock.monotonic()
                self._table.apply(await self._feed.poll())
                if not self._table.stale:
                    self._until = start + BELIEVED
                    return True
                # Believed again only when a later poll has found that nothing changed while the rules were read.
                self._until = float("-inf")
                await self.load(self._table.load_rules())
        except Unavailable:
            pass
        return False


def unbelievable() -> Unavailable:
    """What memory says may be out of date, and the database cannot be asked."""
    return Unavailable("storage.unreachable", "The database cannot be asked right now.")


@lru_cache(maxsize=256)
def numbered(statement: str) -> str:
    """A statement with ``$1``, ``$2`` … for its question marks, as PostgreSQL has them."""
    parts = statement.split("?")
    return "".join(part + f"${number}" for number, part in enumerate(parts[:-1], 1)) + parts[-1]


Freshness = SqliteFreshness | PostgresFreshness


def freshness_of(
    url: str, table: AccessTable, clock: Clock
) -> tuple[Freshness, SqliteDirect | PostgresDirect, SqliteFeed | PostgresFeed]:
    """What keeps a table true on the database of that URL, with the connection that asks and the reader of changes."""
    target = make_url(url)
    if target.get_backend_name() == "sqlite":
        file = str(target.database)
        direct, feed = SqliteDirect(file), SqliteFeed(file)
        return SqliteFreshness(table=table, feed=feed, direct=direct), direct, feed
    asking, polling = PostgresDirect(url), PostgresFeed(url)
    return PostgresFreshness(table=table, feed=polling, direct=asking, clock=clock), asking, polling
