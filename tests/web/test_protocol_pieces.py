"""Without a socket: the same bytes, however they are cut, get the same answers."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from tests.web.site import CHECK, HOST, YES, Checks, door_for
from tests.web.test_protocol_refusals import REFUSED


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
