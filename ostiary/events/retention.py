"""Forgets events that are older than the settings ask to keep."""

from datetime import timedelta

from sqlalchemy import delete, select

from ostiary.events.models import Event
from ostiary.kit.clock import Clock
from ostiary.storage.session import Database, Writing

_BATCH = 5_000


async def forget_old(database: Database, clock: Clock, keep: timedelta) -> int:
    """Deletes events older than ``keep`` in short transactions; returns how many. Running it twice does no harm."""
    oldest = clock.now() - keep
    total = 0
    while True:
        async with database.writing() as w:
            batch = select(Event.id).where(Event.created < oldest).order_by(Event.created).limit(_BATCH)
            ids = (await w.scalars(batch)).all()
            if ids:
                await w.execute(delete(Event).where(Event.id.in_(ids)))
        total += len(ids)
        if len(ids) < _BATCH:
            return total


async def forget_person(w: Writing, user_id: int) -> None:
    """Deletes the events that a person caused, in the transaction that deletes the person."""
    caused = Event.user["pk"].as_integer() == user_id
    await w.execute(delete(Event).where(caused).execution_options(synchronize_session=False))
