"""What the protocol refuses, first on a connection and behind a page."""

import pytest

from ostiary.web.gate import Limits
from tests.web.site import BAD, CHECK, HOST, LARGE, PAGE, Site, settled

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
