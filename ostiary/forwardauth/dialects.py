"""The addresses of the forward-auth endpoints, each below two prefixes, and what a verdict looks like to each proxy.

``/outpost.goauthentik.io`` is where an Ingress written for authentik points; ``/ostiary`` has no dot, so that
ingress-nginx's strict path check accepts it. The dialect is the last segment of the address and never guessed.
"""

import re
from collections.abc import Mapping
from typing import Final

from ostiary.forwardauth.decide import Verdict

PREFIXES = ("/outpost.goauthentik.io", "/ostiary")
OWN_PATHS = frozenset(
    f"{prefix}/{name}".encode() for prefix in PREFIXES for name in ("start", "callback", "sign_out", "ping")
)
"""The paths on an application's host that are ours, in their canonical form."""
ABOVE_OWN = tuple(f"{prefix}/".encode() for prefix in PREFIXES)

NGINX_TARGETS = frozenset(f"{prefix}/auth/nginx".encode() for prefix in PREFIXES)
_HOST = re.compile(rb"[?&]host=([^&]*)")
_AUTH = tuple(f"{prefix}/auth/".encode() for prefix in PREFIXES)

KINDS: Final[Mapping[str, frozenset[str]]] = {"nginx": frozenset({"nginx", "any"})}
"""Which kinds of declared proxies may use a dialect."""


def auth_endpoint(target: bytes) -> tuple[str, str] | None:
    """(dialect, path secret or "") of a target below ``auth/``; None for any other."""
    path = target.partition(b"?")[0]
    for prefix in _AUTH:
        if path.startswith(prefix):
            dialect, _, secret = path[len(prefix) :].decode("latin-1").partition("~")
            return dialect, secret
    return None


def chosen_host(target: bytes) -> bytes | None:
    """The host that the proxy says chose its server, from ``?host=$host`` of the address that its configuration asks.

    None without one. It can only forbid, so it does no harm that some proxies let a visitor add to that query; of two,
    neither is believed.
    """
    found = _HOST.findall(target)
    return None if not found else found[0] if len(found) == 1 else b""


def nginx_status(verdict: Verdict, *, navigation: bool) -> bytes:
    """nginx turns 401 into a redirect to ``start``, passes 403 on, and makes everything else a 500 of its own."""
    if verdict is Verdict.ALLOW:
        return b"200 OK"
    if verdict in (Verdict.SIGN_IN, Verdict.UNKNOWN_HOST) or (verdict is Verdict.FORBIDDEN and navigation):
        return b"401 Unauthorized"
    if verdict is Verdict.UNDECIDABLE:
        return b"503 Service Unavailable"
    return b"403 Forbidden"
