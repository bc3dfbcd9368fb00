"""The addresses of the forward-auth endpoints, each below two prefixes.

``/outpost.goauthentik.io`` is where an Ingress written for authentik points; ``/ostiary`` has no dot, so that
ingress-nginx's strict path check accepts it.
"""

import re
from dataclasses import dataclass

PREFIXES = ("/outpost.goauthentik.io", "/ostiary")
OWN_PATHS = frozenset(
    f"{prefix}/{name}".encode() for prefix in PREFIXES for name in ("start", "callback", "sign_out", "ping")
)
"""The paths on an application's host that are ours, in their canonical form."""
ABOVE_OWN = tuple(f"{prefix}/".encode() for prefix in PREFIXES)
_ABOVE_AUTH = tuple(above + b"auth/" for above in ABOVE_OWN)

_HOST = re.compile(rb"[?&]host=([^&]*)")
# The rest begins at a slash or a question mark: only a dialect that expects a path of the visitor's there reads it.
_ENDPOINT = re.compile(rb"(/outpost\.goauthentik\.io|/ostiary)/auth/([a-z-]{1,20})(?:~([^/?]*))?([/?].*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address below ``auth/``: whose question it takes, the path secret if it has one, and what follows."""

    prefix: str
    dialect: str
    secret: bytes | None
    rest: bytes


def auth_endpoint(target: bytes) -> Endpoint | None:
    """The endpoint that a request target names; None for any other target."""
    found = _ENDPOINT.fullmatch(target)
    if found is None:
        return None
    prefix, dialect, secret, rest = found.groups()
    return Endpoint(prefix.decode(), dialect.decode(), secret, rest or b"")


def below_auth(target: bytes) -> bool:
    """Whether a target lies where checks are asked, well-formed or not."""
    return target.startswith(_ABOVE_AUTH)


def chosen_host(rest: bytes) -> bytes | None:
    """The host that the proxy says chose its server, from ``?host=$host`` of the address that its configuration asks.

    None without one. It can only forbid, so it does no harm that some proxies let a visitor add to that query; of two,
    neither is believed.
    """
    found = _HOST.findall(rest)
    return None if not found else found[0] if len(found) == 1 else b""
