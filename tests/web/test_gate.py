"""The gate says the same of a request whatever came before it."""

from itertools import permutations

import pytest

from ostiary.web.gate import Gate, Limits

_HOST = b"Host: app.example\r\n"
HEADS = (
    b"GET /a HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"GET /b HTTP/1.1\r\n" + _HOST + b"Connection: close\r\n\r\n",
    b"GET /c HTTP/1.0\r\n" + _HOST + b"Connection: keep-alive\r\n\r\n",
    b"POST /d HTTP/1.1\r\n" + _HOST + b"Content-Length: 5\r\n\r\n",
    b"POST /e HTTP/1.1\r\n" + _HOST + b"Transfer-Encoding: chunked\r\n\r\n",
    b"GET /f HTTP/1.1\r\n" + _HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"GET /g HTTP/1.1\r\n" + _HOST + b"Bad Name: x\r\n\r\n",
    b"GET /-/health/live/ HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"POST /h HTTP/1.1\r\n" + _HOST + b"Content-Length: 0\r\n\r\n",
)


def told(gate: Gate, head: bytes) -> tuple[object, ...]:
    refusal = gate.refuses(head)
    if refusal is not None:
        return (refusal,)
    return gate.method, gate.target, gate.modern, gate.complete, gate.keep, gate.length


def test_what_came_before_changes_nothing() -> None:
    alone = {head: told(Gate(Limits()), head) for head in HEADS}
    assert len(set(alone.values())) == len(HEADS)
    for order in permutations(HEADS, 3):
        gate = Gate(Limits())
        assert [told(gate, head) for head in order] == [alone[head] for head in order]


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\nHost: app.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: app.example\nX-A: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: app.example\r\nX-A: b\n\r\n",
    ],
)
def test_a_bare_line_feed_ends_no_line(head: bytes) -> None:
    (refusal,) = told(Gate(Limits()), head)
    assert isinstance(refusal, bytes)
    assert refusal.startswith(b"HTTP/1.1 400 ")
