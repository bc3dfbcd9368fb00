"""Who is at the other end: the address, scheme and host of a request, read once.

Forwarded headers count only when the connection comes from a declared proxy; from anybody else they are words of the
visitor.
"""

from dataclasses import dataclass

from starlette.requests import Request

from ostiary.kit.errors import InvalidInput
from ostiary.kit.proxies import Proxies
from ostiary.kit.urls import fold_host


@dataclass(frozen=True)
class Client:
    """``visitor`` is the visitor's address, "" if it is unknown: what rules are asked about. ``ip`` is whoever is
    nearest to them and known, for counting and telling. ``kind`` is the declared kind of the proxy in between.

    ``undeclared`` is the address of a peer that sent forwarded headers without being declared: all of its visitors
    look alike.
    """

    visitor: str
    ip: str
    scheme: str
    host: str
    kind: str | None
    undeclared: str | None

    @property
    def declared(self) -> bool:
        """Whether the request came through a declared proxy."""
        return self.kind is not None


def client(request: Request, proxies: Proxies) -> Client:
    """Reads the peer and, if it is declared, its forwarded headers."""
    peer = request.client.host if request.client else ""
    kind = proxies.kind_of(peer)
    headers = request.headers
    host = _folded(headers.get("host", ""))
    if kind is None:
        forwards = any(name.startswith("x-forwarded-") or name == "forwarded" for name in headers)
        return Client("" if forwards else peer, peer, request.url.scheme, host, None, peer if forwards else None)
    scheme = _single(headers.getlist("x-forwarded-proto"))
    forwarded_host = _single(headers.getlist("x-forwarded-host"))
    walked = list(proxies.walked(",".join(headers.getlist("x-forwarded-for"))))
    return Client(
        visitor=walked[-1],
        ip=next((address for address in reversed(walked) if address), peer),
        scheme=scheme if scheme in ("http", "https") else request.url.scheme,
        host=_folded(forwarded_host) if forwarded_host else host,
        kind=kind,
        undeclared=None,
    )


def _single(values: list[str]) -> str:
    # A doubled header is ambiguous, and ambiguity is read as absence.
    return values[0].strip() if len(values) == 1 and "," not in values[0] else ""


def _folded(host: str) -> str:
    try:
        return fold_host(host)
    except InvalidInput:
        return ""
