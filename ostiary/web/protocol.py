"""HTTP/1.1 on every connection: framing, limits, health, and the checks that are answered without a task.

uvicorn is given this protocol in place of its own. It takes one request off a connection at a time, and each one passes
the same gate: llhttp must find the head well-formed, and the limits below must hold. Then

* health is answered here, by its path alone;
* a request without a body is shown to the `Responder`, whose answer is written at once;
* everything else goes to a fresh uvicorn protocol that sees exactly this one request, and gives the connection back.

Where a request ends is decided here and nowhere else, so that nothing behind the gate can disagree about it.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from ostiary.web.gate import LARGE, LIVE, READY, SLOW, Gate, Limits, empty

_OK = empty("200 OK")
_UNAVAILABLE = empty("503 Service Unavailable")


class Responder(Protocol):
    """Answers forward-auth checks."""

    def answer(self, head: bytes, method: bytes, target: bytes, peer: str) -> bytes | Awaitable[bytes] | None:
        """The whole answer to a request that has no body.

        ``head`` is everything from the request line to the empty line, well-formed and within the limits; ``peer`` is
        the address of the other end. None: not a check, another part answers. An awaitable is for what memory cannot
        tell; the connection waits for it. What is raised is answered 503.
        """


@dataclass(slots=True)
class Door:
    """What the connections of one worker share. The counters are plain integers, read when metrics are scraped."""

    responder: Responder
    ready: Callable[[], bool]
    limits: Limits = field(default_factory=Limits)
    second: int = 0
    answered: int = 0
    passed_on: int = 0
    refused: int = 0
    failed: int = 0
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.gate = Gate(self.limits)

    def protocol(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: Any = None,
    ) -> "OstiaryProtocol":
        """For ``uvicorn.Config(http=door.protocol)``."""
        return OstiaryProtocol(self, config, server_state, app_state, _loop)

    def tick(self, connections: set[Any]) -> None:
        """A second has passed: closes the connections whose time is over. One timer for all, none per connection."""
        self.second = now = self.second + 1
        for connection in [c for c in connections if c.deadline <= now]:
            connection.expire()


class OstiaryProtocol(asyncio.Protocol):
    """One connection."""

    __slots__ = (
        "_app_state",
        "_body_left",
        "_buffer",
        "_config",
        "_connections",
        "_door",
        "_inner",
        "_leaving",
        "_loop",
        "_peer",
        "_state",
        "_stuck",
        "_transport",
        "_waiting",
        "deadline",
    )

    def __init__(
        self,
        door: Door,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._door = door
        self._config = config
        self._state = server_state
        self._connections: set[Any] = server_state.connections
        self._app_state = app_state
        self._loop = loop
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # set by connection_made, before anything reads it
        self._peer = ""
        self._buffer = bytearray()
        self._inner: _OneRequest | None = None
        self._body_left: float = 0
        self._waiting = False  # an answer is being made elsewhere; no other request may begin
        self._stuck = False  # the other end does not read what we write
        self._leaving = False  # the server goes away, or this connection was refused
        self.deadline: float = door.second + door.limits.head_seconds

    # What the event loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        address = transport.get_extra_info("peername")
        self._peer = address[0] if isinstance(address, tuple) else ""

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self.deadline = math.inf
        if self._inner is not None:
            self._inner.connection_lost(exc)
            self._inner = None

    def data_received(self, data: bytes) -> None:
        if self._body_left:
            data = self._feed_body(data)
        if not data or self._transport.is_closing():
            return
        if self._waiting or self._stuck:
            self._buffer += data
            self._transport.pause_reading()
        elif self._buffer:
            # A head that comes in pieces; only the seam has to be searched again.
            seam = max(0, len(self._buffer) - 3)
            self._buffer += data
            if self._buffer.find(b"\r\n\r\n", seam) >= 0 or len(self._buffer) > self._door.limits.head:
                self._go_on()
        else:
            self._take(data)

    def pause_writing(self) -> None:
        self._stuck = True
        self.deadline = self._door.second + self._door.limits.body_seconds
        if self._inner is not None:
            self._inner.pause_writing()
        else:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._stuck = False
        if self._inner is not None:
            self._inner.resume_writing()
        if self._waiting:
            self.deadline = math.inf
        elif not self._transport.is_closing():
            self.deadline = self._door.second + self._door.limits.idle_seconds
            self._go_on()

    # What the server tells

    def shutdown(self) -> None:
        """The server stops: what is under way is finished, and the next answer says that it is the last.

        A connection without a request lingers for a moment: closing it at once could meet a check on its way.
        """
        self._leaving = True
        if self._inner is not None:
            self._inner.shutdown()
        elif not self._waiting:
            self.deadline = min(self.deadline, self._door.second + self._door.limits.farewell_seconds)

    def expire(self) -> None:
        """The deadline has passed."""
        self.deadline = math.inf
        if self._stuck or self._inner is not None or self._transport.is_closing():
            self._transport.abort()
        elif self._buffer:
            self._refuse(SLOW)
        else:
            self._transport.close()

    # One request after the other

    def _go_on(self) -> None:
        data = bytes(self._buffer)
        self._buffer.clear()
        self._transport.resume_reading()
        self._take(data)

    def _take(self, data: bytes) -> None:
        """Takes whole requests off ``data`` until nothing is left or one has to be waited for."""
        door, gate, limits = self._door, self._door.gate, self._door.limits
        while data and not self._transport.is_closing():
            if self._stuck:
                self._buffer += data
                return
            end = data.find(b"\r\n\r\n") + 4
            if end > limits.head or (end == 3 and len(data) > limits.head):
                self._refuse(LARGE)
                return
            if end == 3:
                # The time for a head runs from its first byte; more bytes do not buy more time.
                self._buffer += data
                self.deadline = door.second + limits.head_seconds
                return
            head, data = data[:end], data[end:]
            refusal = gate.refuses(head)
            if refusal is not None:
                self._refuse(refusal)
                return
            keep, modern, length = gate.keep, gate.modern, gate.length
            answer = self._ask(head) if gate.complete else None
            if answer is None:
                self._pass_on(head, data, keep, length)
                return
            if type(answer) is not bytes:
                self._wait(cast(Awaitable[bytes], answer), data, keep, modern)
                return
            self._write(answer, keep, modern)

    def _ask(self, head: bytes) -> bytes | Awaitable[bytes] | None:
        door = self._door
        target = door.gate.target
        if target == LIVE:
            return _OK
        if target == READY:
            return _OK if door.ready() else _UNAVAILABLE
        try:
            answer = door.responder.answer(head, door.gate.method, target, self._peer)
        except Exception as error:  # noqa: BLE001 - whatever it is, it opens nothing
            return self._failed(error)
        if answer is not None:
            door.answered += 1
        return answer

    def _write(self, answer: bytes, keep: bool, modern: bool) -> None:
        # Before the write: it may find that the other end does not read, which sets a deadline of its own.
        self.deadline = self._door.second + self._door.limits.idle_seconds
        if keep and not self._leaving:
            self._transport.write(answer)
            return
        self.deadline = self._door.second + self._door.limits.body_seconds
        if modern and b"\r\nConnection: close\r\n" not in answer:
            answer = answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        self._transport.write(answer)
        self._transport.close()

    def _refuse(self, answer: bytes) -> None:
        """Answers, and reads on for a moment without looking: closing on unread bytes would take the answer with it."""
        self._door.refused += 1
        self._leaving = True
        self._waiting = True
        self._buffer.clear()
        self._body_left = math.inf
        self._transport.write(answer)
        self._transport.write_eof()
        self.deadline = self._door.second + self._door.limits.refusal_seconds

    def _failed(self, error: Exception) -> bytes:
        """A check that failed is no one's permission: 503, and the cause goes to the log."""
        self._door.failed += 1
        context = {"message": "a check failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
        return _UNAVAILABLE

    # Answers that take time

    def _wait(self, answer: Awaitable[bytes], rest: bytes, keep: bool, modern: bool) -> None:
        self._waiting = True
        self.deadline = math.inf
        self._buffer += rest
        if rest:
            self._transport.pause_reading()
        task = asyncio.ensure_future(self._answer_later(answer, keep, modern))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    async def _answer_later(self, answer: Awaitable[bytes], keep: bool, modern: bool) -> None:
        try:
            ready = await answer
        except Exception as error:  # noqa: BLE001 - whatever it is, it opens nothing
            ready = self._failed(error)
        self._waiting = False
        if self._transport.is_closing():
            return
        self._write(ready, keep, modern)
        if not self._stuck and not self._transport.is_closing():
            self._go_on()

    # Requests that another part answers

    def _pass_on(self, head: bytes, rest: bytes, keep: bool, length: float | None) -> None:
        self._door.passed_on += 1
        if length is None:
            # Chunked: the inner protocol finds its end, and the connection ends with it.
            length, keep = math.inf, False
        self._body_left = length
        self._waiting = True
        self.deadline = self._door.second + self._door.limits.body_seconds if length else math.inf
        self._inner = inner = _OneRequest(self._config, self._state, self._app_state, self._loop)
        inner.begin(self, self._transport, head, last=self._leaving or not keep)
        if rest:
            self.data_received(rest)

    def _feed_body(self, data: bytes) -> bytes:
        """Gives the inner protocol its body, and returns what lies beyond it."""
        inner = self._inner
        if inner is None:  # refused: nothing is looked at any more
            return b""
        # The deadline stays: the time for a body runs from its head, and more bytes do not buy more of it.
        if self._body_left == math.inf:
            inner.data_received(data)
            rest = b""
            self._body_left = 0 if inner.whole else math.inf
        else:
            length = int(self._body_left)
            rest = data[length:]
            self._body_left = max(0, length - len(data))
            inner.data_received(data[:length])
        if not self._body_left:
            self.deadline = math.inf
            if inner.answered:
                self._take_back()
        return rest

    def inner_answered(self) -> None:
        """The inner protocol has written its last byte."""
        if not self._body_left:
            self._take_back()

    def _take_back(self) -> None:
        self._inner = None
        self._waiting = False
        if self._transport.is_closing():
            return
        if self._leaving:
            self._transport.close()
            return
        self.deadline = self._door.second + self._door.limits.idle_seconds
        if not self._stuck:
            self._go_on()


class _OneRequest(HttpToolsProtocol):
    """uvicorn's protocol for one request, whose head has passed the gate."""

    front: OstiaryProtocol
    whole = False
    answered = False

    def begin(
        self,
        front: OstiaryProtocol,
        transport: asyncio.Transport,
        head: bytes,
        *,
        last: bool,
    ) -> None:
        self.front = front
        self.connection_made(transport)
        # The outer protocol stands for this connection when the server counts and stops them.
        self.connections.discard(self)
        self.data_received(head)
        if last and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_begin(self) -> None:
        if self.whole:
            raise ValueError("a second request")
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self.whole = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        # Behind a whole request, what cannot be read is not answered: the answer under way is the last.
        if not self.whole:
            super().send_400_response(msg)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unset_keepalive_if_required()
        self.answered = True
        self.front.inner_answered()
