"""Trimming hides nothing: numbers are never used again, and a reader that fell behind the trimming drops everything."""

import asyncio

import asyncpg
from sqlalchemy import text

from ostiary.storage.feed import DROP, trim
from ostiary.storage.session import Database
from tests.conformance.feed.reader import Reader


async def _end(database: Database, session: str) -> None:
    async with database.writing() as w:
        await w.execute(text("DELETE FROM sessions WHERE id = :id"), {"id": session})


async def _trim(database: Database, retention: int) -> None:
    async with database.writing() as w:
        await trim(w, retention)


async def _rows(database: Database) -> int:
    async with database.reading() as r:
        return int(await r.scalar(text("SELECT count(*) FROM feed WHERE kind NOT IN ('_mark', '_trimmed')")) or 0)


async def _trim_all(database: Database, reader: Reader | None = None) -> None:
    # On PostgreSQL a transaction that is open in any database of the server, another test's too, holds trimming back.
    while await _rows(database) > 1:
        await _trim(database, 0)
        if reader:
            assert await reader.changes() == []
        await asyncio.sleep(0.01)


async def test_a_reader_that_keeps_up_notices_no_trimming(database: Database, reader: Reader) -> None:
    await _trim_all(database, reader)
    await _end(database, "s1")
    assert await reader.seen() == {("session", "s1"), ("app_session", "a1")}
    await _trim_all(database, reader)
    await _end(database, "s2")
    assert await reader.seen() == {("session", "s2"), ("app_session", "a2")}


async def test_a_change_after_everything_was_deleted_by_hand_is_not_hidden(database: Database, reader: Reader) -> None:
    async with database.writing() as w:
        await w.execute(text("DELETE FROM feed"))
    await _end(database, "s1")
    answer = await reader.changes()
    assert answer is DROP or {("session", "s1"), ("app_session", "a1")} <= set(answer)
    await _end(database, "s2")
    assert await reader.seen() == {("session", "s2"), ("app_session", "a2")}


async def test_a_reader_behind_the_trimming_drops_everything(database: Database, reader: Reader) -> None:
    await _end(database, "s1")
    await _end(database, "s2")
    await _trim_all(database)
    assert await reader.changes() is DROP
    assert await reader.changes() == []


async def test_what_is_young_stays(database: Database, reader: Reader) -> None:
    await _end(database, "s1")
    before = await _rows(database)
    for _ in range(3):
        await _trim(database, 3600)
    assert await _rows(database) == before
    assert await reader.seen() == {("session", "s1"), ("app_session", "a1")}


async def test_an_old_row_of_a_young_commit_stays(database: Database, reader: Reader) -> None:
    if database.is_sqlite:
        return  # Nothing can be trimmed while a writer is open.
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    slow = await asyncpg.connect(url)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("DELETE FROM sessions WHERE id = 's1'")
        await _trim(database, 0)
        await _trim(database, 0)
        await transaction.commit()
        await _trim(database, 0)
        answer = await reader.changes()
        assert answer is DROP or ("session", "s1") in answer
    finally:
        await slow.close()
