"""FA-09: elsewhere every application stood open after an upgrade.

The data of the first release is upgraded, and each protected host is asked without a cookie, with one that we did not
make, and with that of somebody who may enter. A probe that raises an alarm when an application answers although nobody
signed in does not exist yet; in tests/proxies every refusal is held against what reached the application.
"""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text

from ostiary.forwardauth.dialects.known import DIALECTS
from ostiary.storage.migrate import alone, migrate, upgrade
from tests.clock import FakeClock
from tests.forwardauth.house import Door, House
from tests.security.test_fa_every_dialect import closed
from tests.storage.conftest import make_empty

__all__ = ["make_empty"]

USERS = "INSERT INTO users VALUES (1, 'u', 'ada', '', '', true, 'internal', 'users', '{}', NULL, NULL, 0, NULL)"
PROVIDERS = (
    "INSERT INTO providers (id, uuid, type, name, authorization_flow, invalidation_flow) VALUES"
    " (1, 'u1aaaaaa', 'proxy', 'hello', 'a', 'i'), (2, 'u2aaaaaa', 'proxy', 'all', 'a', 'i'),"
    " (3, 'u3aaaaaa', 'proxy', 'bound', 'a', 'i'), (4, 'u4aaaaaa', 'proxy', 'off', 'a', 'i'),"
    " (5, 'u5aaaaaa', 'proxy', 'none', 'a', 'i')"
)
PROXIES = (
    "INSERT INTO proxy_providers (id, mode, handoff, external_host, host_key, cookie_domain, session_seconds) VALUES"
    " (1, 'forward_single', 'callback', 'https://hello.example.com', 'hello.example.com', '', 3600),"
    " (2, 'forward_domain', 'in_place', 'https://auth.example.com', 'auth.example.com', 'example.com', 3600),"
    " (3, 'forward_single', 'in_place', 'https://bound.example.com', 'bound.example.com', '', 3600),"
    " (4, 'forward_single', 'callback', 'https://off.example.com', 'off.example.com', '', 3600),"
    " (5, 'forward_single', 'callback', 'https://none.example.com', 'none.example.com', '', 3600)"
)
APPLICATIONS = (
    'INSERT INTO applications (id, slug, name, "group", icon, launch_url, description, contact, enabled, access,'
    " policy_engine_mode, provider_id, created) VALUES"
    " ('a', 'hello', 'Hello', '', '', '', '', '', true, 'everyone', 'any', 1, 0),"
    " ('b', 'all', 'All', '', '', '', '', '', true, 'everyone', 'any', 2, 0),"
    " ('c', 'bound', 'Bound', '', '', '', '', '', true, 'bound', 'any', 3, 0),"
    " ('d', 'off', 'Off', '', '', '', '', '', false, 'everyone', 'any', 4, 0)"
)
HOSTS = ("hello", "auth", "wiki", "bound", "off", "none")


def _fill(connection: Connection) -> None:
    upgrade(connection, to="0001_first")
    for statement in (USERS, PROVIDERS, PROXIES, APPLICATIONS):
        connection.execute(text(statement))


async def _first_release(url: str) -> None:
    async with alone(url) as connection:
        await connection.run_sync(_fill)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_fa_09_after_an_upgrade_every_protected_host_is_as_closed_as_before(
    kind: str, make_empty: Callable[[str], str], clock: FakeClock
) -> None:
    url = make_empty(kind)
    await asyncio.to_thread(lambda: asyncio.run(_first_release(url)))
    await asyncio.to_thread(migrate, url)
    house = House(url, clock)
    await house.sign()
    login = await house.login(1)
    cookies = {}
    for number, (name, domain) in enumerate(
        [("hello", ""), ("auth", "example.com"), ("bound", ""), ("off", ""), ("none", "")], 1
    ):
        door = Door(house, "", number, f"u{number}aaaaaa", f"https://{name}.example.com", domain)
        cookies[name] = await door.session(login)
    for dialect in DIALECTS:
        for host in HOSTS:
            for path in ("/", "/public", "/ostiary/startx", "/health"):
                for given in (None, "; ".join(f"{cookie[:-4]}AAAA" for cookie in cookies.values())):
                    for method in ("GET", "OPTIONS"):
                        asked = house.ask_as(dialect, f"https://{host}.example.com{path}", given, method=method)
                        assert closed(await asked), (dialect, host, path)
        for host in HOSTS:
            answer = await house.ask_as(dialect, f"https://{host}.example.com/", "; ".join(cookies.values()))
            assert (answer.status == 200) is (host in ("hello", "auth", "wiki")), (dialect, host, answer)
    await house.close()
