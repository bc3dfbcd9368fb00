from datetime import timedelta

from sqlalchemy import insert, select

from ostiary.directory.models import Token, User
from ostiary.flows.models import Flow, FlowRun
from ostiary.storage.expiry import expire
from ostiary.storage.session import Database
from tests.clock import FakeClock


async def test_only_what_is_over_goes_however_much_it_is(database: Database, clock: FakeClock) -> None:
    now = clock.now()
    async with database.writing() as w:
        await w.execute(insert(Flow).values(id="f", slug="f", name="f", title="f", designation="authentication"))
        rows = [
            {"id": str(n), "flow_id": "f", "browser_hash": "", "state": "", "expires": now - timedelta(seconds=n - 1)}
            for n in range(2502)
        ]
        await w.execute(insert(FlowRun), rows)
    assert await expire(database, clock, FlowRun.expires) == 2500
    async with database.reading() as r:
        assert set((await r.scalars(select(FlowRun.id))).all()) == {"0", "1"}


async def test_what_never_expires_stays(database: Database, clock: FakeClock) -> None:
    now = clock.now()
    async with database.writing() as w:
        await w.execute(insert(User).values(id=1, username="u", created=now))
        common = {"user_id": 1, "intent": "api", "created": now}
        await w.execute(insert(Token).values(id="forever", identifier="1", key_hash="1", expires=None, **common))
        await w.execute(
            insert(Token).values(id="past", identifier="2", key_hash="2", expires=now - timedelta(1), **common)
        )
    assert await expire(database, clock, Token.expires) == 1
    async with database.reading() as r:
        assert (await r.scalars(select(Token.id))).all() == ["forever"]
