"""A transaction that takes its number early and commits late is read, once."""

import asyncio
import random

import asyncpg
import pytest
from sqlalchemy import text

from ostiary.storage.session import Database
from tests.conformance.feed.reader import Reader


async def test_a_late_commit_is_read_once(reader: Reader, database: Database) -> None:
    if database.is_sqlite:
        # SQLite has one writer at a time: nobody can take a number while another transaction is open.
        async with database.writing() as w:
            await w.execute(text("DELETE FROM sessions WHERE id = 's1'"))
            assert await reader.changes() == []
        assert await reader.seen() == {("session", "s1"), ("app_session", "a1")}
        assert await reader.changes() == []
        return
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    early = await asyncpg.connect(url)
    try:
        transaction = early.transaction()
        await transaction.start()
        await early.execute("DELETE FROM sessions WHERE id = 's1'")
        async with database.writing() as w:
            await w.execute(text("DELETE FROM sessions WHERE id = 's2'"))
        assert await reader.seen() == {("session", "s2"), ("app_session", "a2")}
        assert await reader.changes() == []
        await transaction.commit()
        assert await reader.seen() == {("session", "s1"), ("app_session", "a1")}
        assert await reader.changes() == []
    finally:
        await early.close()


async def test_a_savepoint_is_read_with_its_transaction(database: Database, reader: Reader) -> None:
    async with database.writing() as w:
        async with w.begin_nested():
            await w.execute(text("DELETE FROM sessions WHERE id = 's1'"))
        nested = await w.begin_nested()
        await w.execute(text("DELETE FROM sessions WHERE id = 's2'"))
        await nested.rollback()
        assert await reader.changes() == []
    assert await reader.seen() == {("session", "s1"), ("app_session", "a1")}


@pytest.mark.parametrize("seed", range(3))
async def test_writers_that_overlap_lose_nothing_and_repeat_nothing(
    database: Database, reader: Reader, seed: int
) -> None:
    writers, rounds = 6, 12
    chance = random.Random(seed)
    pauses = [[chance.random() / 100 for _ in range(rounds)] for _ in range(writers)]
    read: list[tuple[str, str]] = []

    async def write(writer: int) -> None:
        for round_, pause in enumerate(pauses[writer]):
            async with database.writing() as w:
                await w.execute(
                    text("INSERT INTO groups (id, name, is_superuser, attributes) VALUES (:id, :id, (1 = 0), '{}')"),
                    {"id": f"{writer}-{round_}"},
                )
                await asyncio.sleep(pause)

    async def follow(done: asyncio.Event) -> None:
        last = False
        while not last:
            last = done.is_set()
            answer = await reader.changes()
            assert isinstance(answer, list)
            read.extend(answer)
            await asyncio.sleep(0.002)

    done = asyncio.Event()
    following = asyncio.create_task(follow(done))
    await asyncio.gather(*(write(writer) for writer in range(writers)))
    done.set()
    await following
    assert sorted(read) == sorted(("group", f"{w}-{r}") for w in range(writers) for r in range(rounds))
