"""What each kind of proxy asks an auth server about a browser's request: the same lines, as many, as large."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

# What a browser sends, and every proxy passes on.
_BROWSER: Final = (
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
    "Cache-Control: max-age=0",
    'Sec-Ch-Ua: "Chromium";v="142", "Not_A Brand";v="99"',
    "Sec-Ch-Ua-Mobile: ?0",
    'Sec-Ch-Ua-Platform: "Linux"',
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: none",
)
INGRESS_HOST: Final = "ak-outpost-authentik-embedded-outpost.authentik.svc.cluster.local"
NGINX: Final = "/outpost.goauthentik.io/auth/nginx"


def check(url: str, cookie: str, *, keep: bool, path: str = NGINX, host: str = INGRESS_HOST) -> bytes:
    """The question that ingress-nginx asks about ``url``, kept alive or with a connection of its own."""
    return _head(
        path,
        host,
        (
            f"X-Original-URL: {url}",
            "X-Original-Method: GET",
            f"X-Forwarded-Host: {url.split('/')[2]}",
            "X-Request-ID: 0f5e4c1b7a2d4e6f8091a2b3c4d5e6f7",
            "X-Real-IP: 203.0.113.7",
            "X-Forwarded-For: 203.0.113.7",
            f"X-Auth-Request-Redirect: /{url.split('/', 3)[3]}",
        ),
        cookie,
        keep=keep,
    )


def forwarded(url: str, cookie: str, *, keep: bool, path: str = "/ostiary/auth/traefik") -> bytes:
    """The question that Traefik's ForwardAuth asks."""
    scheme, _, host, target = url.split("/", 3)
    return _head(
        path,
        "ostiary.example:9000",
        (
            "X-Forwarded-For: 203.0.113.7",
            f"X-Forwarded-Host: {host}",
            "X-Forwarded-Method: GET",
            "X-Forwarded-Port: 443",
            f"X-Forwarded-Proto: {scheme.removesuffix(':')}",
            "X-Forwarded-Server: traefik-5d7f9c4b6d-x2x7q",
            f"X-Forwarded-Uri: /{target}",
            "X-Real-Ip: 203.0.113.7",
        ),
        cookie,
        keep=keep,
    )


def envoy(url: str, cookie: str, *, keep: bool, path: str = "/ostiary/auth/envoy") -> bytes:
    """The question that Envoy's ext_authz asks over HTTP."""
    scheme, _, host, target = url.split("/", 3)
    return _head(
        f"{path}/{target}",
        host,
        (
            "content-length: 0",
            "x-forwarded-for: 203.0.113.7",
            f"x-forwarded-proto: {scheme.removesuffix(':')}",
            "x-request-id: 0f5e4c1b-7a2d-4e6f-8091-a2b3c4d5e6f7",
            "x-envoy-internal: true",
            "x-envoy-expected-rq-timeout-ms: 200",
        ),
        cookie,
        keep=keep,
    )


FAMILIES: Final[Mapping[str, Callable[..., bytes]]] = MappingProxyType(
    {"nginx": check, "forwarded": forwarded, "envoy": envoy}
)


def page(url: str, cookie: str) -> bytes:
    """What the browser asks a proxy, kept alive, as a balancer in front that ends TLS passes it on."""
    scheme, _, host, target = url.split("/", 3)
    return _head(f"/{target}", host, (f"X-Forwarded-Proto: {scheme.removesuffix(':')}",), cookie, keep=True)


def _head(path: str, host: str, lines: Sequence[str], cookie: str, *, keep: bool) -> bytes:
    whole = [f"GET {path} HTTP/{'1.1' if keep else '1.0'}", f"Host: {host}", *lines]
    if not keep:
        whole.append("Connection: close")
    whole += _BROWSER
    if cookie:
        whole.append(f"Cookie: {cookie}")
    return ("\r\n".join(whole) + "\r\n\r\n").encode()
