"""Clears away rows whose time is over. Checks compare the time themselves; this only keeps tables small."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import InstrumentedAttribute

from ostiary.kit.clock import Clock
from ostiary.storage.session import Database

_BATCH = 1000


async def expire(
    database: Database, clock: Clock, column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None]
) -> int:
    """Deletes the rows in which ``column`` (such as ``Ticket.expires``) is in the past; answers how many.

    In batches of a thousand, each in its own transaction, so that no sign-in waits behind a long one.
    """
    table = column.class_.__table__
    keys = list(table.primary_key)
    if len(keys) != 1:
        raise ValueError(f"{table.name} has no single key")
    over, removed = column < clock.now(), 0
    while True:
        async with database.writing() as w:
            batch = (await w.scalars(select(keys[0]).where(over).limit(_BATCH))).all()
            if batch:
                await w.execute(delete(table).where(keys[0].in_(batch), over))
        removed += len(batch)
        if len(batch) < _BATCH:
            return removed
