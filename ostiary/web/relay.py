"""Brings the connections of a listening socket that we hold to a server in this process that can only open its own.

The socket belongs to the supervisor and never closes, so that a worker can be replaced without a refused connection.
The server listens on a name that no file system shows. Each connection comes to it from a name made for it alone, by
which the server learns whose it is; a connection from any other name has come past the relay, and is nobody's.
"""

import asyncio
import secrets
import socket
from collections.abc import Callable
from typing import cast

_MOST = 1024


class Relay:
    """One listening socket's connections. ``inner`` is the server's abstract name, without the leading NUL."""

    def __init__(self, inner: str, most: int = _MOST) -> None:
        self._inner = inner
        self._most = most
        self._server: asyncio.Server | None = None
        self._peers: dict[str, str] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self.turned_away = 0
        """How many connections there was no room for."""

    async def open(self, listener: socket.socket) -> None:
        """Takes connections from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Outer(self), sock=listener)

    def close(self) -> None:
        """Takes no more; those that are there stay. Other processes go on listening on the same socket."""
        if self._server is not None:
            self._server.close()

    def peer(self, name: str) -> str:
        """The address at the other end of a connection, by the name that the server sees; "" for none of ours."""
        return self._peers.get(name, "")

    async def empty(self, seconds: float) -> None:
        """Returns when no connection is left, or the time is over."""
        try:
            await asyncio.wait_for(self._empty.wait(), seconds)
        except TimeoutError:
            return

    def take(self, outer: "_Outer", address: str) -> asyncio.Task[None] | None:
        """A new connection: it gets its other half, or is closed."""
        if len(self._peers) >= self._most:
            self.turned_away += 1
            outer.transport.abort()
            return None
        name = f"ostiary-{secrets.token_hex(16)}"
        self._peers[name] = address
        self._empty.clear()
        return asyncio.get_running_loop().create_task(self._connect(outer, name))

    async def _connect(self, outer: "_Outer", name: str) -> None:
        half = _Half(lambda: self._gone(name))
        # The server speaks first; what it says goes through at once.
        half.other = outer
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
                made.settimeout(0)
                made.bind(f"\0{name}")
                loop = asyncio.get_running_loop()
                await loop.sock_connect(made, f"\0{self._inner}")
                await loop.create_unix_connection(lambda: half, sock=made.dup())
        except OSError:
            outer.transport.abort()
            self._gone(name)
            return
        if outer.transport.is_closing():
            half.transport.abort()
        else:
            outer.meet(half)

    def _gone(self, name: str) -> None:
        self._peers.pop(name, None)
        if not self._peers:
            self._empty.set()


class _Half(asyncio.Protocol):
    """One end: what arrives here leaves there, no faster than it is read."""

    transport: asyncio.Transport
    other: "_Half | None" = None

    def __init__(self, gone: Callable[[], None] = lambda: None) -> None:
        self._gone = gone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        other, self.other = self.other, None
        if other is not None:
            # What was written is still sent before it closes.
            other.transport.close()
        self._gone()


class _Outer(_Half):
    """The end that somebody opened; what comes before its other half stands is kept."""

    def __init__(self, relay: Relay) -> None:
        super().__init__()
        self._relay = relay
        self._connecting: asyncio.Task[None] | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        address = transport.get_extra_info("peername")
        self._connecting = self._relay.take(self, address[0] if isinstance(address, tuple) else "")

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early += data
            self.transport.pause_reading()
        else:
            self.other.transport.write(data)

    def meet(self, half: _Half) -> None:
        """The other half stands."""
        self.other = half
        if self._early:
            half.transport.write(self._early)
            self._early = b""
            self.transport.resume_reading()
