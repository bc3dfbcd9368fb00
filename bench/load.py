"""A load generator on raw sockets. It measures nothing itself: what it costs falls on no server."""

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

CONNECTIONS = 8
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def ask(address: tuple[str, int], requests: Sequence[bytes], count: int, status: int, *, keep: bool) -> None:
    """Sends ``count`` requests, in turn from ``requests``, and holds the status of every answer against ``status``."""
    turn = _turn(requests)
    wanted = str(status).encode()
    if keep:
        _kept(address, turn, count, wanted)
    else:
        _each(address, turn, count, wanted)


def once(address: tuple[str, int], request: bytes) -> bytes:
    """The whole answer to one request."""
    with connect(address) as connection:
        connection.sendall(request)
        return _read(connection)


def _turn(requests: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests


def _kept(address: tuple[str, int], turn: Iterator[bytes], count: int, wanted: bytes) -> None:
    with _connected(address) as connections:
        for _ in range(-(-count // CONNECTIONS)):
            for connection in connections:
                connection.sendall(next(turn))
            for connection in connections:
                hold(_read(connection), wanted)


def _each(address: tuple[str, int], turn: Iterator[bytes], count: int, wanted: bytes) -> None:
    for _ in range(-(-count // CONNECTIONS)):
        with _connected(address) as connections:
            for connection in connections:
                connection.sendall(next(turn))
            for connection in connections:
                answer = b""
                while part := connection.recv(8192):
                    answer += part
                hold(answer, wanted)


def _read(connection: socket.socket) -> bytes:
    answer = b""
    while not is_whole(answer):
        more = connection.recv(8192)
        if not more:
            raise RuntimeError(f"the server closed a connection after {answer!r}")
        answer += more
    return answer


def is_whole(answer: bytes) -> bool:
    """Whether this is a whole answer, of a known length or in chunks."""
    end = answer.find(b"\r\n\r\n") + 4
    if end == 3:
        return False
    if end == len(answer) and answer.startswith(b"Content-Length: 0\r\n", answer.find(b"\r\n") + 2):
        return True
    found = _LENGTH.search(answer, 0, end)
    if found is not None:
        return len(answer) >= end + int(found[1])
    return b"chunked" not in answer[:end] or answer.endswith(b"0\r\n\r\n")


@contextmanager
def _connected(address: tuple[str, int]) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(connect(address)) for _ in range(CONNECTIONS)]


def connect(address: tuple[str, int]) -> socket.socket:
    connection = socket.create_connection(address, timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def hold(answer: bytes, wanted: bytes) -> None:
    if answer[9:12] != wanted:
        raise RuntimeError(f"expected {wanted.decode()}, got {answer[:300]!r}")
