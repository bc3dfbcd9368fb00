"""nginx and what is built on it: 401 is turned into a redirect by the proxy's own configuration, 403 is passed on, and
everything else becomes a 500. No body of ours reaches a browser."""

from ostiary.forwardauth.dialects.addresses import chosen_host
from ostiary.forwardauth.dialects.dialect import Dialect, Heard, same_host
from ostiary.forwardauth.dialects.lines import OWS, Refused, cutter

_ORIGINAL = cutter("X-Original-URL", "X-Original-Method", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method")
_FABRIC = cutter("Host", "Path", "Method")
_HOST_ONLY = cutter("X-Forwarded-Host", "X-Forwarded-Proto")


def _read_original(head: bytes, _method: bytes, rest: bytes) -> Heard:
    cookies, url, method, forwarded_host, forwarded_uri, forwarded_method = _ORIGINAL(head)
    if url is None:
        raise Refused("no_original_url")
    scheme, separator, after = url.partition(b"://")
    host, slash, tail = after.partition(b"/")
    path = slash + tail
    if not separator or not slash:
        raise Refused("url.malformed")
    # Not believed, but a contradiction is refused: through another proxy X-Original-URL is the visitor's own word.
    if forwarded_host is not None and forwarded_host != host and not same_host(forwarded_host, host):
        raise Refused("forwarded_host_disagrees")
    if forwarded_uri is not None and forwarded_uri.rstrip(OWS) != path.rstrip(OWS):
        raise Refused("forwarded_uri_disagrees")
    if forwarded_method is not None and forwarded_method != method:
        raise Refused("forwarded_method_disagrees")
    if rest:
        chosen = chosen_host(rest)
        if chosen is not None and chosen != host and not same_host(chosen, host):
            raise Refused("chosen_host_disagrees")
    return scheme, host, path, method, cookies


def _read_fabric(head: bytes, _method: bytes, _rest: bytes) -> Heard:
    """NGINX Gateway Fabric, and the Gateway API's ExternalAuth filter in its style: the original Host, and the path
    and method in headers of their own. No scheme is told."""
    cookies, host, path, method = _FABRIC(head)
    if host is None or path is None or method is None:
        raise Refused("no_path_header")
    return b"https", host.rstrip(OWS), path.rstrip(OWS), method, cookies


def _read_host_only(head: bytes, _method: bytes, _rest: bytes) -> Heard:
    """F5 NGINX Ingress Controller, which tells neither path nor method."""
    cookies, host, scheme = _HOST_ONLY(head)
    if host is None or scheme is None:
        raise Refused("no_forwarded_host")
    return scheme.rstrip(OWS), host.rstrip(OWS), None, None, cookies


_KINDS = frozenset({"nginx", "any"})
NGINX = Dialect("nginx", _KINDS, _read_original, signs_in=True, carries_attempt=True)
NGF = Dialect("ngf", _KINDS, _read_fabric, sparse=True, knows_visitor=False)
NIC = Dialect("nic", _KINDS, _read_host_only, signs_in=True)
