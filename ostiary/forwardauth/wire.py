"""One question, parsed once, and what its head says beside the question itself."""

import re
from dataclasses import dataclass

from ostiary.forwardauth.dialects.dialect import Dialect
from ostiary.forwardauth.dialects.lines import header
from ostiary.kit.proxies import Proxies


@dataclass(frozen=True, slots=True)
class Asked:
    """``host`` is as the proxy spelled it, ``target`` the opaque path and query, None where the proxy tells none.

    ``scheme`` is what the proxy saw, which decides nothing. ``by_secret``: the proxy showed a path secret, so no
    visitor's own script asks. ``prefix`` is the one of our two prefixes that was asked below.
    """

    dialect: Dialect
    prefix: str
    by_secret: bool
    peer: str
    head: bytes
    scheme: str
    host: bytes
    host_key: str
    target: bytes | None
    method: str
    cookies: str

    @property
    def authorization(self) -> bytes | None:
        """The Authorization header; None if it is absent or came twice."""
        return header(self.head, b"authorization")


def visitor(asked: Asked, proxies: Proxies) -> str:
    """The visitor's address: the rightmost of X-Forwarded-For that no declared proxy vouches for; "" if it is unknown.

    Whoever asks is a proxy, declared or by a secret; its own address is never taken for the visitor's, or a rule about
    networks would let everybody in where it passes no address on.
    """
    if not asked.dialect.knows_visitor:
        return ""
    lines = re.findall(rb"\r\nx-forwarded-for:([^\r]*)", asked.head, re.IGNORECASE)
    *_, last = proxies.walked(b",".join(lines).decode("latin-1"))
    return last


def head_of(method: str, target: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """A head again, from parsed headers, for a question that came by the ordinary path."""
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), target), *(b"%b: %b" % header for header in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def is_shown(asked: Asked) -> bool:
    """Whether a person would see the answer: Sec-Fetch-Mode says so, or, over plain http, HTML is accepted.

    A proxy that passes on listed headers only may know neither; every browser sends Accept, so without one the proxy
    left it out, and only Origin, which scripts send and links do not, and Authorization, which machines send, tell.
    """
    mode = header(asked.head, b"sec-fetch-mode")
    if mode is not None:
        return mode == b"navigate"
    accept = header(asked.head, b"accept")
    if accept is None and asked.dialect.sparse:
        return header(asked.head, b"origin") is None and asked.authorization is None
    return b"text/html" in (accept or b"")


def is_navigation(asked: Asked) -> bool:
    """Whether a person opens a page, so that sending them elsewhere and back loses nothing."""
    return asked.method in ("", "GET") and is_shown(asked)


def is_preflight(asked: Asked) -> bool:
    """Whether a browser asks an application's permission for a script of another site (Fetch, CORS-preflight)."""
    return (
        asked.method == "OPTIONS"
        and header(asked.head, b"origin") is not None
        and header(asked.head, b"access-control-request-method") is not None
    )
