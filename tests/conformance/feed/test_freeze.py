"""Silence is not the news that nothing happened: the poll fails, and a later one reports all that was missed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
import pytest
from sqlalchemy import text

from ostiary.kit.errors import Unavailable
from ostiary.storage.direct import PostgresDirect
from ostiary.storage.engine import open_engine
from ostiary.storage.feed import DROP
from ostiary.storage.feed_postgres import PostgresFeed
from ostiary.storage.session import Database
from tests.conformance.feed.reader import furnish


@asynccontextmanager
async def _house(url: str) -> AsyncIterator[tuple[Database, PostgresFeed]]:
    database, feed = Database(open_engine(url)), PostgresFeed(url)
    await furnish(database)
    assert await feed.poll() is DROP
    yield database, feed
    await feed.close()
    await database.close()


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_frozen_connection_fails_the_poll_and_the_next_reports_all(postgresql_url: str) -> None:
    async with _house(postgresql_url) as (database, feed):
        assert feed._connection
        with _stopped(feed._connection.get_server_pid()):
            async with database.writing() as w:
                await w.execute(text("DELETE FROM sessions WHERE id = 's1'"))
            with pytest.raises(Unavailable, match=r"storage\.unreachable"):
                await feed.poll()
        assert await feed.poll() == [("session", "s1"), ("app_session", "a1")]


async def test_a_poll_behind_a_lock_fails_in_time(postgresql_url: str) -> None:
    async with _house(postgresql_url) as (database, feed):
        async with database.writing() as w:
            await w.execute(text("LOCK TABLE feed IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises(Unavailable, match=r"storage\.unreachable"):
                await feed.poll()
        assert await feed.poll() == []


async def test_a_closed_connection_is_opened_again_and_nothing_is_missed(postgresql_url: str) -> None:
    async with _house(postgresql_url) as (database, feed):
        assert feed._connection
        async with database.writing() as w:
            await w.execute(text(f"SELECT pg_terminate_backend({feed._connection.get_server_pid()})"))
            await w.execute(text("DELETE FROM sessions WHERE id = 's1'"))
        with pytest.raises(Unavailable, match=r"storage\.unreachable"):
            await feed.poll()
        assert await feed.poll() == [("session", "s1"), ("app_session", "a1")]


async def test_only_what_ends_or_alters_is_notified(postgresql_url: str) -> None:
    async with _house(postgresql_url) as (database, _):
        url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        listener = await asyncpg.connect(url)
        heard: list[str] = []
        await listener.add_listener("ostiary_feed", lambda *_: heard.append("x"))
        for statement, notified in (
            ("INSERT INTO groups (id, name, is_superuser, attributes) VALUES ('n', 'n', false, '{}')", False),
            ("UPDATE sessions SET last_used = 5", False),
            ("DELETE FROM app_sessions WHERE id = 'a2'", True),
            ("DELETE FROM sessions WHERE id = 's1'", True),
            ("UPDATE users SET is_active = false WHERE id = 2", True),
            ("UPDATE users SET password_hash = 'x' WHERE id = 2", True),
            ("DELETE FROM memberships WHERE user_id = 1", True),
            ("DELETE FROM policy_bindings WHERE id = 'bg'", True),
        ):
            heard.clear()
            async with database.writing() as w:
                await w.execute(text(statement))
            await listener.fetchval("SELECT 1")  # notifications of earlier commits arrive before the answer
            assert bool(heard) is notified, statement
        await listener.close()


async def test_a_wait_ends_when_a_revocation_is_announced(postgresql_url: str) -> None:
    async with _house(postgresql_url) as (database, feed):
        waiting = asyncio.create_task(feed.wait(60))
        async with database.writing() as w:
            await w.execute(text("DELETE FROM sessions WHERE id = 's1'"))
        await waiting
        assert await feed.poll() == [("session", "s1"), ("app_session", "a1")]
        await feed.wait(0.01)


async def test_direct_reads_survive_a_closed_connection_and_fail_on_a_frozen_one(postgresql_url: str) -> None:
    async with _house(postgresql_url) as (database, _):
        direct = PostgresDirect(postgresql_url)
        [(pid,)] = await direct.query("SELECT pg_backend_pid()")
        async with database.writing() as w:
            await w.execute(text(f"SELECT pg_terminate_backend({pid})"))
        [(pid,)] = await direct.query("SELECT pg_backend_pid()")
        with _stopped(pid), pytest.raises(Unavailable, match=r"storage\.unreachable"):
            await direct.query("SELECT 1")
        assert await direct.query("SELECT id FROM sessions WHERE user_id = $1", 1) == [("s1",)]
        with pytest.raises(Unavailable, match=r"storage\.unreachable"):
            await direct.query("DELETE FROM sessions")
        await direct.close()
