"""Proxies that tell the original request in X-Forwarded-* and pass our refusals on to the browser as they are."""

from ostiary.forwardauth.dialects.dialect import Dialect, Heard
from ostiary.forwardauth.dialects.lines import OWS, Refused, cutter

_FORWARDED = ("X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method")
_CUT = cutter(*_FORWARDED)
_CUT_ALL = cutter(*_FORWARDED, "X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Sent-From")


def _read(head: bytes, _method: bytes, _rest: bytes) -> Heard:
    cookies, scheme, host, path, method = _CUT(head)
    if scheme is None or host is None or path is None or method is None:
        # A visitor may have had the proxy drop one, by naming it in `Connection`; none is looked for elsewhere.
        raise Refused("no_forwarded_header")
    return scheme.rstrip(OWS), host.rstrip(OWS), path.rstrip(OWS), method, cookies


def _read_for_nginx(head: bytes, method: bytes, rest: bytes) -> Heard:
    """Traefik's ingress-nginx provider: it sends no X-Original-*, so there they would be the visitor's."""
    if any(value is not None for value in _CUT_ALL(head)[5:]):
        raise Refused("original_url_through_traefik")
    return _read(head, method, rest)


TRAEFIK = Dialect("traefik", frozenset({"traefik", "any"}), _read, redirects=True)
NGINX_FWD = Dialect("nginx-fwd", frozenset({"traefik", "any"}), _read_for_nginx, redirects=True)
CADDY = Dialect("caddy", frozenset({"caddy", "any"}), _read, redirects=True)
HAPROXY = Dialect("haproxy", frozenset({"haproxy", "any"}), _read, redirects=True, removes=True)
