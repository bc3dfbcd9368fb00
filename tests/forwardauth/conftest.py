"""A house over each kind of database."""

from collections.abc import AsyncIterator

import pytest

from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.forwardauth.house import House
from tests.forwardauth.street import Street
from tests.forwardauth.street import street as built_street


@pytest.fixture
async def house(database_url: str, clock: FakeClock) -> AsyncIterator[House]:
    built = House(database_url, clock)
    yield built
    await built.close()


@pytest.fixture
async def street(database: Database, database_url: str, clock: FakeClock) -> AsyncIterator[Street]:
    async with built_street(database, database_url, clock) as built:
        yield built
