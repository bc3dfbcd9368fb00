from sqlalchemy import text

from ostiary.events.catalog import Action
from ostiary.events.listing import Follower, Wanted, events
from ostiary.events.record import Actor, record
from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database
from tests.clock import FakeClock

JANE = Actor(1, "jane")
JOHN = Actor(2, "john")


async def write(database: Database, clock: FakeClock, action: Action, actor: Actor = JANE, **context: str) -> None:
    async with database.writing() as w:
        await record(w, clock, action, "test", actor, **context)


async def test_the_newest_come_first_and_pages_join(database: Database, clock: FakeClock) -> None:
    for number in range(5):
        await write(database, clock, Action.LOGIN, number=str(number))
    async with database.reading() as r:
        first = await events(r, limit=2)
        second = await events(r, limit=2, before=first[-1].id)
    assert [event.context["number"] for event in (*first, *second)] == ["4", "3", "2", "1"]


async def test_filters_by_action_and_person(database: Database, clock: FakeClock) -> None:
    await write(database, clock, Action.LOGIN)
    await write(database, clock, Action.LOGIN, JOHN)
    await write(database, clock, Action.LOGOUT, JOHN)
    async with database.reading() as r:
        assert len(await events(r, Wanted(action=Action.LOGIN))) == 2
        assert [event.action for event in await events(r, Wanted(username="john"))] == ["logout", "login"]
        assert len(await events(r, Wanted(action=Action.LOGOUT, username="jane"))) == 0


async def test_following_tells_each_event_once(database: Database, clock: FakeClock) -> None:
    for number in range(3):
        await write(database, clock, Action.LOGIN, number=str(number))
    follower = Follower(Wanted(action=Action.LOGIN))
    async with database.reading() as r:
        assert [event.context["number"] for event in await follower.begin(r, 2)] == ["1", "2"]
    async with database.reading() as r:
        assert await follower.new(r) == []
    await write(database, clock, Action.LOGIN, number="3")
    await write(database, clock, Action.LOGOUT)
    await write(database, clock, Action.LOGIN, number="4")
    async with database.reading() as r:
        assert [event.context["number"] for event in await follower.new(r)] == ["3", "4"]
    async with database.reading() as r:
        assert await follower.new(r) == []


async def test_following_begins_on_an_empty_log(database: Database, clock: FakeClock) -> None:
    follower = Follower()
    async with database.reading() as r:
        assert await follower.begin(r, 10) == []
    await write(database, clock, Action.LOGIN)
    async with database.reading() as r:
        assert len(await follower.new(r)) == 1


async def test_following_finds_a_smaller_id_that_is_committed_later(postgresql_url: str, clock: FakeClock) -> None:
    database = Database(open_engine(postgresql_url))
    follower = Follower()
    async with database.writing() as slow:
        await record(slow, clock, Action.LOGIN, "test", JANE, who="slow")
        await slow.flush()
        await write(database, clock, Action.LOGIN, JOHN, who="quick before following")
        async with database.reading() as r:
            assert [event.context["who"] for event in await follower.begin(r, 10)] == ["quick before following"]
        await write(database, clock, Action.LOGIN, JOHN, who="quick")
        async with database.reading() as r:
            assert [event.context["who"] for event in await follower.new(r)] == ["quick"]
        async with database.reading() as r:
            assert await follower.new(r) == []
        own_id = await slow.scalar(text("SELECT max(id) FROM events"))
        assert own_id is not None
    async with database.reading() as r:
        assert [event.context["who"] for event in await follower.new(r)] == ["slow"]
    async with database.reading() as r:
        assert await follower.new(r) == []
    await database.close()
