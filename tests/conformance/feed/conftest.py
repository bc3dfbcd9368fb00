"""A furnished database on each kind, and a reader that has read all of it."""

from collections.abc import AsyncIterator

import pytest

from ostiary.storage.feed import DROP
from ostiary.storage.session import Database
from tests.conformance.feed.reader import Reader, furnish


@pytest.fixture
async def reader(database: Database, database_url: str) -> AsyncIterator[Reader]:
    await furnish(database)
    opened = Reader(database_url)
    assert await opened.changes() is DROP
    assert await opened.changes() == []
    yield opened
    await opened.close()
