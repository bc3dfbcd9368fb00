import asyncio
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Connection, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.engine import make_url

import ostiary
from ostiary import schema
from ostiary.kit.errors import Conflict, Unavailable
from ostiary.storage.engine import open_engine
from ostiary.storage.feed import NOT_DECIDING, QUIET, TRIGGERED
from ostiary.storage.migrate import head_revision, migrate, migrate_in_child, revisions, upgrade_needed
from ostiary.storage.session import Database
from tests.databases import in_thread

MIGRATIONS = Path(ostiary.__file__).parent / "migrations"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, make_empty: Callable[[str], str]) -> str:
    """The URL of a database without any table."""
    return make_empty(request.param)


def test_every_table_either_triggers_or_says_why_not() -> None:
    assert set(TRIGGERED) | set(NOT_DECIDING) == set(schema.metadata.tables)
    assert not set(TRIGGERED) & set(NOT_DECIDING)
    for table, (_, column) in TRIGGERED.items():
        assert column in schema.metadata.tables[table].columns
    for table, columns in QUIET.items():
        assert columns <= set(schema.metadata.tables[table].columns.keys())


async def test_the_migrated_schema_is_the_one_that_the_models_describe(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # SQLAlchemy knows no transaction numbers, and would warn.
    monkeypatch.setitem(ischema_names, "xid8", BigInteger)

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _ours})
        return list(compare_metadata(context, schema.metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


def _ours(thing: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
    # What only PostgreSQL has, for the feed.
    return name not in {"xid", "ix_feed_xid", "ix_feed_trimmed"}


def test_revisions_are_named_like_their_files_and_sort_in_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    history = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert history[::-1] == revisions()
    assert head_revision() == history[0]


async def test_two_that_start_at_once_upgrade_once(empty_url: str) -> None:
    database = Database(open_engine(empty_url))
    assert await upgrade_needed(database)
    await asyncio.gather(*(migrate_in_child(empty_url) for _ in range(3)))
    assert not await upgrade_needed(database)
    async with database.reading() as r:
        assert (await r.scalars(text("SELECT version_num FROM alembic_version"))).all() == [head_revision()]
    await database.close()


async def test_a_database_of_a_newer_release_is_refused_and_left_alone(database: Database, database_url: str) -> None:
    async with database.writing() as w:
        await w.execute(text("UPDATE alembic_version SET version_num = '9999_future'"))
    with pytest.raises(Conflict, match=r"storage\.newer.*9999_future"):
        await upgrade_needed(database)
    with pytest.raises(Conflict, match=r"storage\.newer.*9999_future"):
        await migrate_in_child(database_url)
    async with database.reading() as r:
        assert await r.scalar(text("SELECT version_num FROM alembic_version")) == "9999_future"


async def test_a_schema_that_the_same_minor_release_grew_is_served(database: Database, database_url: str) -> None:
    major, minor = ostiary.__version__.split(".")[:2]
    for revision, served in ((f"9999_{major}_{minor}_more", True), (f"9999_{major}_{int(minor) + 1}_more", False)):
        async with database.writing() as w:
            await w.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
        if served:
            assert not await upgrade_needed(database)
            await migrate_in_child(database_url)
        else:
            with pytest.raises(Conflict, match=r"storage\.newer"):
                await upgrade_needed(database)


async def test_a_database_that_cannot_be_asked_is_said_to_be_so(unused_tcp_port: int) -> None:
    with pytest.raises(Unavailable, match=r"storage\.unreachable"):
        await migrate_in_child(f"postgresql://x:y@127.0.0.1:{unused_tcp_port}/z")


def test_an_upgrade_copies_a_sqlite_database_first(sqlite_url: str, next_release: Path) -> None:
    file = Path(str(make_url(sqlite_url).database))
    before = revisions()[-2]
    in_thread(lambda: migrate(sqlite_url))
    copy = file.with_name(f"{file.name}.{before}.backup")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert _revision(copy) == before
    assert _revision(file) == "9000_next"
    copy.unlink()
    in_thread(lambda: migrate(sqlite_url))
    assert not copy.exists()


def _revision(file: Path) -> str:
    connection = sqlite3.connect(file)
    try:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        connection.close()


async def test_an_upgrade_that_fails_leaves_the_old_schema(
    database: Database, database_url: str, next_release: Path
) -> None:
    step = next_release / "9000_next.py"
    step.write_text(step.read_text() + '    op.execute("SELECT no_such_function()")\n')
    with pytest.raises(Exception, match="no_such_function"):
        await asyncio.to_thread(migrate, database_url)
    async with database.reading() as r:
        assert await r.scalar(text("SELECT version_num FROM alembic_version")) == revisions()[-2]
        with pytest.raises(Exception, match="added"):
            await r.execute(text("SELECT * FROM added"))


async def test_an_upgrade_that_leaves_dangling_references_is_not_kept(sqlite_url: str, next_release: Path) -> None:
    step = next_release / "9000_next.py"
    step.write_text(step.read_text() + "    op.execute(\"INSERT INTO memberships VALUES (99, 'nobody')\")\n")
    with pytest.raises(Unavailable, match=r"storage\.migration_failed"):
        await asyncio.to_thread(migrate, sqlite_url)
    assert await asyncio.to_thread(_revision, Path(str(make_url(sqlite_url).database))) == revisions()[-2]


def test_serving_does_not_import_the_migrator() -> None:
    assert "alembic" not in _imported_by(
        "import ostiary.storage.migrate, ostiary.storage.session, ostiary.storage.feed"
    )


def _imported_by(statement: str) -> set[str]:
    import subprocess

    code = f"{statement}; import sys; print(' '.join(sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())
