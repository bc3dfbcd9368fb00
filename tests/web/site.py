"""A listening server with the product's protocol, and an application behind it, for tests of both."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

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


async def settled(condition: Callable[[], bool]) -> None:
    """Lets the loop run until the condition holds; the test's own time limit ends a wait that never does."""
    while not condition():  # noqa: ASYNC110 - what is waited for happens inside the event loop and sets no event
        await asyncio.sleep(0.001)


async def connections(site: Site) -> list[OstiaryProtocol]:
    await settled(lambda: bool(site.state.connections))
    return list(site.connections)
