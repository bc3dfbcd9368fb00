"""A load generator on raw sockets. It measures nothing itself: what it costs falls on no server."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

CONNECTIONS = 8
# What a proxy passes on in the question of a browser, besides what it adds itself.
BROWSER = (
    "Connection: close",
    "X-Request-ID: 0f5e4c1b7a2d4e6f8091a2b3c4d5e6f7",
    "X-Real-IP: 203.0.113.7",
    "X-Forwarded-For: 203.0.113.7",
    "X-Auth-Request-Redirect: /reports/2026/overview",
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


def check(url: str, cookie: str, *, keep: bool) -> bytes:
    """The question that ingress-nginx asks about ``url``, kept alive or with a connection of its own."""
    host = url.split("/")[2]
    lines = [
        f"GET /outpost.goauthentik.io/auth/nginx HTTP/{'1.1' if keep else '1.0'}",
        "Host: ak-outpost-authentik-embedded-outpost.authentik.svc.cluster.local",
        f"X-Original-URL: {url}",
        "X-Original-Method: GET",
        f"X-Forwarded-Host: {host}",
        *(line for line in BROWSER if not (keep and line.startswith("Connection"))),
        *([f"Cookie: {cookie}"] if cookie else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def ask(address: tuple[str, int], requests: Sequence[bytes], count: int, status: int, *, keep: bool) -> None:
    """Sends ``count`` requests, in turn from ``requests``, and holds the status of every answer against ``status``."""
    turn = _turn(requests)
    wanted = str(status).encode()
    if keep:
        _kept(address, turn, count, wanted)
    else:
        _each(address, turn, count, wanted)


def _turn(requests: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests


def _kept(address: tuple[str, int], turn: Iterator[bytes], count: int, wanted: bytes) -> None:
    with _connected(address) as connections:
        for _ in range(-(-count // CONNECTIONS)):
            for connection in connections:
                connection.sendall(next(turn))
            for connection in connections:
                answer = connection.recv(8192)
                while not answer.endswith(b"\r\n\r\n"):
                    more = connection.recv(8192)
                    if not more:
                        raise RuntimeError(f"the server closed a connection after {answer!r}")
                    answer += more
                _hold(answer, wanted)


def _each(address: tuple[str, int], turn: Iterator[bytes], count: int, wanted: bytes) -> None:
    for _ in range(-(-count // CONNECTIONS)):
        with _connected(address) as connections:
            for connection in connections:
                connection.sendall(next(turn))
            for connection in connections:
                answer = b""
                while part := connection.recv(8192):
                    answer += part
                _hold(answer, wanted)


@contextmanager
def _connected(address: tuple[str, int]) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(_connect(address)) for _ in range(CONNECTIONS)]


def _connect(address: tuple[str, int]) -> socket.socket:
    connection = socket.create_connection(address, timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _hold(answer: bytes, wanted: bytes) -> None:
    if answer[9:12] != wanted:
        raise RuntimeError(f"expected {wanted.decode()}, got {answer[:300]!r}")
