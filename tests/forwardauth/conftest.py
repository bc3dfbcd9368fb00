"""A house over each kind of database."""

from collections.abc import AsyncIterator

import pytest

from tests.clock import FakeClock
from tests.forwardauth.house import House


@pytest.fixture
async def house(database_url: str, clock: FakeClock) -> AsyncIterator[House]:
    built = House(database_url, clock)
    yield built
    await built.close()
