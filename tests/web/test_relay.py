"""The relay between a listening socket and a server on an abstract name, with real connections."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from ostiary.web.relay import Relay
from ostiary.web.supervisor import listen

BIG = b"0123456789abcdef" * 65_536


class Stage:
    """A relay in front of a server that tells each connection's name and then sends back what it hears."""

    def __init__(self, most: int = 1024) -> None:
        self.inner = f"ostiary-test-{secrets.token_hex(8)}"
        self.relay = Relay(self.inner, most)
        self.listener = listen("127.0.0.1", 0, "listen.grpc")
        self.address = self.listener.getsockname()[:2]
        self.names: list[str] = []

    async def open(self) -> "Stage":
        self._server = await asyncio.start_unix_server(self._serve, f"\0{self.inner}")
        await self.relay.open(self.listener)
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = writer.get_extra_info("peername")
        self.names.append(name[1:].decode() if isinstance(name, bytes) else name)
        writer.write(b"hello")
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def close(self) -> None:
        self.relay.close()
        self._server.close()
        await self.relay.empty(5)


@pytest.fixture
async def stage() -> AsyncIterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def make(most: int = 1024) -> Stage:
        stages.append(Stage(most))
        return stages[-1]

    yield make
    for one in stages:
        await one.close()


async def test_bytes_arrive_whole_both_ways_and_the_server_learns_the_peer(stage: Callable[..., Stage]) -> None:
    one = await stage().open()
    reader, writer = await asyncio.open_connection(*one.address)
    assert await reader.readexactly(5) == b"hello"

    async def send() -> None:
        writer.write(BIG)
        await writer.drain()

    sending = asyncio.ensure_future(send())
    assert await reader.readexactly(len(BIG)) == BIG
    await sending
    assert one.relay.peer(one.names[0]) == "127.0.0.1"
    assert one.relay.peer("ostiary-" + "0" * 32) == ""
    writer.close()
    await writer.wait_closed()
    await one.relay.empty(30)
    assert one.relay.peer(one.names[0]) == ""


async def test_what_is_said_before_the_server_is_reached_is_kept(stage: Callable[..., Stage]) -> None:
    one = await stage().open()
    for _ in range(50):
        reader, writer = await asyncio.open_connection(*one.address)
        writer.write(b"early")
        assert await reader.readexactly(10) == b"helloearly"
        writer.close()
        await writer.wait_closed()


async def test_a_closed_relay_leaves_what_is_open_and_the_socket_to_others(stage: Callable[..., Stage]) -> None:
    one = await stage().open()
    reader, writer = await asyncio.open_connection(*one.address)
    await reader.readexactly(5)
    shared = one.listener.dup()
    one.relay.close()
    writer.write(b"still")
    assert await reader.readexactly(5) == b"still"
    other = Relay(one.inner)
    await other.open(shared)
    again, again_writer = await asyncio.open_connection(*one.address)
    assert await again.readexactly(5) == b"hello"
    for opened in (writer, again_writer):
        opened.close()
        await opened.wait_closed()
    other.close()
    await other.empty(30)


async def test_beyond_the_most_connections_are_turned_away(stage: Callable[..., Stage]) -> None:
    one = await stage(1).open()
    reader, writer = await asyncio.open_connection(*one.address)
    await reader.readexactly(5)
    refused, refused_writer = await asyncio.open_connection(*one.address)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await refused.readexactly(5)
    assert one.relay.turned_away == 1
    for opened in (writer, refused_writer):
        opened.close()


async def test_without_its_server_a_connection_is_closed(stage: Callable[..., Stage]) -> None:
    one = await stage().open()
    one.relay._inner = "ostiary-nobody"
    reader, writer = await asyncio.open_connection(*one.address)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await reader.readexactly(1)
    await one.relay.empty(30)
    writer.close()
