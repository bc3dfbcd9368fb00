import asyncio
import json
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, BigInteger, Boolean, Integer, String, insert, select, text

from ostiary import schema
from ostiary.directory.models import User
from ostiary.events.models import Event
from ostiary.kit.errors import Conflict, InvalidInput, Unavailable
from ostiary.sessions.models import Session
from ostiary.storage import installation
from ostiary.storage.backup import OURS, backup, verify
from ostiary.storage.base import Instant
from ostiary.storage.engine import open_engine
from ostiary.storage.migrate import head_revision, migrate, upgrade_needed
from ostiary.storage.models import Installation
from ostiary.storage.restore import ENDED, restore
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Writing
from tests.clock import FakeClock
from tests.conformance.feed.reader import NOW, furnish

SECRETS = Secrets(["k" * 32])

Rows = dict[str, list[dict[str, Any]]]


async def _record(w: Writing) -> None:
    w.add(Event(created=NOW, action="data_restored", room="storage", user={}, context={}))


async def _house(database: Database, clock: FakeClock) -> None:
    await furnish(database)
    async with database.writing() as w:
        await w.execute(text("DELETE FROM installation"))
        await installation.ensure(w, SECRETS, clock)
        if database.is_sqlite:
            await w.execute(insert(User).values(id=79, username="before", created=NOW))
            await w.execute(text("DELETE FROM users WHERE id = 79"))
        odd = {"größe": [1, 2.5, None, True, {"a": 'b\n"\\'}], "long": 12345678901234567890}
        await w.execute(insert(User).values(id=70, username="émile", name="a\nb\u2028c", attributes=odd, created=NOW))
        if not database.is_sqlite:
            await w.execute(text("SELECT setval('users_id_seq', 79)"))
        w.add(User(username="gone", created=NOW))
        await w.flush()
        await w.execute(text("DELETE FROM users WHERE username = 'gone'"))


async def _all(database: Database) -> Rows:
    rows: Rows = {}
    async with database.reading() as r:
        for table in schema.metadata.sorted_tables:
            if table.name in OURS:
                columns = [column for column in table.columns if column.name != "xid"]
                found = (await r.execute(select(*columns))).mappings().all()
                rows[table.name] = sorted(map(dict, found), key=repr)
    return rows


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request: pytest.FixtureRequest, tmp_path: Path, make_empty: Callable[[str], str]) -> str:
    return make_empty(request.param)


