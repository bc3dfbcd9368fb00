"""A check is answered at once by the protocol, or, if it has a body, by the ASGI application: always alike."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.forwardauth.street import street as built_street
from tests.forwardauth.worker import Worker, answers, question, worker
from tests.rig.client import Reply

DIALECTS = ("nginx", "traefik", "nginx-fwd", "caddy", "haproxy", "envoy", "nic", "ngf")
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "TRACE", "DELETE", "PURGE", "PROPFIND", "QUERY")
TARGETS = ("/", "/x?y=z", "/a%0ab", "/a%0a", "//", "/%2f..", "/%zz", "/%ff", "/a;b", "/\\", "/ostiary/start")
HOST = "hello.example.com"


@pytest.fixture
async def served(sqlite_url: str, clock: FakeClock) -> AsyncIterator[Worker]:
    database = Database(open_engine(sqlite_url))
    async with built_street(database, sqlite_url, clock) as street, worker(street) as running:
        yield running
    await database.close()


def seen(reply: Reply) -> tuple[int, list[tuple[str, str]], bytes]:
    """An answer without what is made anew each time."""
    fresh = ("connection", "set-cookie", "location")
    return reply.status, sorted((name, "" if name in fresh else value) for name, value in reply.headers), reply.body


async def both(served: Worker, dialect: str, target: str, method: str, *more: tuple[str, str]) -> Reply:
    address, host, headers = question(dialect, HOST, target, method)
    line = method if dialect == "envoy" else "GET"
    short = await served.ask(address, host, *headers, *more, method=line)
    long = await served.ask(address, host, *headers, *more, method=line, body=b"hello")
    assert seen(short) == seen(long), (dialect, target, method, more)
    return short


async def inside(served: Worker, **values: Any) -> str:
    house = served.street.house
    door = await house.application(**values)
    return await door.session(await house.login(await house.person("carl")))


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_both_ways_answer_alike(served: Worker, dialect: str) -> None:
    cookie = ("Cookie", await inside(served))
    for mode in (("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Mode", "cors")):
        for target in TARGETS:
            assert (await both(served, dialect, target, "GET", mode, cookie)).status == 200
            await both(served, dialect, target, "GET", mode)
        for method in METHODS:
            assert (await both(served, dialect, "/x", method, mode, cookie)).status == 200
            assert (await both(served, dialect, "/x", method, mode)).status in (302, 401)
    assert served.door.passed_on == served.door.answered
    assert not served.door.failed


async def test_both_ways_refuse_alike(served: Worker) -> None:
    await inside(served)
    for target in ("nope", "", "traefik/x", "nginx~", "envoy~wrong/x", "envoy", "envoy/" + "y" * 9000, "TRAEFIK"):
        for method in ("GET", "HEAD", "POST"):
            short = await served.ask(f"/ostiary/auth/{target}", HOST, method=method)
            long = await served.ask(f"/ostiary/auth/{target}", HOST, method=method, body=b"x")
            assert seen(short) == seen(long)
            assert short.status in (401, 403, 404)


@pytest.mark.parametrize("target", ["envoy", "envoy/x", "envoy/" + "y" * 9000, "envoy~no/x", "traefik", "no"])
async def test_a_head_is_answered_without_a_body_whatever_is_wrong_with_it(served: Worker, target: str) -> None:
    """A body behind the answer to a HEAD would be read as the answer to somebody else's question."""
    await inside(served)
    head = f"HEAD /ostiary/auth/{target} HTTP/1.1\r\nHost: {HOST}\r\n"
    last = f"{head}Connection: close\r\n\r\n"
    found = list(answers(await served.say(f"{head}\r\n{head}\r\n{last}".encode())))
    assert len(found) == 3
    assert len(set(found)) == 1
    assert all(line.startswith((b"HTTP/1.1 401", b"HTTP/1.1 403", b"HTTP/1.1 404")) for line in found)


async def test_every_answer_says_how_long_it_is(served: Worker) -> None:
    """Two questions on one connection, of which the first is answered with a body."""
    await inside(served)
    address, host, headers = question("traefik", HOST)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    first = f"GET {address} HTTP/1.1\r\nHost: {host}\r\n{lines}Accept: application/json\r\n\r\n"
    found = await served.say((first + first.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).encode())
    assert found.count(b"HTTP/1.1 401 Unauthorized\r\n") == 2
    assert found.endswith(b"}")


@pytest.mark.parametrize("dialect", ["nginx", "envoy", "haproxy"])
async def test_both_ways_see_every_line_of_the_visitors_addresses(served: Worker, dialect: str) -> None:
    house = served.street.house
    door = await house.application(access="bound")
    await house.bind(door, expression="in_network(request.client_ip, '192.0.2.0/24')")
    cookie = ("Cookie", await door.session(await house.login(await house.person("carl"))))
    for claimed, seen_, status in (("203.0.113.5", "192.0.2.7", 200), ("192.0.2.7", "203.0.113.5", 403)):
        lines = (("X-Forwarded-For", claimed), ("x-forwarded-for", seen_))
        mode = ("Sec-Fetch-Mode", "cors")
        assert (await both(served, dialect, "/", "GET", mode, cookie, *lines)).status == status


async def test_a_body_is_never_waited_for_nor_kept(served: Worker) -> None:
    """A megabyte, and a little in chunks; what comes behind it is the next question, and nothing of it is one."""
    cookie = await inside(served)
    head = f"Host: {HOST}\r\nX-Forwarded-Proto: https\r\nSec-Fetch-Mode: cors\r\n"
    hidden = f"GET /ostiary/auth/envoy/ HTTP/1.1\r\n{head}Cookie: {cookie}\r\n\r\n".encode()
    body = (hidden * (1_000_000 // len(hidden) + 1))[:1_000_000]
    first = f"POST /ostiary/auth/envoy/x HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode()
    last = f"GET /ostiary/auth/envoy/y HTTP/1.1\r\n{head}Connection: close\r\n\r\n".encode()
    found = await served.say(first + body + last)
    assert (found.count(b"HTTP/1.1 401"), found.count(b"HTTP/1.1 200")) == (2, 0)
    first = f"POST /ostiary/auth/envoy/x HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode()
    found = await served.say(first + b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden) + last)
    assert (found.count(b"HTTP/1.1 401"), found.count(b"HTTP/1.1 200")) == (1, 0)
