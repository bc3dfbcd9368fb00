"""A worker on a real socket: what the check answers through the product's own protocol and its ASGI application."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn

from ostiary.web.protocol import Door
from tests.forwardauth.street import Street
from tests.rig.client import Reply, ask


@dataclass(frozen=True)
class Worker:
    """``street`` is the installation behind it; ``door`` counts which requests went which way."""

    street: Street
    door: Door
    address: tuple[str, int]

    async def ask(
        self, target: str | bytes, host: str, *headers: tuple[str, str], method: str = "GET", body: bytes = b""
    ) -> Reply:
        """One raw request on a connection of its own. With a body it goes the long way, by the ASGI application."""
        return await asyncio.to_thread(ask, self.address, target, host, *headers, method=method, body=body)

    async def say(self, raw: bytes) -> bytes:
        """Bytes out, and everything that comes back until the worker closes."""
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(raw)
        found = await reader.read()
        writer.close()
        return found


@asynccontextmanager
async def worker(street: Street) -> AsyncIterator[Worker]:
    """Serves a street on loopback."""
    door = Door(street.house.responder, lambda: True)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # who comes before the server is ready waits
        config = uvicorn.Config(
            street.pages.app,
            http=door.protocol,  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield Worker(street, door, listener.getsockname())
        finally:
            server.should_exit = True
            await running


def question(dialect: str, host: str, target: str = "/", method: str = "GET") -> tuple[str, str, list[tuple[str, str]]]:
    """(address, Host, headers) of a dialect's question about https://host + target."""
    address, forwarded = f"/ostiary/auth/{dialect}", [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", host)]
    if dialect == "nginx":
        return address, "ostiary", [("X-Original-URL", f"https://{host}{target}"), ("X-Original-Method", method)]
    if dialect == "envoy":
        return address + target, host, forwarded[:1]
    if dialect == "ngf":
        return address, host, [("Path", target), ("Method", method)]
    if dialect == "nic":
        return address, "ostiary", forwarded
    return address, "ostiary", [*forwarded, ("X-Forwarded-Uri", target), ("X-Forwarded-Method", method)]


def answers(raw: bytes) -> Iterator[bytes]:
    """The status lines in a stream of answers without bodies; what is no answer stands out."""
    while raw:
        head, separator, raw = raw.partition(b"\r\n\r\n")
        assert separator, raw
        yield head.partition(b"\r\n")[0]
