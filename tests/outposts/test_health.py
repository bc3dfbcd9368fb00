from sqlalchemy import func, select

from ostiary.outposts.health import Heartbeat, alive
from ostiary.outposts.models import OutpostWorker
from ostiary.storage.session import Database
from tests.clock import FakeClock


async def test_a_worker_is_alive_while_it_tells(database: Database, clock: FakeClock) -> None:
    believes = [True, False]
    one = Heartbeat(database=database, clock=clock, version="1", fresh=lambda: believes[0])
    clock.advance(1)
    other = Heartbeat(database=database, clock=clock, version="2", fresh=lambda: believes[1])
    for _ in range(2):
        await one.beat()
        await other.beat()
    clock.advance(20)
    await one.beat()
    async with database.reading() as r:
        assert [(worker.version, worker.fresh) for worker in await alive(r, clock.now())] == [("1", True), ("2", False)]
    clock.advance(20)
    async with database.reading() as r:
        assert [worker.version for worker in await alive(r, clock.now())] == ["1"]
    await one.end()
    async with database.reading() as r:
        assert await alive(r, clock.now()) == []


async def test_it_writes_every_ten_seconds_and_clears_up_after_the_dead(database: Database, clock: FakeClock) -> None:
    dead = Heartbeat(database=database, clock=clock, version="1", fresh=lambda: True)
    await dead.beat()
    seen = clock.now()
    clock.advance(5)
    await dead.beat()
    async with database.reading() as r:
        assert await r.scalar(select(OutpostWorker.last_seen)) == seen
    clock.advance(3_601)
    await Heartbeat(database=database, clock=clock, version="2", fresh=lambda: True).beat()
    async with database.reading() as r:
        assert await r.scalar(select(func.count()).select_from(OutpostWorker)) == 1
