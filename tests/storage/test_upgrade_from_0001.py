"""The data of the first release: an installation with providers goes on as it was, under the new schema."""

import asyncio

import pytest
from sqlalchemy import Connection, text

from ostiary.storage.engine import open_engine
from ostiary.storage.migrate import alone, migrate, upgrade
from ostiary.storage.session import Database
from tests.storage.test_migrate import empty_url

__all__ = ["empty_url"]

PROVIDERS = (
    "INSERT INTO providers (id, uuid, type, name, authorization_flow, invalidation_flow)"
    " VALUES (1, 'u1', 'proxy', 'hello', 'a', 'i'), (2, 'u2', 'proxy', 'all', 'a', 'i')"
)
PROXIES = (
    "INSERT INTO proxy_providers (id, mode, handoff, external_host, host_key, cookie_domain, session_seconds) VALUES"
    " (1, 'forward_single', 'callback', 'https://hello.example.com', 'hello.example.com', '', 3600),"
    " (2, 'forward_domain', 'in_place', 'https://auth.example.com', 'auth.example.com', 'example.com', 60)"
)
APPLICATIONS = (
    'INSERT INTO applications (id, slug, name, "group", icon, launch_url, description, contact, enabled, access,'
    " policy_engine_mode, provider_id, created) VALUES"
    " ('x', 'hello', 'Hello', '', '', '', '', '', :yes, 'everyone', 'any', 1, 0)"
)


async def _first_release(url: str) -> None:
    def fill(connection: Connection) -> None:
        upgrade(connection, to="0001_first")
        for statement in (PROVIDERS, PROXIES, APPLICATIONS):
            connection.execute(text(statement), {"yes": True} if ":yes" in statement else {})

    async with alone(url) as connection:
        await connection.run_sync(fill)


async def test_providers_of_the_first_release_say_what_they_said(empty_url: str) -> None:
    await asyncio.to_thread(lambda: asyncio.run(_first_release(empty_url)))
    await asyncio.to_thread(migrate, empty_url)
    database = Database(open_engine(empty_url))
    async with database.reading() as r:
        rows = (await r.execute(text("SELECT * FROM proxy_providers ORDER BY id"))).mappings().all()
    assert [(row["host_key"], row["handoff"], row["session_seconds"]) for row in rows] == [
        ("hello.example.com", "callback", 3600),
        ("auth.example.com", "in_place", 60),
    ]
    for row in rows:
        assert (row["path"], row["skip_path_regex"], row["group_filter"], row["header_style"]) == (
            "",
            "",
            "",
            "authentik",
        )
        assert (bool(row["signed_identity"]), bool(row["cors_preflight"])) == (True, False)
        assert (bool(row["basic_auth_enabled"]), bool(row["header_authentication"])) == (False, False)
        empty: dict[str, object] = {"open_paths": [], "additional_headers": [], "jwt_issuers": [], "header_names": {}}
        assert {key: row[key] for key in empty} == (
            empty if not isinstance(row["open_paths"], str) else {key: str(value) for key, value in empty.items()}
        )
    await database.close()


async def test_after_the_upgrade_a_host_may_be_shared_by_paths_and_changes_are_announced(empty_url: str) -> None:
    await asyncio.to_thread(lambda: asyncio.run(_first_release(empty_url)))
    await asyncio.to_thread(migrate, empty_url)
    database = Database(open_engine(empty_url))
    async with database.writing() as w:
        await w.execute(text("DELETE FROM feed"))
        # As a process of the release before would write it.
        await w.execute(text("UPDATE proxy_providers SET host_key = 'hello.example.com', path = '/x' WHERE id = 2"))
        feed = (await w.execute(text("SELECT kind, key FROM feed"))).all()
        assert [tuple(row) for row in feed] == [("provider", "2")]
    with pytest.raises(Exception, match=r"(?i)unique"):
        async with database.writing() as w:
            await w.execute(text("UPDATE proxy_providers SET path = '' WHERE id = 2"))
    await database.close()
