"""Other data in the place of ours is noticed, wherever it comes from."""

import asyncio
import os
import pwd
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from ostiary.kit.errors import Unavailable
from ostiary.storage.engine import open_engine
from ostiary.storage.feed import DROP
from ostiary.storage.feed_postgres import PostgresFeed, _Seen
from ostiary.storage.session import Database
from tests.conformance.feed.reader import furnish
from tests.databases import PROGRAMS, Cluster, _free_port, in_thread, prepare, start_cluster, stop_cluster


@pytest.fixture
async def house(postgresql_url: str) -> AsyncIterator[tuple[Database, PostgresFeed]]:
    database, feed = Database(open_engine(postgresql_url)), PostgresFeed(postgresql_url)
    await furnish(database)
    assert await feed.poll() is DROP
    yield database, feed
    await feed.close()
    await database.close()


def _lead_to(feed: PostgresFeed, url: str) -> None:
    """What a changed DNS name or a load balancer does."""
    feed._disconnect()
    feed._url = url


async def test_another_server_is_a_drop(house: tuple[Database, PostgresFeed]) -> None:
    _, feed = house
    other = in_thread(start_cluster)
    try:
        in_thread(lambda: prepare(other.url()))
        _lead_to(feed, other.url())
        assert await feed.poll() is DROP
        assert await feed.poll() == []
    finally:
        in_thread(lambda: stop_cluster(other))


async def test_a_snapshot_that_went_backwards_is_a_drop(house: tuple[Database, PostgresFeed]) -> None:
    _, feed = house
    assert feed._seen
    feed._seen = _Seen("99999999:99999999:", feed._seen.place)
    assert await feed.poll() is DROP
    assert await feed.poll() == []


async def test_a_feed_that_was_loaded_from_a_dump_is_a_drop(house: tuple[Database, PostgresFeed]) -> None:
    database, feed = house
    async with database.writing() as w:
        await w.execute(text("CREATE TABLE loaded (LIKE feed INCLUDING ALL)"))
        await w.execute(text("INSERT INTO loaded SELECT * FROM feed"))
        await w.execute(text("DROP TABLE feed CASCADE"))
        await w.execute(text("ALTER TABLE loaded RENAME TO feed"))
    assert await feed.poll() is DROP
    assert await feed.poll() == []


@pytest.mark.slow
async def test_a_standby_is_refused_and_after_its_promotion_everything_is_dropped(
    house: tuple[Database, PostgresFeed], cluster: Cluster, postgresql_url: str
) -> None:
    database, feed = house
    directory, port = Path(cluster.directory, "standby"), _free_port()
    standby = Cluster(cluster.directory, port, cluster.password)
    try:
        await asyncio.to_thread(_copy, cluster, directory)
        options = f"-c port={port} -c unix_socket_directories={cluster.directory} -c max_connections=300"
        log = f"{directory}.log"
        await asyncio.to_thread(_run, cluster, "pg_ctl", "start", "-w", f"-D{directory}", "-l", log, "-o", options)
        url = standby.url(postgresql_url.rpartition("/")[2])
        await _refuses_a_pool(url)
        _lead_to(feed, url)
        with pytest.raises(Unavailable, match=r"storage\.unreachable"):
            await feed.poll()
        async with database.writing() as w:
            await w.execute(text("DELETE FROM sessions WHERE id = 's1'"))
        await asyncio.to_thread(_run, cluster, "pg_ctl", "promote", "-w", f"-D{directory}")
        assert await feed.poll() is DROP
        assert await feed.poll() == []
    finally:
        feed._disconnect()
        await asyncio.to_thread(_run, cluster, "pg_ctl", "stop", "-w", "-mimmediate", f"-D{directory}")
        await asyncio.to_thread(shutil.rmtree, directory)


async def _refuses_a_pool(url: str) -> None:
    behind = Database(open_engine(url))
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        async with behind.reading() as r:
            await r.execute(text("SELECT 1"))
    await behind.close()


def _copy(cluster: Cluster, directory: Path) -> None:
    _run(
        cluster,
        "pg_basebackup",
        f"-D{directory}",
        "-R",
        "-cfast",
        "-Xstream",
        "-hlocalhost",
        f"-p{cluster.port}",
        "-Upostgres",
    )


def _run(cluster: Cluster, program: str, *arguments: str) -> None:
    owner = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    subprocess.run(
        [str(PROGRAMS / program), *arguments],
        check=True,
        cwd=cluster.directory,
        env={"PGPASSWORD": cluster.password, "HOME": pwd.getpwuid(os.geteuid()).pw_dir},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **owner,  # type: ignore[call-overload]
    )
