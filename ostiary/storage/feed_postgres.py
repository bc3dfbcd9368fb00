"""The feed's reader on PostgreSQL: a poll that misses no transaction, however late it commits."""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg

from ostiary.storage.direct import connect
from ostiary.storage.failures import direct
from ostiary.storage.feed import CHANNEL, DROP, LONGEST_READ, Answer

# One statement sees one snapshot: the one it reports, and the one in which it looks for rows. A row is news if the
# previous snapshot could not see it; `id > cursor` would miss whoever takes an early number and commits late. The first
# part of the condition serves the index alone. A standby fails here (it has no insert position), as it must: it hears
# of changes late.
_POLL = """
SELECT pg_current_snapshot()::text,
       concat_ws(' ', (SELECT system_identifier FROM pg_control_system()),
                 left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
                 'feed'::regclass::oid,
                 (SELECT incarnation FROM installation WHERE id = 1)),
       (SELECT key FROM feed WHERE kind = '_trimmed' ORDER BY key::xid8 DESC LIMIT 1),
       ARRAY(SELECT kind || ' ' || key FROM feed
             WHERE xid >= pg_snapshot_xmin($1::text::pg_snapshot)
               AND NOT pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
               AND NOT starts_with(kind, '_')
             LIMIT $2)
"""


@dataclass(frozen=True)
class _Seen:
    """What the last good poll knew: its snapshot, and whose data it was.

    ``place`` is system identifier, timeline, the feed table's own number and the incarnation: whatever puts other data
    in the place of ours (another server, a promoted standby, a dump that was loaded, a restore) changes one of them.
    """

    snapshot: str
    place: str

    def bounds(self) -> tuple[int, int]:
        low, high, _ = self.snapshot.split(":")
        return int(low), int(high)


class PostgresFeed:
    """Polls on a connection of its own, past any pool: nothing may come between it and the truth.

    The poll is the truth. Notifications only end a :meth:`wait` early; they are lost on reconnect and silent on a
    frozen connection, and nothing depends on them.
    """

    def __init__(self, url: str, *, timeout: float = 0.5) -> None:
        self._url = url
        self._timeout = timeout
        self._connection: asyncpg.Connection | None = None
        self._seen: _Seen | None = None
        self._announced = asyncio.Event()
        self._turn = asyncio.Lock()

    async def poll(self) -> Answer:
        """What changed since the last good poll, or DROP when that cannot be told.

        Ends within ``timeout`` seconds, or a few more when it has to connect. Raises `storage.unreachable`; the next
        poll connects anew and still reports all that was missed.
        """
        async with self._turn:
            self._announced.clear()
            with direct():
                try:
                    row = await self._ask()
                except BaseException:
                    self._disconnect()
                    raise
            return self._judge(*row)

    async def wait(self, seconds: float) -> None:
        """Sleeps until something that ends access is announced, ``seconds`` at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._announced.wait()
        except TimeoutError:
            pass

    async def close(self) -> None:
        self._disconnect()

    async def _ask(self) -> tuple[str, str, str | None, list[str]]:
        if self._connection is None:
            self._connection = await connect(self._url, self._timeout)
            async with asyncio.timeout(self._timeout):
                await self._connection.add_listener(CHANNEL, self._hear)
        async with asyncio.timeout(self._timeout):
            before = self._seen.snapshot if self._seen else None
            snapshot, place, trimmed, changes = await self._connection.fetchrow(_POLL, before, LONGEST_READ + 1)
            return snapshot, place, trimmed, changes

    def _judge(self, snapshot: str, place: str, trimmed: str | None, changes: list[str]) -> Answer:
        before, self._seen = self._seen, _Seen(snapshot, place)
        if before is None or before.place != place or len(changes) > LONGEST_READ:
            return DROP
        (low, high), (new_low, new_high) = before.bounds(), self._seen.bounds()
        if new_low < low or new_high < high:
            return DROP
        if trimmed is not None and low < int(trimmed):
            return DROP
        return [(kind, key) for kind, _, key in (change.partition(" ") for change in dict.fromkeys(changes))]

    def _hear(self, *_: Any) -> None:
        self._announced.set()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
