"""The management API over many objects: what a page of a list, and a search in it, cost in processor time."""

import asyncio
import http.client
import json
import secrets as random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from bench.house import postgresql
from bench.installation import Installation
from bench.report import Line
from bench.tree import memory, processor_seconds
from ostiary.directory.users import by_username
from ostiary.events.record import COMMAND
from ostiary.parts import build

PEOPLE, APPLICATIONS, GROUPS = 100_000, 10_000, 1_000
LIMIT: Final = 50.0
"""Milliseconds of the server's processor time that a page may cost."""

_QUESTIONS: Final[Mapping[str, str]] = {
    "people, first page": "/api/v3/core/users/",
    "people, search": "/api/v3/core/users/?search=person-777",
    "people, search without a hit": "/api/v3/core/users/?search=nobody",
    "people, page 2,500": "/api/v3/core/users/?page=2500",
    "applications, first page": "/api/v3/core/applications/",
    "applications, search": "/api/v3/core/applications/?search=app-77",
    "groups, first page": "/api/v3/core/groups/?include_users=false",
    "groups, first page with 2,000 members": "/api/v3/core/groups/",
}
_AT_ONCE = 5_000
_PEOPLE = (
    "INSERT INTO users (uuid, username, name, email, is_active, type, path, attributes, created) VALUES "
    "(:uuid, :name, :name, :mail, true, 'internal', 'users', '{}', :now)"
)
_APPLICATIONS = (
    'INSERT INTO applications (id, slug, name, "group", icon, launch_url, description, contact, enabled, access, '
    "policy_engine_mode, created) VALUES (:uuid, :name, :name, '', '', '', '', '', true, 'everyone', 'any', :now)"
)


def lists(directory: Path, *, quick: bool) -> list[Line]:
    """On both databases. The processor time is the server's; PostgreSQL's own is not in it."""
    count = 5 if quick else 40
    lines = list(_measured(directory / "sqlite", "", "SQLite", count))
    with postgresql("lists") as (url,):
        lines += _measured(directory / "postgresql", url, "PostgreSQL", count)
    return lines


def _measured(directory: Path, database: str, name: str, count: int) -> Iterator[Line]:
    token = random.token_urlsafe(32)
    installation = Installation(directory, database)
    filled(installation, token, people=PEOPLE, applications=APPLICATIONS, groups=GROUPS)
    section = f"{name}: {PEOPLE:,} people, {APPLICATIONS:,} applications"
    with installation.served() as server:
        idle = memory(server.pid)[0]
        with _asking(server.address, token) as ask:
            for question, path in _QUESTIONS.items():
                ask(path)
                before = processor_seconds(server.pid)
                for _ in range(count):
                    ask(path)
                spent = (processor_seconds(server.pid) - before) / count * 1000
                yield Line(section, question, spent, "ms", promised=LIMIT)
        yield Line(section, "memory before the first call", idle, "MB")
        yield Line(section, "memory after these calls", memory(server.pid)[0], "MB")


def filled(installation: Installation, token: str, *, people: int, applications: int, groups: int) -> None:
    """So many of each, everybody in one group; and a token of the administrator."""
    asyncio.run(_fill(installation, token, people, applications, groups))


async def _fill(installation: Installation, token: str, people: int, applications: int, groups: int) -> None:
    parts = await build(installation.settings)
    now = time.time_ns() // 1000
    try:
        async with parts.database.writing() as w:
            root = await by_username(w, "akadmin")
            await parts.tokens.create_in(w, "bench", user=root, key=token, by=COMMAND)
        for statement, rows in (
            (
                _PEOPLE,
                (
                    {"uuid": _uuid(n), "name": f"person-{n}", "mail": f"person-{n}@bench.example", "now": now}
                    for n in range(people)
                ),
            ),
            (
                "INSERT INTO groups (id, name, is_superuser, attributes) VALUES (:uuid, :name, false, '{}')",
                ({"uuid": _uuid(n), "name": f"group-{n}"} for n in range(groups)),
            ),
            (
                _APPLICATIONS,
                ({"uuid": _uuid(n), "name": f"app-{n}", "now": now} for n in range(applications)),
            ),
        ):
            batch: list[dict[str, Any]] = []
            for row in rows:
                batch.append(row)
                if len(batch) == _AT_ONCE:
                    await _insert(parts, statement, batch)
                    batch = []
            if batch:
                await _insert(parts, statement, batch)
        async with parts.database.writing() as w:
            await w.execute(
                text(
                    "INSERT INTO memberships (user_id, group_id) SELECT u.id, g.id FROM users u JOIN groups g "
                    "ON g.name = 'group-' || (u.id % :groups)"
                ),
                {"groups": groups},
            )
            await w.execute(text("ANALYZE"))
    finally:
        await parts.close()


async def _insert(parts: Any, statement: str, rows: list[dict[str, Any]]) -> None:
    async with parts.database.writing() as w:
        await w.execute(text(statement), rows)


def _uuid(n: int) -> str:
    return f"{n:08x}-0000-4000-8000-000000000000"


@contextmanager
def _asking(address: tuple[str, int], token: str) -> Iterator[Any]:
    """Asks on one connection, and holds that there was an answer."""
    connection = http.client.HTTPConnection(*address, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Host": "auth.localhost"}

    def ask(path: str) -> Any:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered {answer.status}: {body[:200].decode(errors='replace')}")
        return json.loads(body)

    try:
        yield ask
    finally:
        connection.close()
