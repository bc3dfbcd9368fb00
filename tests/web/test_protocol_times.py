"""What the protocol waits for, and for how long."""

import asyncio
import math

import pytest

from ostiary.web.gate import Limits
from tests.web.site import CHECK, HOST, PAGE, Site, connections, settled


async def test_a_slow_head_is_ended_however_often_a_byte_comes(site: Site) -> None:
    line = await site.connect()
    for second in range(Limits().head_seconds):
        line.send(CHECK[second : second + 1])
        (connection,) = await connections(site)
        await settled(lambda c=connection, n=second: len(c._buffer) > n)  # type: ignore[misc]
        site.pass_seconds(1)
    assert (await line.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_slow_head_behind_a_page_is_ended_too(site: Site) -> None:
    line = await site.connect()
    line.send(PAGE)
    await line.answer()
    line.send(CHECK[:10])
    (connection,) = await connections(site)
    await settled(lambda: len(connection._buffer) == 10)
    site.pass_seconds(Limits().head_seconds)
    assert (await line.rest()).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("first", [CHECK, PAGE, b""], ids=["check", "page", "nothing"])
async def test_an_idle_connection_ends(site: Site, first: bytes) -> None:
    line = await site.connect()
    await connections(site)
    if first:
        line.send(first)
        await line.answer()
        site.pass_seconds(Limits().idle_seconds - 1)
        assert site.state.connections
        site.pass_seconds(1)
    else:
        site.pass_seconds(Limits().head_seconds)
    assert await line.rest() == b""


async def test_a_page_takes_its_time(site: Site) -> None:
    line = await site.connect()
    line.send(b"GET /held HTTP/1.1\r\n" + HOST + b"\r\n")
    await settled(lambda: site.door.passed_on == 1)
    site.pass_seconds(10_000)
    assert site.state.connections
    line.close()


async def test_a_body_that_stops_coming_ends_the_connection(site: Site) -> None:
    line = await site.connect()
    line.send(b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhe")
    await settled(lambda: site.door.passed_on == 1)
    site.pass_seconds(Limits().body_seconds)
    assert await line.rest() == b""


@pytest.mark.parametrize("framing", [b"Content-Length: 1000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n"])
async def test_a_slow_body_is_ended_however_often_a_byte_comes(site: Site, framing: bytes) -> None:
    line = await site.connect()
    line.send(b"POST /page HTTP/1.1\r\n" + HOST + framing)
    (connection,) = await connections(site)
    await settled(lambda: site.door.passed_on == 1)
    for _ in range(Limits().body_seconds):
        before = connection._body_left if connection._body_left != math.inf else None
        line.send(b"x")
        if before is None:
            await asyncio.sleep(0.001)
        else:
            await settled(lambda n=before: connection._body_left < n)  # type: ignore[misc]
        site.pass_seconds(1)
    assert await line.rest() == b""
