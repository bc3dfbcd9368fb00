"""Cuts the few headers that a dialect reads out of a raw request head, and refuses one that could be read in two ways.

The head has been found well-formed by the HTTP parser before it comes here (RFC 9112); this only finds lines in it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from ostiary.kit.proxies import Proxies

# Names with an underscore or a dot for a dash are caught too: servers that fold them would see a second copy.
_LINES = re.compile(
    rb"\r\n(cookie|x[-_.]original[-_.](?:url|method)|x[-_.]forwarded[-_.](?:host|uri|method)):[ \t]*([^\r]*)",
    re.IGNORECASE,
)
_SLOTS: Final[Mapping[bytes, int]] = {
    name: slot
    for slot, names in enumerate(
        (
            (b"cookie", b"Cookie"),
            (b"x-original-url", b"X-Original-URL"),
            (b"x-original-method", b"X-Original-Method"),
            (b"x-forwarded-host", b"X-Forwarded-Host"),
            (b"x-forwarded-uri", b"X-Forwarded-Uri"),
            (b"x-forwarded-method", b"X-Forwarded-Method"),
        )
    )
    for name in names
}


class Refused(Exception):
    """A head that is not answered as a question, for a stable reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def cut(head: bytes) -> list[bytes | None]:
    """The six headers of a ``nginx`` question, in the order of ``_SLOTS``; several Cookie lines are joined.

    Raises `Refused` for a second copy of any other, in any case or spelling.
    """
    found: list[bytes | None] = [None, None, None, None, None, None]
    for name, value in _LINES.findall(head):
        slot = _SLOTS.get(name)
        if slot is None:
            slot = _SLOTS.get(name.lower())
            if slot is None:
                raise Refused("header_alias")
        before = found[slot]
        if before is None:
            found[slot] = value
        elif slot == 0:
            found[slot] = before + b"; " + value
        else:
            raise Refused("header_doubled")
    return found


def header(head: bytes, name: bytes) -> bytes | None:
    """The value of a header that decides nothing about who may enter; None if it is absent or doubled."""
    values = re.findall(rb"\r\n" + re.escape(name) + rb":[ \t]*([^\r]*)", head, re.IGNORECASE)
    return values[0].rstrip(b" \t") if len(values) == 1 else None


def visitor(head: bytes, peer: str, proxies: Proxies) -> str:
    """The visitor's address: the rightmost of X-Forwarded-For that no declared proxy vouches for; "" if unreadable.

    Only a declared peer's word counts; from any other the peer itself is the visitor.
    """
    if proxies.kind_of(peer) is None:
        return peer
    nearest = peer
    lines = re.findall(rb"\r\nx-forwarded-for:([^\r]*)", head, re.IGNORECASE)
    for part in reversed(b",".join(lines).split(b",") if lines else []):
        try:
            nearest = str(ip_address(part.strip().decode("ascii")))
        except ValueError:
            return ""
        if proxies.kind_of(nearest) is None:
            return nearest
    return nearest


def head_of(method: str, target: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """A head again, from parsed headers, for a question that came by the ordinary path."""
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), target), *(b"%b: %b" % header for header in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, parsed once. ``host`` is as the proxy spelled it, ``target`` the opaque path and query."""

    peer: str
    head: bytes
    host: bytes
    host_key: str
    target: bytes
    method: str
    cookies: str


def is_shown(asked: Asked) -> bool:
    """Whether a person would see the answer: Sec-Fetch-Mode says so, or, over plain http, HTML is accepted."""
    mode = header(asked.head, b"sec-fetch-mode")
    if mode is not None:
        return mode == b"navigate"
    return b"text/html" in (header(asked.head, b"accept") or b"")


def is_navigation(asked: Asked) -> bool:
    """Whether a person opens a page, so that sending them elsewhere and back loses nothing."""
    return asked.method in ("", "GET") and is_shown(asked)
