"""What the database deletes by itself is announced like what was asked for."""

import pytest
from sqlalchemy import text

from ostiary.storage.session import Database
from tests.conformance.feed.reader import Reader


@pytest.mark.parametrize(
    ("statement", "announced"),
    [
        (
            "DELETE FROM users WHERE id = 1",
            {("user", "1"), ("token", "t1"), ("session", "s1"), ("app_session", "a1")},
        ),
        ("DELETE FROM sessions WHERE id = 's1'", {("session", "s1"), ("app_session", "a1")}),
        ("DELETE FROM groups WHERE id = 'g'", {("group", "g"), ("user", "1"), ("user", "2"), ("binding", "app")}),
        ("DELETE FROM groups WHERE id = 'top'", {("group", "top"), ("group", "g")}),
        ("DELETE FROM policies WHERE id = 'pol'", {("policy", "pol"), ("binding", "app")}),
        ("DELETE FROM applications WHERE id = 'app'", {("application", "app"), ("binding", "app")}),
        (
            "DELETE FROM providers WHERE id = 1",
            {("provider", "1"), ("application", "app"), ("app_session", "a1"), ("app_session", "a2")},
        ),
    ],
)
async def test_a_cascade_announces_every_row(
    database: Database, reader: Reader, statement: str, announced: set[tuple[str, str]]
) -> None:
    async with database.writing() as w:
        await w.execute(text(statement))
    assert await reader.seen() == announced
    assert await reader.changes() == []
