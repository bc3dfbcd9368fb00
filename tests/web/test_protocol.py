"""The protocol on real sockets, and fed piece by piece without one."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from ostiary.web.gate import Limits
from ostiary.web.protocol import Door, OstiaryProtocol

HOST = b"Host: auth.example\r\n"
CHECK = b"GET /check HTTP/1.1\r\n" + HOST + b"\r\n"
PAGE = b"GET /page HTTP/1.1\r\n" + HOST + b"\r\n"
YES = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-User: ann\r\n\r\n"
BAD = b"HTTP/1.1 400 Bad Request\r\n"
LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"


class Checks:
    """A responder for `/check` (at once), `/slow` (after `release`) and `/broken`."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, bytes, bytes, str]] = []
        self.release = asyncio.Event()

    def answer(self, head: bytes, method: bytes, target: bytes, peer: str) -> bytes | Awaitable[bytes] | None:
        self.seen.append((head, method, target, peer))
        path = target.partition(b"?")[0]
        if path == b"/broken":
            raise RuntimeError("broken")
        if path == b"/slow":
            return self._later()
        return YES if path == b"/check" else None

    async def _later(self) -> bytes:
        await self.release.wait()
        return YES


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """Echoes method, path and body. `/early` answers before it reads, `/large` with a megabyte, `/held` never."""
    assert scope["type"] == "http"
    body = b""
    if scope["path"] == "/held":
        await asyncio.Event().wait()
    if scope["path"] != "/early":
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            if not message["more_body"]:
                break
    answer = scope["method"].encode() + b" " + scope["raw_path"] + b" " + body
    if scope["path"] == "/large":
        answer = b"x" * 1_000_000
    headers = [(b"content-length", b"%d" % len(answer)), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


class Site:
    """A listening server with one `Door`, whose seconds pass when the test says so."""

    def __init__(self, port: int, door: Door, checks: Checks, state: ServerState) -> None:
        self.port, self.door, self.checks, self.state = port, door, checks, state
        self.connections = cast(set[OstiaryProtocol], state.connections)
        self.is_ready = True

    async def connect(self) -> "Line":
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        return Line(reader, writer)

    async def ask(self, data: bytes) -> bytes:
        """Sends the bytes and reads until the server closes."""
        line = await self.connect()
        line.send(data)
        return await line.rest()

    def pass_seconds(self, seconds: int) -> None:
        for _ in range(seconds):
            self.door.tick(self.state.connections)


class Line:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, bytes, bytes]:
        """Status, head and body of one answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(int(h[15:]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:"))
        return int(head[9:12]), head, await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        try:
            data = await self.reader.read()
        finally:
            self.close()
        return data

    def close(self) -> None:
        self.writer.close()


def door_for(checks: Checks, ready: Callable[[], bool] = lambda: True) -> tuple[Door, uvicorn.Config]:
    door = Door(checks, ready)
    config = uvicorn.Config(
        pages,
        http=door.protocol,  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    config.load()
    return door, config


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    checks = Checks()
    door, config = door_for(checks, lambda: found.is_ready)
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: door.protocol(config, state, {}), "127.0.0.1", 0)
    found = Site(server.sockets[0].getsockname()[1], door, checks, state)
    yield found
    server.close()
    for task in list(state.tasks):
        task.cancel()
    for connection in list(found.connections):
        connection._transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def settled(condition: Callable[[], bool]) -> None:
    """Lets the loop run until the condition holds; the test's own time limit ends a wait that never does."""
    while not condition():  # noqa: ASYNC110 - what is waited for happens inside the event loop and sets no event
        await asyncio.sleep(0.001)


async def test_a_check_is_answered_and_the_connection_stays(site: Site) -> None:
    line = await site.connect()
    for _ in range(3):
        line.send(CHECK)
        assert await line.answer() == (200, YES, b"")
    assert site.checks.seen[0] == (CHECK, b"GET", b"/check", "127.0.0.1")
    assert (site.door.answered, site.door.passed_on) == (3, 0)
    line.close()


