import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError

from ostiary.directory.models import Group
from ostiary.kit.errors import Unavailable
from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database


async def test_a_writing_commits_whole_or_not_at_all(database: Database) -> None:
    async with database.writing() as w:
        await w.execute(insert(Group).values(id="a", name="a"))
    with pytest.raises(RuntimeError, match="on purpose"):
        await _write_and_fail(database)
    async with database.reading() as r:
        assert (await r.scalars(select(Group.id))).all() == ["a"]


async def _write_and_fail(database: Database) -> None:
    async with database.writing() as w:
        w.add(Group(id="b", name="b"))
        await w.flush()
        raise RuntimeError("on purpose")


async def test_verbs_that_belong_together_happen_all_or_not_at_all(database: Database) -> None:
    async def add(name: str) -> None:
        async with database.writing() as w:
            w.add(Group(id=name, name=name))

    async def found() -> list[str]:
        async with database.reading() as r:
            return list(await r.scalars(select(Group.id).order_by(Group.id)))

    async with database.together():
        await add("a")
        async with database.together():
            await add("b")
        assert await found() == ["a", "b"]
    with pytest.raises(IntegrityError):
        async with database.together():
            await add("c")
            await add("a")
    assert await found() == ["a", "b"]
    await add("d")
    assert await found() == ["a", "b", "d"]


async def test_what_goes_on_elsewhere_does_not_join(database: Database) -> None:
    inside = asyncio.Event()

    async def elsewhere() -> list[str]:
        await inside.wait()
        async with database.reading() as r:
            return list(await r.scalars(select(Group.id)))

    other = asyncio.create_task(elsewhere())
    async with database.together() as w:
        w.add(Group(id="a", name="a"))
        await w.flush()
        inside.set()
        assert await other == []


async def test_a_reading_refuses_a_changed_object(database: Database) -> None:
    async with database.writing() as w:
        w.add(Group(id="a", name="a"))
    async with database.reading() as r:
        group = await r.get_one(Group, "a")
        group.name = "changed"
        with pytest.raises(RuntimeError, match="a Reading does not write"):
            await r.flush()


@pytest.mark.parametrize(
    "statement", ["DELETE FROM groups", "INSERT INTO feed (kind, key, created) VALUES ('', '', 0)"]
)
async def test_the_database_itself_refuses_a_write_in_a_reading(database: Database, statement: str) -> None:
    async with database.reading() as r:
        with pytest.raises((DBAPIError, Unavailable)):
            await r.execute(text(statement))


async def test_a_reading_sees_one_snapshot(database: Database) -> None:
    async with database.reading() as r:
        assert (await r.scalars(select(Group.id))).all() == []
        async with database.writing() as w:
            w.add(Group(id="a", name="a"))
        assert (await r.scalars(select(Group.id))).all() == []
    async with database.reading() as r:
        assert (await r.scalars(select(Group.id))).all() == ["a"]


async def test_many_writers_at_once_all_get_their_turn(database: Database) -> None:
    async def add(number: int) -> None:
        async with database.writing() as w:
            w.add(Group(id=str(number), name=str(number)))

    await asyncio.gather(*(add(number) for number in range(40)))
    async with database.reading() as r:
        assert len((await r.scalars(select(Group.id))).all()) == 40


async def test_a_broken_rule_stays_what_it_is(database: Database) -> None:
    async with database.writing() as w:
        w.add(Group(id="a", name="a"))
    with pytest.raises(IntegrityError):
        async with database.writing() as w:
            await w.execute(insert(Group).values(id="b", name="a"))


async def test_a_full_disk_is_named_and_nothing_is_half_written(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)

    @event.listens_for(engine.sync_engine, "connect")
    def limit(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA max_page_count=1")  # SQLite takes the present size if that is more
        cursor.close()

    database = Database(engine)
    with pytest.raises(Unavailable, match=r"storage\.full"):
        async with database.writing() as w:
            await w.execute(insert(Group).values([{"id": str(n), "name": "x" * 500 + str(n)} for n in range(500)]))
    async with database.reading() as r:
        assert (await r.scalars(select(Group.id))).all() == []
    await database.close()


async def test_a_locked_database_is_unreachable(sqlite_url: str) -> None:
    engine = open_engine(sqlite_url)

    @event.listens_for(engine.sync_engine, "connect")
    def impatient(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=10")
        cursor.close()

    database = Database(engine)
    other = sqlite3.connect(str(make_url(sqlite_url).database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        async with database.writing() as w:
            w.add(Group(id="a", name="a"))
    async with database.reading() as r:
        assert (await r.scalars(select(Group.id))).all() == []
    other.close()
    async with database.writing() as w:
        w.add(Group(id="a", name="a"))
    await database.close()


async def test_a_file_that_is_no_database_is_unreachable(sqlite_url: str) -> None:
    await asyncio.to_thread(Path(str(make_url(sqlite_url).database)).write_bytes, b"not a database" * 1000)
    database = Database(open_engine(sqlite_url))
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        async with database.reading() as r:
            await r.execute(text("SELECT 1 FROM groups"))
    await database.close()


async def test_a_server_gone_in_the_middle_is_unreachable_and_comes_back(postgresql_url: str) -> None:
    database = Database(open_engine(postgresql_url))
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        await _read_on_a_killed_connection(database)
    async with database.reading() as r:
        assert await r.scalar(text("SELECT 1")) == 1
    await database.close()


async def _read_on_a_killed_connection(database: Database) -> None:
    async with database.reading() as r:
        pid = await r.scalar(text("SELECT pg_backend_pid()"))
        async with database.writing() as w:
            await w.execute(text(f"SELECT pg_terminate_backend({pid})"))
        await r.execute(text("SELECT 1"))
