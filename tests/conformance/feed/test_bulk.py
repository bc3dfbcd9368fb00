"""A statement announces every row it touched, whatever wrote it and however many."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ostiary.storage.feed import DROP, LONGEST_READ, TRIGGERED
from ostiary.storage.session import Database
from tests.conformance.feed.reader import Reader

# Each key column of the furnished house, so that each table's row can be changed and deleted by hand.
KEYS = {
    "users": "1",
    "memberships": "1",
    "groups": "g",
    "group_parents": "g",
    "tokens": "t1",
    "sessions": "s1",
    "app_sessions": "a1",
    "applications": "app",
    "providers": "1",
    "proxy_providers": "1",
    "property_mappings": "map",
    "provider_mappings": "1",
    "path_secrets": "sec",
    "signing_keys": "key",
    "policies": "pol",
    "flows": "flow",
    "brands": "brand",
    "policy_bindings": "app",
    "installation": "1",
}


@pytest.mark.parametrize("table", TRIGGERED)
async def test_an_update_and_a_delete_of_every_deciding_table_are_announced(
    database: Database, reader: Reader, table: str
) -> None:
    kind, column = TRIGGERED[table]
    async with database.writing() as w:
        await w.execute(text(f"UPDATE {table} SET {column} = {column}"))
    assert (kind, KEYS[table]) in await reader.seen()
    async with database.writing() as w:
        if table == "property_mappings":
            # One in use is not deleted, by whatever hand.
            await w.execute(text("DELETE FROM provider_mappings"))
        await w.execute(text(f"DELETE FROM {table}"))
    if table == "installation":
        assert await reader.changes() is DROP
    else:
        assert (kind, KEYS[table]) in await reader.seen()


async def test_a_bulk_update_announces_each_row_and_a_moved_key_both_ends(database: Database, reader: Reader) -> None:
    async with database.writing() as w:
        await w.execute(text("UPDATE users SET is_active = (1 = 0)"))
        await w.execute(text("UPDATE memberships SET user_id = 2, group_id = 'top' WHERE user_id = 1"))
    answer = await reader.changes()
    assert answer is not DROP
    assert set(answer) == {("user", "1"), ("user", "2")}
    async with database.writing() as w:
        await w.execute(text("UPDATE tokens SET id = 'moved' WHERE id = 't1'"))
    assert await reader.seen() == {("token", "t1"), ("token", "moved")}


async def test_an_insert_from_a_select_announces_each_row(database: Database, reader: Reader) -> None:
    async with database.writing() as w:
        await w.execute(text("INSERT INTO memberships (user_id, group_id) SELECT id, 'top' FROM users"))
    assert await reader.seen() == {("user", "1"), ("user", "2")}


async def test_a_row_that_replace_puts_away_is_announced(database: Database, reader: Reader) -> None:
    if not database.is_sqlite:
        return  # PostgreSQL has no REPLACE.
    async with database.writing() as w:
        await w.execute(
            text("REPLACE INTO groups (id, name, is_superuser, attributes) VALUES ('new', 'staff', 0, '{}')")
        )
    assert {("group", "g"), ("group", "new"), ("user", "1"), ("user", "2")} <= await reader.seen()


async def test_last_use_is_not_announced(database: Database, reader: Reader) -> None:
    async with database.writing() as w:
        await w.execute(text("UPDATE sessions SET last_used = last_used + 1"))
        await w.execute(text("UPDATE tokens SET last_used = 1"))
        await w.execute(text("UPDATE users SET last_login = 1"))
    assert await reader.changes() == []


async def test_a_change_with_a_quiet_column_beside_it_is_announced(database: Database, reader: Reader) -> None:
    async with database.writing() as w:
        await w.execute(text("UPDATE sessions SET last_used = 1, expires = 2 WHERE id = 's1'"))
    assert await reader.seen() == {("session", "s1")}


async def test_more_than_one_read_reports_is_a_drop_and_nothing_repeats(database: Database, reader: Reader) -> None:
    many = LONGEST_READ + 1
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many}) "
    async with database.writing() as w:
        await w.execute(
            text(
                f"INSERT INTO groups (id, name, is_superuser, attributes) {numbers} "
                "SELECT CAST(i AS VARCHAR(9)), CAST(i AS VARCHAR(9)), (1 = 0), '{}' FROM n"
            )
        )
    assert await reader.changes() is DROP
    assert await reader.changes() == []
    async with database.writing() as w:
        await w.execute(text("DELETE FROM groups WHERE id = '7'"))
    assert await reader.seen() == {("group", "7")}


@pytest.mark.parametrize("table", TRIGGERED)
async def test_truncate_is_refused(database: Database, reader: Reader, table: str) -> None:
    if database.is_sqlite:
        return  # SQLite has no TRUNCATE: its unconditional DELETE fires the triggers, as the first test here shows.
    async with database.writing() as w:
        with pytest.raises(DBAPIError, match="TRUNCATE would change who may enter"):
            await w.execute(text(f"TRUNCATE {table} CASCADE"))
    assert await reader.changes() == []


async def test_a_rolled_back_change_is_not_announced(database: Database, reader: Reader) -> None:
    async with database.writing() as w:
        await w.execute(text("DELETE FROM sessions"))
        await w.rollback()
    assert await reader.changes() == []