async def test_pages_go_to_the_application_and_the_connection_comes_back(site: Site) -> None:
    line = await site.connect()
    for _ in range(2):
        line.send(PAGE)
        assert (await line.answer())[2] == b"GET /page "
        line.send(CHECK)
        assert (await line.answer())[1] == YES
        line.send(b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello")
        assert (await line.answer())[2] == b"POST /page hello"
    assert len(site.state.connections) == 1
    line.close()
    await settled(lambda: not site.state.connections)


async def test_a_check_with_a_body_is_not_answered_from_memory(site: Site) -> None:
    line = await site.connect()
    body = b"GET /check HTTP/1.1\r\nX-Original-URL: https://open.example/\r\n\r\n"
    line.send(b"GET /check HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert (await line.answer())[2] == b"GET /check " + body
    assert site.checks.seen == []
    line.close()


async def test_pipelined_requests_are_answered_in_order(site: Site) -> None:
    line = await site.connect()
    post = b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc"
    line.send(CHECK + PAGE + post + CHECK + PAGE)
    got = [(await line.answer())[2] for _ in range(5)]
    assert got == [b"", b"GET /page ", b"POST /page abc", b"", b"GET /page "]
    line.close()


async def test_a_thousand_pipelined_checks(site: Site) -> None:
    line = await site.connect()
    line.send(CHECK * 1000)
    for _ in range(1000):
        assert (await line.answer())[1] == YES
    line.close()


async def test_whoever_does_not_read_is_not_answered_without_end(site: Site) -> None:
    line = await site.connect()
    sent = 0
    (connection,) = await connections(site)
    while not connection._stuck:
        if not line.writer.transport.get_write_buffer_size():
            line.send(CHECK * 100)
            sent += 100
        await asyncio.sleep(0)
    assert site.door.answered < sent
    site.pass_seconds(Limits().body_seconds)
    await settled(lambda: not site.state.connections)
    line.close()


async def test_a_cold_check_is_awaited_and_others_wait_behind_it(site: Site) -> None:
    line = await site.connect()
    line.send(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n" + CHECK)
    await settled(lambda: len(site.checks.seen) == 1)
    line.send(CHECK)
    await asyncio.sleep(0.01)
    assert len(site.checks.seen) == 1
    site.checks.release.set()
    for _ in range(3):
        assert (await line.answer())[1] == YES
    line.close()


async def test_a_check_that_raises_is_no_permission(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    line = await site.connect()
    line.send(b"GET /broken HTTP/1.1\r\n" + HOST + b"\r\n")
    status, head, _ = await line.answer()
    assert status == 503
    assert b"Content-Length: 0" in head
    assert site.door.failed == 1
    assert "a check failed" in caplog.text
    line.close()


async def test_a_cold_check_that_raises_is_no_permission(site: Site) -> None:
    async def fail() -> bytes:
        raise RuntimeError("broken")

    site.checks.answer = lambda *_: fail()  # type: ignore[method-assign]
    line = await site.connect()
    line.send(CHECK)
    assert (await line.answer())[0] == 503
    line.close()


@pytest.mark.parametrize("path", [b"/check", b"/page"])
async def test_http_1_0_is_answered_and_closed(site: Site, path: bytes) -> None:
    got = await site.ask(b"GET " + path + b" HTTP/1.0\r\n" + HOST + b"\r\n")
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_connection_close_is_honoured_and_said(site: Site) -> None:
    got = await site.ask(b"GET /check HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n" + CHECK)
    assert got == YES.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")
    assert site.door.answered == 1


async def test_health_is_answered_by_path_alone(site: Site) -> None:
    for host in (b"", b"Host: 10.0.0.7:9000\r\n", b"Host: a\r\nHost: b\r\n", b"Host: auth.example\r\n"):
        got = await site.ask(b"GET /-/health/live/ HTTP/1.0\r\n" + host + b"User-Agent: kube-probe/1.31\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (await site.ask(b"GET /-/health/ready/ HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    site.is_ready = False
    assert (await site.ask(b"GET /-/health/ready/ HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 503 ")
    assert (await site.ask(b"GET /-/health/live/ HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    assert site.checks.seen == []


# What passes no gate. Each is sent alone, and behind a page on the same connection, where another parser was at work.

REFUSED = {
    "no host": b"GET /check HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /check HTTP/1.1\r\nHost: a\r\nhOST: b\r\n\r\n",
    "fragment": b"GET /check#/open HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute form": b"GET http://auth.example/check HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "authority form": b"CONNECT auth.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "connect a path": b"CONNECT /check HTTP/1.1\r\n" + HOST + b"\r\n",
    "doubled X-Original-URL": b"GET /check HTTP/1.1\r\n" + HOST + b"X-Original-URL: /a\r\nx-original-url: /b\r\n\r\n",
    "doubled X-Forwarded-Uri": b"GET /check HTTP/1.1\r\n"
    + HOST
    + b"X-Forwarded-Uri: /a\r\nX-Forwarded-Uri: /a\r\n\r\n",
    "doubled X-Forwarded-Fork": b"GET /check HTTP/1.1\r\n"
    + HOST
    + b"X-Forwarded-Fork: ::1\r\nX-FORWARDED-FORK: ::1\r\n\r\n",
    "doubled Forwarded": b"GET /check HTTP/1.1\r\n" + HOST + b"Forwarded: for=a\r\nForwarded: for=b\r\n\r\n",
    "NUL in a value": b"GET /check HTTP/1.1\r\n" + HOST + b"X-A: a\0b\r\n\r\n",
    "NUL in the target": b"GET /check\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL in a name": b"GET /check HTTP/1.1\r\n" + HOST + b"X-\0A: a\r\n\r\n",
    "a byte above ASCII in the target": b"GET /check\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
    "folded": b"GET /check HTTP/1.1\r\n" + HOST + b"X-A: a\r\n X-Original-URL: b\r\n\r\n",
    "folded by tab": b"GET /check HTTP/1.1\r\n" + HOST + b"X-A: a\r\n\tb\r\n\r\n",
    "space before colon": b"GET /check HTTP/1.1\r\n" + HOST + b"X-Original-URL : b\r\n\r\n",
    "bare LF": b"GET /check HTTP/1.1\r\n" + HOST + b"X-A: a\nX-B: b\r\n\r\n",
    "bare CR": b"GET /check HTTP/1.1\r\n" + HOST + b"X-A: a\rX-B: b\r\n\r\n",
    "no colon": b"GET /check HTTP/1.1\r\n" + HOST + b"X-A\r\n\r\n",
    "length and chunked": b"POST /page HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": b"POST /page HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 3, 3\r\n\r\nabc",
    "negative length": b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: -3\r\n\r\n",
    "length with a plus": b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: +3\r\n\r\nabc",
    "endless length": b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "unknown coding": b"POST /page HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n",
    "identity coding": b"POST /page HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n",
    "coding twice": b"POST /page HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /page HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "upgrade with a body": b"GET /check HTTP/1.1\r\n"
    + HOST
    + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/0.9": b"GET /check\r\n\r\n",
    "HTTP/1.2": b"GET /check HTTP/1.2\r\n" + HOST + b"\r\n",
    "HTTP/2 by prior knowledge": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2 in words": b"GET /check HTTP/2.0\r\n" + HOST + b"\r\n",
    "two spaces": b"GET  /check HTTP/1.1\r\n" + HOST + b"\r\n",
    "no target": b"GET  HTTP/1.1\r\n" + HOST + b"\r\n",
    "a space in the target": b"GET /check /open HTTP/1.1\r\n" + HOST + b"\r\n",
    "an empty line first": b"\r\nGET /check HTTP/1.1\r\n" + HOST + b"\r\n",
    "lower-case method": b"get /check HTTP/1.1\r\n" + HOST + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("before", [b"", PAGE], ids=["first", "behind a page"])
async def test_refused_with_400(site: Site, request_: bytes, before: bytes) -> None:
    line = await site.connect()
    if before:
        line.send(before)
        await line.answer()
    line.send(request_ + CHECK)
    got = await line.rest()
    assert got.startswith(BAD)
    assert b"Content-Length: 0\r\n" in got
    assert b"Connection: close\r\n" in got
    assert got.count(b"HTTP/1.1 ") == 1
    assert site.checks.seen == ([(PAGE, b"GET", b"/page", "127.0.0.1")] if before else [])


@pytest.mark.parametrize("before", [b"", PAGE], ids=["first", "behind a page"])
@pytest.mark.parametrize(
    "head",
    [
        b"X-A: " + b"a" * 33_000 + b"\r\n",
        b"X-A: a\r\n" * 20_000,
        b"".join(b"X-%d: a\r\n" % n for n in range(100)),
        b"Cookie: " + b"c" * 20_000_000 + b"\r\n",
    ],
    ids=["33 kB", "20,000 headers", "101 headers", "20 MB"],
)
@pytest.mark.parametrize("path", [b"/check", b"/page"])
async def test_refused_with_431(site: Site, head: bytes, before: bytes, path: bytes) -> None:
    line = await site.connect()
    if before:
        line.send(before)
        await line.answer()
    line.send(b"GET " + path + b" HTTP/1.1\r\n" + HOST + head + b"\r\n")
    assert (await line.rest()).startswith(LARGE)
    assert len(site.checks.seen) == bool(before)


@pytest.mark.parametrize("path", [b"/check", b"/page"])
async def test_the_largest_head_that_passes(site: Site, path: bytes) -> None:
    line = await site.connect()
    lines = b"".join(b"X-%d: a\r\n" % n for n in range(98))
    fill = 32 * 1024 - len(b"GET " + path + b" HTTP/1.1\r\n" + HOST + lines + b"X: \r\n\r\n")
    line.send(b"GET " + path + b" HTTP/1.1\r\n" + HOST + lines + b"X: " + b"a" * fill + b"\r\n\r\n")
    assert (await line.answer())[0] == 200
    line.close()


async def test_a_refused_connection_ends_though_its_client_goes_on_sending(site: Site) -> None:
    line = await site.connect()
    line.send(b"nonsense\r\n\r\n")
    await line.reader.readuntil(b"\r\n\r\n")
    line.send(b"x" * 100_000)
    site.pass_seconds(Limits().refusal_seconds)
    await settled(lambda: not site.state.connections)
    line.close()


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


async def connections(site: Site) -> list[OstiaryProtocol]:
    await settled(lambda: bool(site.state.connections))
    return list(site.connections)


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


async def test_a_body_may_come_in_pieces_and_after_100_continue(site: Site) -> None:
    line = await site.connect()
    line.send(b"POST /page HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    for byte in b"hello":
        line.send(bytes([byte]))
        await asyncio.sleep(0)
    assert (await line.answer())[2] == b"POST /page hello"
    line.send(CHECK)
    assert (await line.answer())[1] == YES
    line.close()


async def test_what_an_early_answer_left_unread_is_no_request(site: Site) -> None:
    line = await site.connect()
    line.send(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(CHECK))
    assert (await line.answer())[2] == b"POST /early "
    line.send(CHECK + PAGE)
    assert (await line.answer())[2] == b"GET /page "
    assert [seen[2] for seen in site.checks.seen] == [b"/page"]
    line.close()


async def test_a_chunked_body_is_read_and_ends_its_connection(site: Site) -> None:
    got = await site.ask(
        b"POST /page HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + CHECK
    )
    assert got.endswith(b"POST /page hello")
    assert b"connection: close\r\n" in got
    assert site.checks.seen == []


async def test_a_broken_chunk_is_refused(site: Site) -> None:
    got = await site.ask(b"POST /page HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello")
    assert got.startswith(BAD)


async def test_h2c_is_not_spoken_and_what_follows_is_not_read(site: Site) -> None:
    for path in (b"/check", b"/page"):
        got = await site.ask(
            b"GET "
            + path
            + b" HTTP/1.1\r\n"
            + HOST
            + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
            + CHECK
        )
        assert got.startswith(b"HTTP/1.1 200 ")
        assert got.count(b"HTTP/1.1 ") == 1


async def test_a_websocket_question_is_a_check_like_any_other(site: Site) -> None:
    got = await site.ask(b"GET /check HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert got == YES.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")


async def test_a_large_answer_to_a_slow_reader_arrives_whole(site: Site) -> None:
    line = await site.connect()
    line.send(b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n" + CHECK)
    await asyncio.sleep(0.05)
    assert len((await line.answer())[2]) == 1_000_000
    assert (await line.answer())[1] == YES
    line.close()


async def test_a_client_that_leaves_during_a_page_leaves_nothing_behind(site: Site) -> None:
    line = await site.connect()
    line.send(b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhe")
    await settled(lambda: site.door.passed_on == 1)
    line.close()
    await settled(lambda: not site.state.connections and not site.state.tasks)


async def test_shutdown_answers_once_more_and_says_so(site: Site) -> None:
    line = await site.connect()
    line.send(CHECK)
    await line.answer()
    for connection in await connections(site):
        connection.shutdown()
    line.send(CHECK)
    assert await line.rest() == YES.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n")


async def test_shutdown_ends_idle_connections_and_finishes_pages_and_cold_checks(site: Site) -> None:
    idle, cold, page = [await site.connect() for _ in range(3)]
    cold.send(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
    page.send(b"POST /page HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhe")
    await settled(lambda: len(site.state.connections) == 3 and site.door.passed_on == 1 and bool(site.checks.seen))
    for connection in await connections(site):
        connection.shutdown()
    site.pass_seconds(Limits().farewell_seconds)
    assert await idle.rest() == b""
    page.send(b"llo")
    assert (await page.rest()).endswith(b"POST /page hello")
    site.checks.release.set()
    assert (await cold.rest()).startswith(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")


# Without a socket: the same bytes, however they are cut, get the same answers.


class Wire(asyncio.Transport):
    """Keeps what is written. The event loop's transports cannot be told how to cut what they read."""

    def __init__(self, peer: str = "192.0.2.1") -> None:
        super().__init__({"peername": (peer, 1234)})
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.closed:
            self.written += bytes(data)

    def write_eof(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class OnlyChecks(Checks):
    def __init__(self) -> None:
        self.seen = []


def spoken(pieces: list[bytes]) -> tuple[bytes, bool, list[Any]]:
    checks = OnlyChecks()
    door, config = door_for(checks)
    protocol, wire = door.protocol(config, ServerState(), {}), Wire()
    protocol.connection_made(wire)
    for piece in pieces:
        if not wire.closed:
            protocol.data_received(piece)
    return wire.written, wire.closed, checks.seen


CONVERSATIONS = [
    CHECK,
    CHECK + b"HEAD /check?a=%00 HTTP/1.1\r\n" + HOST + b"Cookie: a=\xff\r\n\r\n" + CHECK,
    CHECK + b"GET /check HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n" + CHECK,
    CHECK + b"GET /check HTTP/1.0\r\n" + HOST + b"\r\n",
    *(CHECK + refused for refused in REFUSED.values()),
]


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=range(len(CONVERSATIONS)))
def test_cut_at_every_position_the_answer_is_the_same(conversation: bytes) -> None:
    whole = spoken([conversation])
    for position in range(1, len(conversation)):
        assert spoken([conversation[:position], conversation[position:]]) == whole
    assert spoken([bytes([byte]) for byte in conversation]) == whole


@given(
    st.lists(
        st.sampled_from(
            [
                b"GET ",
                b"/check",
                b" HTTP/1.1\r\n",
                HOST,
                b"\r\n",
                b"\r\n\r\n",
                b"Content-Length: 0\r\n",
                b"\0",
                b" ",
                b":",
                b"Connection: close\r\n",
                b"X-Original-URL: a\r\n",
                b"\n",
                b"\r",
                b"\t",
                b"#",
                b"HTTP/1.0",
                CHECK,
            ]
        )
        | st.binary(max_size=4),
        max_size=12,
    )
)
def test_whatever_comes_is_answered_or_awaited_and_opens_nothing_by_mistake(parts: list[bytes]) -> None:
    written, _, seen = spoken(parts)
    assert spoken([b"".join(parts)]) == (written, _, seen)
    for head, method, target, _peer in seen:
        assert head.startswith(method + b" " + target + b" HTTP/1.")
        assert head.endswith(b"\r\n\r\n")
        assert head.count(b"\r\n\r\n") == 1
        assert head.lower().count(b"\nhost:") == 1
    assert written.count(YES[15:]) == len([1 for s in seen if s[2] == b"/check"])
