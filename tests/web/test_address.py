from sqlalchemy import update

from ostiary.storage import installation
from ostiary.storage.models import Installation
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from ostiary.web.address import Address
from tests.clock import FakeClock


async def move(database: Database, address: str) -> None:
    async with database.writing() as w:
        await w.execute(update(Installation).values(base_url=address))


async def test_an_address_that_is_changed_is_known_at_every_worker_soon(database: Database, clock: FakeClock) -> None:
    async with database.writing() as w:
        await installation.ensure(w, Secrets(["k" * 32]), clock)
    address = Address(configured="", database=database, clock=clock)
    assert await address.base_url() is None
    await move(database, "https://a.example")
    assert await address.base_url() == "https://a.example"
    await move(database, "https://b.example")
    clock.advance(1)
    assert await address.base_url() == "https://a.example"
    clock.advance(1)
    assert await address.base_url() == "https://b.example"


async def test_a_configured_address_stays(database: Database, clock: FakeClock) -> None:
    address = Address(configured="https://c.example/", database=database, clock=clock)
    clock.advance(3600)
    assert await address.base_url() == "https://c.example"
