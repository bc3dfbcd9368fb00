"""An installation with everything on: what a check costs when nothing has been left out to make it cheap.

Each host has an application below a path besides its own, a person is in groups, and every answer carries a mapped
header, an additional one and a signed identity; the proxies are declared, metrics and freshness are as always.
"""

import asyncio
import json
import re
import secrets as random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from sqlalchemy import text

from bench.installation import APP_SESSION, KEY, SESSION, Browser, Installation, sign_in_rows
from ostiary.events.record import COMMAND
from ostiary.parts import Parts, build
from ostiary.storage.base import new_id
from ostiary.storage.secrets import Secrets
from tests.databases import start_cluster, stop_cluster

HOSTS = 10
GROUPS = ("staff", "reports", "house")
ADDITIONAL, MAPPED = "X-Bench-Team", "X-Bench-Mail"
_AT_ONCE = 500


def furnished(directory: Path, database: str, people: int) -> tuple[Installation, list[Browser]]:
    """The installation, and so many people signed in, each in a browser of their own. ``database`` "" means SQLite."""
    installation = Installation(directory, database)
    return installation, asyncio.run(_furnish(installation, people))


def hold_everything_on(answer: bytes) -> None:
    """Raises if an allow lacks what makes it dear."""
    for name in (b"X-authentik-username", b"X-Ostiary-Jwt-Assertion", ADDITIONAL.encode(), MAPPED.encode()):
        if re.search(rb"\r\n" + name + rb": \S", answer, re.IGNORECASE) is None:
            raise RuntimeError(f"{name.decode()} is missing or empty in {answer.decode(errors='replace')}")


@contextmanager
def postgresql(*names: str) -> Iterator[list[str]]:
    """URLs of empty databases in a cluster of their own."""
    cluster = start_cluster(settings=("shared_buffers=128MB",))
    try:
        asyncio.run(_create(cluster.url(), names))
        yield [cluster.url(name) for name in names]
    finally:
        stop_cluster(cluster)


async def _create(url: str, names: tuple[str, ...]) -> None:
    connection = await asyncpg.connect(url)
    for name in names:
        await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()


async def _furnish(installation: Installation, people: int) -> list[Browser]:
    parts = await build(installation.settings)
    try:
        groups = [await parts.groups.create(name, by=COMMAND) for name in GROUPS]
        providers = await _applications(parts)
        users = await _people(parts, people, [group.id for group in groups])
        secrets, now = Secrets([KEY]), time.time_ns() // 1000
        made = [sign_in_rows(secrets, providers[n % HOSTS], user, now) for n, user in enumerate(users)]
        for first in range(0, people, _AT_ONCE):
            async with parts.database.writing() as w:
                rows = [row for _, row in made[first : first + _AT_ONCE]]
                await w.execute(text(SESSION), rows)
                await w.execute(text(APP_SESSION), rows)
        return [browser for browser, _ in made]
    finally:
        await parts.close()


async def _applications(parts: Parts) -> list[tuple[int, str, str]]:
    for n in range(HOSTS):
        for slug, path in ((f"app{n}", ""), (f"app{n}-grafana", "/grafana")):
            proxy = {"external_host": f"https://app{n}.bench.example{path}", "additional_headers": [ADDITIONAL]}
            await parts.applications.add_proxied(slug, access="everyone", proxy=proxy, by=COMMAND)
    async with parts.database.writing() as w:
        mapping = {"id": new_id(), "header": MAPPED, "now": time.time_ns() // 1000}
        await w.execute(
            text(
                "INSERT INTO property_mappings (id, name, header, expression, created) "
                "VALUES (:id, 'mail of the bench', :header, 'user.email', :now)"
            ),
            mapping,
        )
        await w.execute(
            text("INSERT INTO provider_mappings (provider_id, mapping_id) SELECT id, :id FROM providers"), mapping
        )
        rows = await w.execute(
            text(
                "SELECT p.id, p.uuid, x.host_key FROM providers p JOIN proxy_providers x ON x.id = p.id "
                "WHERE x.path = '' ORDER BY p.id"
            )
        )
        return [(row[0], row[1], row[2]) for row in rows]


async def _people(parts: Parts, count: int, groups: list[str]) -> list[int]:
    attributes = json.dumps({"additionalHeaders": {ADDITIONAL: "core"}})
    people = [
        {
            "uuid": random.token_hex(16),
            "name": f"person-{n}",
            "full": f"Person {n}",
            "mail": f"person-{n}@bench.example",
            "attributes": attributes,
        }
        for n in range(count)
    ]
    add = text(
        "INSERT INTO users (uuid, username, name, email, is_active, type, path, attributes, created) VALUES "
        "(:uuid, :name, :full, :mail, true, 'internal', 'users', :attributes, 1)"
    )
    for first in range(0, count, _AT_ONCE):
        async with parts.database.writing() as w:
            await w.execute(add, people[first : first + _AT_ONCE])
    async with parts.database.writing() as w:
        for group in groups:
            await w.execute(
                text(
                    "INSERT INTO memberships (user_id, group_id) "
                    "SELECT id, :group FROM users WHERE username LIKE 'person-%'"
                ),
                {"group": group},
            )
        found = await w.execute(text("SELECT id FROM users WHERE username LIKE 'person-%' ORDER BY id"))
        return [row[0] for row in found]
