"""After a restore nothing that was remembered before it counts, whichever way the old data came back."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text, update
from sqlalchemy.engine import make_url

from ostiary.events.models import Event
from ostiary.kit.errors import Unavailable
from ostiary.storage import installation
from ostiary.storage.backup import backup
from ostiary.storage.feed import DROP
from ostiary.storage.models import Installation
from ostiary.storage.restore import restore
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Writing
from tests.clock import FakeClock
from tests.conformance.feed.reader import NOW, Reader

SECRETS = Secrets(["k" * 32])


async def _record(w: Writing) -> None:
    w.add(Event(created=NOW, action="data_restored", room="storage", user={}, context={}))


async def test_a_restore_under_a_running_reader_is_a_drop(
    database: Database, database_url: str, reader: Reader, tmp_path: Path, clock: FakeClock
) -> None:
    async with database.writing() as w:
        await w.execute(text("DELETE FROM installation"))
        await installation.ensure(w, SECRETS, clock)
    assert await reader.changes() is DROP
    await backup(database_url, tmp_path / "b")
    async with database.writing() as w:
        await w.execute(text("DELETE FROM sessions WHERE id = 's1'"))
    assert await reader.seen() == {("session", "s1"), ("app_session", "a1")}
    await restore(tmp_path / "b", database_url, secrets=SECRETS, record=_record, force=True)
    assert await reader.changes() is DROP
    assert await reader.changes() == []
    async with database.writing() as w:
        await w.execute(text("DELETE FROM users WHERE id = 1"))
    assert await reader.seen() == {("user", "1"), ("token", "t1")}


async def test_a_new_incarnation_alone_is_a_drop(database: Database, reader: Reader) -> None:
    async with database.writing() as w:
        await w.execute(update(Installation).values(incarnation="second"))
    assert await reader.changes() is DROP
    assert await reader.changes() == []


async def test_a_copy_that_is_loaded_into_the_same_file_is_a_drop(sqlite_url: str, tmp_path: Path) -> None:
    file = str(make_url(sqlite_url).database)
    copy = sqlite3.connect(tmp_path / "copy")
    running = sqlite3.connect(file, isolation_level=None)
    reader = Reader(sqlite_url)
    running.execute("INSERT INTO groups VALUES ('g', 'g', 0, '{}')")
    assert await reader.changes() is DROP
    running.backup(copy)
    for name in ("one", "two"):
        running.execute("INSERT INTO groups VALUES (?, ?, 0, '{}')", (name, name))
    assert await reader.seen() == {("group", "one"), ("group", "two")}
    # The old feed comes back, and grows past the reader's cursor before the reader looks.
    copy.backup(running)
    for name in ("three", "four", "five"):
        running.execute("INSERT INTO groups VALUES (?, ?, 0, '{}')", (name, name))
    assert await reader.changes() is DROP
    assert await reader.changes() == []
    await reader.close()
    copy.close()
    running.close()


def _replace(file: Path, copy: Path, removed: bool) -> None:
    shutil.copy(file, copy)
    if removed:
        file.unlink()
    else:
        copy.rename(file)


@pytest.mark.parametrize("removed", [False, True])
async def test_a_file_that_is_moved_over_a_running_servers_is_noticed(
    sqlite_url: str, tmp_path: Path, removed: bool
) -> None:
    file = Path(str(make_url(sqlite_url).database))
    reader = Reader(sqlite_url)
    assert await reader.changes() is DROP
    _replace(file, tmp_path / "copy", removed)
    with pytest.raises(Unavailable, match=r"storage\.unreachable" if removed else r"storage\.replaced"):
        while True:
            await reader.changes()
    await reader.close()
