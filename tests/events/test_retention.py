from datetime import timedelta

from ostiary.events import retention
from ostiary.events.catalog import Action
from ostiary.events.listing import events
from ostiary.events.record import SYSTEM, record
from ostiary.storage.session import Database
from tests.clock import FakeClock


async def test_events_older_than_asked_are_forgotten(database: Database, clock: FakeClock) -> None:
    for action in (Action.LOGIN, Action.LOGIN, Action.LOGOUT):
        async with database.writing() as w:
            await record(w, clock, action, "test", SYSTEM)
        clock.advance(3600)
    assert await retention.forget_old(database, clock, timedelta(minutes=90)) == 2
    assert await retention.forget_old(database, clock, timedelta(minutes=90)) == 0
    async with database.reading() as r:
        assert [event.action for event in await events(r)] == ["logout"]
