"""Envoy's ext_authz over HTTP, and every control plane that configures it: the original method and Host, and the
original path and query behind the address that it was told to ask at."""

from ostiary.forwardauth.dialects.dialect import Dialect, Heard
from ostiary.forwardauth.dialects.lines import OWS, Refused, cutter

_CUT = cutter("Host", "X-Forwarded-Proto")


def _read(head: bytes, method: bytes, rest: bytes) -> Heard:
    cookies, host, scheme = _CUT(head)
    if rest[:1] != b"/":
        raise Refused("no_path")
    if host is None:
        raise Refused("no_host")
    return (scheme or b"https").rstrip(OWS), host.rstrip(OWS), rest, method, cookies


ENVOY = Dialect("envoy", frozenset({"envoy", "any"}), _read, redirects=True, removes=True, sparse=True, extends=True)
