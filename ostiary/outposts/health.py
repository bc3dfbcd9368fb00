"""Which workers of this installation are alive: each tells now and then, and what one told is believed for a while."""

import platform
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from ostiary.kit.clock import Clock
from ostiary.outposts.models import OutpostWorker
from ostiary.storage.base import new_id
from ostiary.storage.session import Database, Reading

BEAT: Final = 10
"""Seconds between two signs of life."""
ALIVE: Final = timedelta(seconds=30)
"""For how long one counts."""
_FORGOTTEN = timedelta(hours=1)

NOTICE: Final = (
    "The embedded outpost is this installation. It answers for every application, also for those whose provider is "
    "listed at another outpost or at none."
)
NOBODY: Final = "Nothing runs this outpost yet: the controller comes with a later release."


class Heartbeat:
    """This worker's signs of life. ``fresh`` says whether it may believe its access table."""

    def __init__(self, *, database: Database, clock: Clock, version: str, fresh: Callable[[], bool]) -> None:
        self._database = database
        self._clock = clock
        self._fresh = fresh
        self._due = float("-inf")
        self._row = {"id": new_id(), "hostname": platform.node()[:255], "version": version, "started": clock.now()}

    async def beat(self) -> None:
        """Tells, if it is time; costs nothing otherwise. Raises `storage.unreachable`."""
        if self._clock.monotonic() < self._due:
            return
        now = self._clock.now()
        row = {**self._row, "last_seen": now, "fresh": self._fresh()}
        insert = (sqlite if self._database.is_sqlite else postgresql).insert(OutpostWorker).values(row)
        told = insert.on_conflict_do_update(
            index_elements=["id"], set_={"last_seen": insert.excluded.last_seen, "fresh": insert.excluded.fresh}
        )
        async with self._database.writing() as w:
            await w.execute(told)
            await w.execute(delete(OutpostWorker).where(OutpostWorker.last_seen < now - _FORGOTTEN))
        self._due = self._clock.monotonic() + BEAT

    async def end(self) -> None:
        """This worker ends well and is missed by nobody. Raises `storage.unreachable`."""
        async with self._database.writing() as w:
            await w.execute(delete(OutpostWorker).where(OutpostWorker.id == self._row["id"]))


async def alive(r: Reading, now: datetime) -> Sequence[OutpostWorker]:
    """The workers that told lately, by host name."""
    query = select(OutpostWorker).where(OutpostWorker.last_seen > now - ALIVE)
    return (await r.scalars(query.order_by(OutpostWorker.hostname, OutpostWorker.started, OutpostWorker.id))).all()
