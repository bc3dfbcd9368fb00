"""The gate that every request passes, whoever answers it: is its head well-formed, unambiguous and within limits?"""

import re
from dataclasses import dataclass

import httptools

LIVE = b"/-/health/live/"
READY = b"/-/health/ready/"
_HEALTH = (LIVE, READY)

# A second copy of any of these lets two readers see two requests. `Host` has to be there exactly once. X-Forwarded-For
# is a list, to which HAProxy adds a line of its own (RFC 9110 section 5.3); all readers of ours see all of it.
_SINGLE = re.compile(rb"\n(host|x-(?:forwarded-(?!for:)[!-9;-~]+|original-[!-9;-~]+|real-ip)|forwarded):")
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)
_FRAMING = re.compile(rb"\n(content-length|transfer-encoding):", re.IGNORECASE)
_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0")


def empty(status: str, *, close: bool = False) -> bytes:
    """A whole answer without a body. One byte of body in a 200 or 401 makes nginx drop the connection each time."""
    lines = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nCache-Control: no-store\r\n"
    return (lines + ("Connection: close\r\n\r\n" if close else "\r\n")).encode()


_BAD = empty("400 Bad Request", close=True)
SLOW = empty("408 Request Timeout", close=True)
LARGE = empty("431 Request Header Fields Too Large", close=True)


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in whole seconds.

    ``idle`` is longer than what proxies keep an unused connection for (nginx 60, Traefik 90, Caddy 120), so that they
    close first and never ask on a connection that is going away.
    """

    head: int = 32 * 1024
    headers: int = 100
    head_seconds: int = 10
    body_seconds: int = 60
    idle_seconds: int = 180
    refusal_seconds: int = 2
    farewell_seconds: int = 1


class Gate:
    """One llhttp pass over a head, without header callbacks, and what llhttp leaves open.

    After `refuses` returned None, the attributes describe the request: ``modern`` is HTTP/1.1, ``complete`` says that
    no body follows, ``keep`` that another request may, ``length`` is the body's if it is known.
    """

    __slots__ = ("_parser", "_spare", "complete", "keep", "length", "limits", "method", "modern", "target")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._spare: httptools.HttpRequestParser | None = None

    def refuses(self, head: bytes) -> bytes | None:
        """The answer to a request that goes no further."""
        line = head[: head.find(b"\r\n")].split(b" ")
        if len(line) != 3 or line[2] not in _VERSIONS or line[0] == b"CONNECT":
            return _BAD
        self.method, self.target, version = line
        self.modern = version == b"HTTP/1.1"
        self.complete = self.keep = False
        self.length: int | None = 0
        # A parser that has just finished a message that others may follow is where it began, and need not be made anew.
        parser, self._spare = self._spare or httptools.HttpRequestParser(self), None
        self._parser = parser
        try:
            parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            # An upgrade is never made: the request is answered as it stands, and what may follow it is not read.
            self.keep = False
            if _FRAMING.search(head):
                return _BAD
        except httptools.HttpParserError:
            return _BAD
        if self.complete:
            if self.keep:
                self._spare = parser
            if self.target in _HEALTH:
                return None
        # llhttp takes no bare line feed for the end of a line.
        if head.count(b"\r\n") - 2 > self.limits.headers:
            return LARGE
        single = _SINGLE.findall(head.lower())
        if b"host" not in single or len(set(single)) != len(single):
            return _BAD
        if self.target[:1] != b"/" or b"#" in self.target:
            return _BAD
        if not self.complete:
            length = _LENGTH.search(head)
            self.length = None if length is None else int(length[1])
            if length is None and not self.modern:
                return _BAD  # chunked is not of HTTP/1.0 (RFC 9112 section 6.1)
        return None

    def on_headers_complete(self) -> None:
        """Called by llhttp, which forgets `Connection: close` once the message is over. HTTP/1.0 is not kept alive."""
        self.keep = self.modern and self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        """Called by llhttp."""
        self.complete = True