async def test_a_backup_moves_everything_to_either_kind_of_database(
    database: Database, database_url: str, target_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    await _house(database, clock)
    before = await _all(database)
    written = await backup(database_url, tmp_path / "b.ostiary")
    assert await asyncio.to_thread(verify, tmp_path / "b.ostiary") == written
    await restore(tmp_path / "b.ostiary", target_url, secrets=SECRETS, record=_record, keep_sessions=True)
    target = Database(open_engine(target_url))
    after = await _all(target)
    assert [event["action"] for event in after.pop("events")] == ["data_restored"]
    before.pop("events")
    assert after["installation"][0].pop("incarnation") != before["installation"][0].pop("incarnation")
    assert after == before
    assert written.rows == sum(map(len, before.values()))
    async with target.writing() as w:
        # Numbers go on: no person is ever given the number of somebody deleted.
        user = User(username="next", created=NOW)
        w.add(user)
        await w.flush()
        assert user.id == 81
    await target.close()


async def test_a_restore_ends_every_session_and_is_an_event(
    database: Database, database_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    await _house(database, clock)
    await backup(database_url, tmp_path / "b")
    await restore(tmp_path / "b", database_url, secrets=SECRETS, record=_record, force=True)
    rows = await _all(database)
    assert {table: rows[table] for table in ENDED} == {table: [] for table in ENDED}
    assert [event["action"] for event in rows["events"]] == ["data_restored"]
    assert len(rows["users"]) == 3


async def test_a_filled_database_is_not_replaced_without_a_word(
    database: Database, database_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    await _house(database, clock)
    before = await _all(database)
    await backup(database_url, tmp_path / "b")
    with pytest.raises(Conflict, match=r"restore\.not_empty.*--force"):
        await restore(tmp_path / "b", database_url, secrets=SECRETS, record=_record)
    assert await _all(database) == before


async def _fail(w: Writing) -> None:
    raise RuntimeError("on purpose")


@pytest.mark.parametrize(
    ("secrets", "record", "error"),
    [(Secrets(["w" * 32]), _record, r"secret_key\.wrong"), (SECRETS, _fail, "on purpose")],
)
async def test_a_restore_that_fails_changes_nothing(
    database: Database,
    database_url: str,
    tmp_path: Path,
    clock: FakeClock,
    secrets: Secrets,
    record: Callable[[Writing], Awaitable[None]],
    error: str,
) -> None:
    await _house(database, clock)
    await backup(database_url, tmp_path / "b")
    before = await _all(database)
    with pytest.raises((InvalidInput, RuntimeError), match=error):
        await restore(tmp_path / "b", database_url, secrets=secrets, record=record, force=True)
    assert await _all(database) == before


async def test_a_backup_is_one_snapshot(
    database: Database, database_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    await _house(database, clock)

    async def write(stop: asyncio.Event) -> None:
        number = 1000
        while not stop.is_set():
            number += 1
            async with database.writing() as w:
                await w.execute(insert(User).values(id=number, username=f"w{number}", created=NOW))
                await w.execute(text(f"INSERT INTO memberships (user_id, group_id) VALUES ({number}, 'g')"))

    stop = asyncio.Event()
    writing = asyncio.create_task(write(stop))
    for attempt in range(3):
        await backup(database_url, tmp_path / f"b{attempt}")
    stop.set()
    await writing
    for attempt in range(3):
        people = await asyncio.to_thread(_keys, tmp_path / f"b{attempt}", "users", "id")
        members = await asyncio.to_thread(_keys, tmp_path / f"b{attempt}", "memberships", "user_id")
        assert members == people - {70}


def _keys(file: Path, table: str, column: str) -> set[int]:
    with zipfile.ZipFile(file) as archive:
        return {json.loads(line)[column] for line in archive.read(f"{table}.jsonl").splitlines()}


async def test_a_backup_is_private_whole_and_overwrites_nothing(
    database: Database, database_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    await _house(database, clock)
    place = tmp_path / "place"
    await asyncio.to_thread(place.mkdir)
    await backup(database_url, place / "b")
    assert await asyncio.to_thread(lambda: (place / "b").stat().st_mode & 0o777) == 0o600
    with pytest.raises(Conflict, match=r"backup\.exists"):
        await backup(database_url, place / "b")
    with pytest.raises(InvalidInput, match=r"backup\.not_writable"):
        await backup(database_url, place / "missing" / "b")
    async with database.writing() as w:
        await w.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    with pytest.raises(Conflict, match=r"storage\.newer"):
        await backup(database_url, place / "c")
    assert await asyncio.to_thread(lambda: [file.name for file in place.iterdir()]) == ["b"]


async def test_a_database_that_was_never_started_has_nothing_to_back_up(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"storage\.not_initialised"):
        await backup(database_url, tmp_path / "b")


async def test_every_kind_of_damage_is_noticed_before_anything_is_touched(
    sqlite_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    database = Database(open_engine(sqlite_url))
    await _house(database, clock)
    good = tmp_path / "good"
    await backup(sqlite_url, good)
    before = await _all(database)
    for damage, code in _damages(await asyncio.to_thread(good.read_bytes)):
        bad = tmp_path / "bad"
        await asyncio.to_thread(damage, bad)
        with pytest.raises(InvalidInput) as refused:
            await restore(bad, sqlite_url, secrets=SECRETS, record=_record, force=True)
        assert refused.value.code == code
        assert refused.value.field == "source"
    assert await _all(database) == before
    await database.close()


def _damages(good: bytes) -> list[tuple[Callable[[Path], Any], str]]:
    def edited(change: Callable[[str, bytes], bytes | None]) -> Callable[[Path], None]:
        def write(bad: Path) -> None:
            original = bad.with_name("original")
            original.write_bytes(good)
            with zipfile.ZipFile(original) as source, zipfile.ZipFile(bad, "w") as target:
                for name in source.namelist():
                    data = change(name, source.read(name))
                    if data is not None:
                        target.writestr(name, data)

        return write

    def manifest(**fields: object) -> Callable[[Path], None]:
        return edited(
            lambda name, data: json.dumps(json.loads(data) | fields).encode() if name == "manifest.json" else data
        )

    return [
        (lambda bad: bad.write_bytes(good[: len(good) // 2]), "backup.unreadable"),
        (lambda bad: bad.write_bytes(b""), "backup.unreadable"),
        (lambda bad: bad.unlink(), "backup.unreadable"),
        (edited(lambda name, data: None if name == "manifest.json" else data), "backup.unreadable"),
        (edited(lambda name, data: None if name == "users.jsonl" else data), "backup.unreadable"),
        (edited(lambda name, data: data[:-20] if name == "users.jsonl" else data), "backup.damaged"),
        (edited(lambda name, data: data.replace(b"u1", b"u9") if name == "users.jsonl" else data), "backup.damaged"),
        (manifest(product="other"), "backup.unreadable"),
        (manifest(tables=[{"name": "users; DROP", "rows": 0, "sha256": "", "sequence": 1}]), "backup.unreadable"),
        (manifest(tables=[1]), "backup.unreadable"),
        (manifest(revision="9999_future"), "backup.newer"),
        (manifest(format=2), "backup.newer"),
    ]


async def test_other_tables_of_a_shared_database_stay(
    database: Database, database_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    await _house(database, clock)
    async with database.writing() as w:
        await w.execute(text("CREATE TABLE somebody_elses (a INTEGER)"))
    await backup(database_url, tmp_path / "b")
    async with database.writing() as w:
        await w.execute(text("INSERT INTO somebody_elses VALUES (1)"))
    await restore(tmp_path / "b", database_url, secrets=SECRETS, record=_record, force=True)
    async with database.reading() as r:
        assert (await r.scalars(text("SELECT a FROM somebody_elses"))).all() == [1]


def test_every_column_is_of_a_kind_that_a_backup_carries() -> None:
    kinds = (String, Integer, BigInteger, Boolean, JSON, Instant)
    for table in schema.metadata.sorted_tables:
        for column in table.columns:
            assert isinstance(column.type, kinds), f"{table.name}.{column.name}"


async def test_the_incarnation_is_another_and_sessions_can_be_kept(
    sqlite_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    database = Database(open_engine(sqlite_url))
    await _house(database, clock)
    async with database.reading() as r:
        first = await r.scalar(select(Installation.incarnation))
    await backup(sqlite_url, tmp_path / "b")
    await restore(tmp_path / "b", sqlite_url, secrets=SECRETS, record=_record, keep_sessions=True, force=True)
    async with database.reading() as r:
        assert await r.scalar(select(Installation.incarnation)) != first
        assert sorted((await r.scalars(select(Session.id))).all()) == ["s1", "s2"]
    await database.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("filled", [False, True])
async def test_a_backup_of_an_older_release_is_upgraded_on_the_way(
    sqlite_url: str,
    tmp_path: Path,
    clock: FakeClock,
    make_empty: Callable[[str], str],
    request: pytest.FixtureRequest,
    kind: str,
    filled: bool,
) -> None:
    database = Database(open_engine(sqlite_url))
    await _house(database, clock)
    await database.close()
    older = await backup(sqlite_url, tmp_path / "b")
    request.getfixturevalue("next_release")
    assert head_revision() != older.revision
    url = make_empty(kind)
    target = Database(open_engine(url))
    if filled:
        await asyncio.to_thread(migrate, url)
        async with target.writing() as w:
            await installation.ensure(w, SECRETS, clock)
            await w.execute(insert(User).values(id=5, username="later", created=NOW))
    await restore(tmp_path / "b", url, secrets=SECRETS, record=_record, force=filled)
    assert not await upgrade_needed(target)
    async with target.reading() as r:
        assert await r.scalar(text("SELECT count(*) FROM added")) == 0
        assert set((await r.scalars(select(User.id))).all()) == {1, 2, 70}
    await target.close()
