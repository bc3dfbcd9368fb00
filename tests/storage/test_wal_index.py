"""The cheap answer to "was anything committed?" is never "no" when something was, and harms nobody's locks."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ostiary.storage.direct import SqliteDirect
from ostiary.storage.wal_index import WalIndex


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.sqlite3"
    with closing(connected(path)) as c:
        c.execute("PRAGMA journal_mode=WAL")
        c.execute("CREATE TABLE t (n INTEGER)")
    return path


@pytest.fixture
def direct(file: Path) -> Iterator[SqliteDirect]:
    found = SqliteDirect(file)
    found.data_version()
    yield found
    found.close()


def connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=0)


def test_every_commit_changes_the_header(file: Path, direct: SqliteDirect) -> None:
    with closing(connected(file)) as other:
        seen = {direct.log_header()}
        for turn in range(500):
            other.execute("INSERT INTO t VALUES (1)")
            seen.add(direct.log_header())
            if turn % 50 == 0:
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                # A log begun anew may change the header, too; what counts is that no commit leaves it as it was.
                seen.add(direct.log_header())
        assert None not in seen
        assert len(seen) >= 501


def test_a_commit_of_another_process_changes_the_header(file: Path, direct: SqliteDirect) -> None:
    before = direct.log_header()
    script = f"import sqlite3; c = sqlite3.connect({str(file)!r}); c.execute('INSERT INTO t VALUES (1)'); c.commit()"
    subprocess.run([sys.executable, "-c", script], check=True)
    assert direct.log_header() not in (before, None)


def test_reading_and_rolling_back_leave_it(file: Path, direct: SqliteDirect) -> None:
    before = direct.log_header()
    with closing(connected(file)) as other:
        other.execute("SELECT * FROM t").fetchall()
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO t VALUES (1)")
        other.execute("ROLLBACK")
    assert direct.log_header() == before


def test_opening_and_closing_drops_no_lock_of_this_process(file: Path, direct: SqliteDirect) -> None:
    with closing(connected(file)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        others = [SqliteDirect(file) for _ in range(3)]
        for other in others:
            other.data_version()
            assert other.log_header() is not None
            other.close()
        WalIndex.of(file)
        script = (
            f"import sqlite3; c = sqlite3.connect({str(file)!r}, isolation_level=None, timeout=0)\n"
            "try: c.execute('BEGIN IMMEDIATE')\n"
            "except sqlite3.OperationalError as error: print(error)"
        )
        got = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
        assert got.stdout == "database is locked\n"


def test_nothing_is_said_where_nothing_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "plain.sqlite3"
    with closing(connected(path)) as c:
        c.execute("CREATE TABLE t (n INTEGER)")
    direct = SqliteDirect(path)
    assert direct.log_header() is None
    version = direct.data_version()
    assert direct.log_header() is None
    with closing(connected(path)) as c:
        c.execute("INSERT INTO t VALUES (1)")
    assert direct.data_version() != version
    direct.close()


def test_a_closed_connection_says_nothing(direct: SqliteDirect) -> None:
    assert direct.log_header() is not None
    direct.close()
    assert direct.log_header() is None


def test_a_file_that_was_deleted_is_let_go(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = 0
    for turn in range(20):
        path = tmp_path / f"{turn}.sqlite3"
        with closing(connected(path)) as c:
            c.execute("PRAGMA journal_mode=WAL")
            c.execute("CREATE TABLE t (n INTEGER)")
            direct = SqliteDirect(path)
            direct.data_version()
            assert direct.log_header() is not None
            direct.close()
        if turn == 1:
            before = descriptors()
    assert descriptors() <= before
