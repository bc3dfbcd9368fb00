import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from ostiary.kit.errors import InvalidInput, Unavailable
from ostiary.storage import engine
from ostiary.storage.engine import file_system, open_engine
from ostiary.storage.session import Database


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://root@localhost/x", "sqlite://", "postgresql://localhost"])
def test_an_address_of_no_known_database_is_refused_with_what_would_be_right(url: str) -> None:
    with pytest.raises(
        InvalidInput, match=r"storage\.url_invalid.*sqlite:///path/to/file nor postgresql://"
    ) as refused:
        open_engine(url)
    assert refused.value.field == "database.url"


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"storage\.no_directory.*nowhere does not exist"):
        open_engine(f"sqlite:///{tmp_path}/nowhere/db.sqlite3")


async def test_a_new_database_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    database = Database(open_engine(f"sqlite:///{tmp_path}/db.sqlite3"))
    async with database.writing() as w:
        await w.execute(text("CREATE TABLE t (a)"))
    assert _modes(tmp_path) == {0o600}
    await database.close()


async def test_a_new_database_that_another_server_is_making_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "db.sqlite3"
    other = sqlite3.connect(file, isolation_level=None)
    # SQLite refuses the change of the journal at once here, without asking the busy handler.
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE theirs (a)")
    database = Database(open_engine(f"sqlite:///{file}"))
    started = asyncio.get_running_loop().time()
    asyncio.get_running_loop().call_later(0.3, other.execute, "COMMIT")
    async with database.reading() as r:
        assert (await r.execute(text("SELECT * FROM theirs"))).all() == []
    assert asyncio.get_running_loop().time() - started >= 0.2
    async with database.reading() as r:
        assert await r.scalar(text("PRAGMA journal_mode")) == "wal"
    other.close()
    await database.close()


async def test_a_new_database_that_another_never_lets_go_of_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_BUSY_MILLISECONDS", 200)
    file = tmp_path / "db.sqlite3"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE theirs (a)")
    database = Database(open_engine(f"sqlite:///{file}"))
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        async with database.reading() as r:
            await r.execute(text("SELECT 1"))
    other.close()
    await database.close()


def _modes(directory: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for file in directory.iterdir()}


_MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:50 / /srv rw,relatime shared:1 - nfs4 server:/export rw
31 30 0:51 / /srv/local\\040disk rw - xfs /dev/vdb rw
32 27 0:52 / /covered rw - nfs server:/old rw
33 27 0:53 / /covered rw - ext4 /dev/vdc rw
34 27 0:54 / /covered/share rw - cifs //server/share rw
"""


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("/var/lib/ostiary/db", "ext4"),
        ("/srv/db", "nfs4"),
        ("/srv/local disk/db", "xfs"),
        ("/srv/localdisk/db", "nfs4"),
        ("/covered/db", "ext4"),
        ("/covered/share/db", "cifs"),
        ("/srvx/db", "ext4"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(tmp_path: Path, file: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(_MOUNTS)
    assert file_system(Path(file), mounts) == kind


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "file_system", lambda file: "nfs4")
    with pytest.raises(InvalidInput, match=r"storage\.network_file_system.*\(nfs4\).*PostgreSQL"):
        open_engine(f"sqlite:///{tmp_path}/db.sqlite3")


def test_where_the_system_says_nothing_nothing_is_refused(tmp_path: Path) -> None:
    assert file_system(tmp_path / "db", tmp_path / "no-such-file") == ""


async def test_a_server_that_is_not_there_is_unreachable(unused_tcp_port: int) -> None:
    database = Database(open_engine(f"postgresql://nobody:x@127.0.0.1:{unused_tcp_port}/nothing"))
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        async with database.reading() as r:
            await r.execute(text("SELECT 1"))
    await database.close()


async def test_connections_are_limited_in_time(postgresql_url: str) -> None:
    database = Database(open_engine(postgresql_url))
    async with database.writing() as w:
        assert await w.scalar(text("SHOW statement_timeout")) == "10s"
        assert await w.scalar(text("SHOW lock_timeout")) == "5s"
        assert await w.scalar(text("SHOW idle_in_transaction_session_timeout")) == "30s"
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        await _sleep_beyond_the_limit(database)
    await database.close()


async def _sleep_beyond_the_limit(database: Database) -> None:
    async with database.writing() as w:
        await w.execute(text("SET LOCAL statement_timeout = 20"))
        await w.execute(text("SELECT pg_sleep(30)"))


async def test_the_driver_reads_the_address_options(postgresql_url: str) -> None:
    database = Database(open_engine(f"{postgresql_url}?sslmode=disable"))
    async with database.reading() as r:
        assert await r.scalar(text("SELECT 1")) == 1
    await database.close()
    database = Database(open_engine(f"{postgresql_url}?sslmode=require"))
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        async with database.reading() as r:
            await r.execute(text("SELECT 1"))
    await database.close()
