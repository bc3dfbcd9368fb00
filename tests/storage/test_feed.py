import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

import ostiary
from ostiary.kit.errors import Unavailable
from ostiary.storage import installation
from ostiary.storage.backup import backup
from ostiary.storage.direct import SqliteDirect
from ostiary.storage.engine import open_engine
from ostiary.storage.feed import DROP, trim
from ostiary.storage.feed_postgres import PostgresFeed
from ostiary.storage.feed_sqlite import SqliteFeed
from ostiary.storage.migrate import migrate
from ostiary.storage.restore import restore
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Writing
from tests.clock import FakeClock
from tests.databases import Cluster, _execute, in_own_loop, in_thread

SECRETS = Secrets(["k" * 32])


def test_nothing_of_ours_goes_past_the_triggers() -> None:
    past = re.compile(
        r"\b(INSERT\s+OR\s+REPLACE|REPLACE\s+INTO|TRUNCATE\s+(TABLE\s+)?\w|session_replication_role)", re.IGNORECASE
    )
    root = Path(ostiary.__file__).parent
    found = {
        str(file.relative_to(root))
        for file in root.rglob("*.py")
        if past.search(file.read_text().replace("TRUNCATE would change", "").replace("BEFORE TRUNCATE ON", ""))
    }
    assert found == set()


def test_a_reader_of_a_missing_file_says_so_and_makes_none(tmp_path: Path) -> None:
    feed = SqliteFeed(tmp_path / "none")
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        feed.moved()
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        feed.read()
    assert list(tmp_path.iterdir()) == []


def test_a_direct_connection_reads_and_never_writes(sqlite_url: str) -> None:
    direct = SqliteDirect(sqlite_url.removeprefix("sqlite:///"))
    assert direct.query("SELECT ?, ?", ("a", 1)) == [("a", 1)]
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        direct.query("DELETE FROM feed")
    assert direct.query("SELECT count(*) FROM users") == [(0,)]
    direct.close()


def test_a_connection_that_was_opened_again_hides_nothing(sqlite_url: str) -> None:
    # Every connection begins with the same data_version, so the number alone would say that nothing had happened.
    path = sqlite_url.removeprefix("sqlite:///")
    feed = SqliteFeed(path)
    feed.read()
    assert not feed.moved()
    with pytest.raises(Unavailable):
        feed._direct.query("SELECT no_such_column FROM users")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("INSERT INTO feed (kind, key, created) VALUES ('session', 'ended', 0)")
    assert feed.moved()
    assert feed.read() == [("session", "ended")]
    assert not feed.moved()
    feed.close()


@pytest.fixture
def ordinary_url(cluster: Cluster) -> Iterator[str]:
    """A database that belongs to a role without any privilege beside."""
    role, password = "ordinary", "p%40ss"
    in_own_loop(
        lambda: _execute(
            cluster.url(),
            f"CREATE ROLE {role} LOGIN PASSWORD 'p@ss' NOSUPERUSER NOCREATEDB NOCREATEROLE",
            f"CREATE DATABASE {role} OWNER {role}",
        )
    )
    yield f"postgresql://{role}:{password}@127.0.0.1:{cluster.port}/{role}"
    in_own_loop(lambda: _execute(cluster.url(), f"DROP DATABASE {role} WITH (FORCE)", f"DROP ROLE {role}"))


@pytest.fixture
async def ordinary(ordinary_url: str) -> AsyncIterator[Database]:
    in_thread(lambda: migrate(ordinary_url))
    database = Database(open_engine(ordinary_url))
    yield database
    await database.close()


async def _nothing(w: Writing) -> None:
    pass


async def test_an_ordinary_role_is_enough_for_everything(
    ordinary: Database, ordinary_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    feed = PostgresFeed(ordinary_url)
    assert await feed.poll() is DROP
    async with ordinary.writing() as w:
        await installation.ensure(w, SECRETS, clock)
        await w.execute(text("INSERT INTO policies (id, name, type, expression) VALUES ('p', 'p', '', 'true')"))
    assert await feed.poll() is DROP  # the first incarnation
    async with ordinary.writing() as w:
        await w.execute(text("DELETE FROM policies"))
        await trim(w, 3600)
    await feed.wait(60)
    assert await feed.poll() == [("policy", "p")]
    await backup(ordinary_url, tmp_path / "b")
    await restore(tmp_path / "b", ordinary_url, secrets=SECRETS, record=_nothing, force=True)
    assert await feed.poll() is DROP
    await feed.close()
