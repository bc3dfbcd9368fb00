"""The test databases are real, fresh and whole."""

from sqlalchemy import inspect, select

from ostiary import schema
from ostiary.storage.models import Lease
from ostiary.storage.session import Database


async def test_database_holds_every_table_of_the_schema(database: Database) -> None:
    async with database.engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert set(tables) >= set(schema.metadata.tables)


async def _mark(database: Database) -> int:
    async with database.writing() as w:
        w.add(Lease(name="mark", holder="me", fence=1, expires=1))
    async with database.reading() as r:
        return len((await r.scalars(select(Lease))).all())


async def test_database_is_fresh_for_one_test(database: Database) -> None:
    assert await _mark(database) == 1


async def test_database_is_fresh_for_the_next_test(database: Database) -> None:
    assert await _mark(database) == 1
