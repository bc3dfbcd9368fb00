"""One raw HTTP request: bytes out, an answer in. Nothing is normalised, followed or remembered."""

import contextlib
import re
import socket
import ssl
from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """Status, headers in order with names in lower case, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name: str) -> str | None:
        """The header's only value, or None."""
        values = self.all(name)
        assert len(values) < 2, (name, values)
        return values[0] if values else None


def ask(
    address: tuple[str, int],
    target: str | bytes,
    host: str,
    *headers: tuple[str, str],
    method: str = "GET",
    body: bytes = b"",
    tls: ssl.SSLContext | None = None,
) -> Reply:
    """Sends one request on a connection of its own and reads until the server closes it."""
    path = target.encode("latin-1") if isinstance(target, str) else target
    lines = [f"Host: {host}", *(f"{name}: {value}" for name, value in headers), "Connection: close"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    head = method.encode() + b" " + path + b" HTTP/1.1\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n"
    return exchange(address, head + body, host if tls else "", tls)


def exchange(
    address: tuple[str, int],
    request: bytes,
    host: str = "",
    tls: ssl.SSLContext | None = None,
    timeout: float = 30,
    *,
    to_the_end: bool = False,
) -> Reply:
    """Sends these bytes on a connection of their own and reads an answer; the request has to say that it is the last.

    Interim answers (100) are left out. Status 0 means that the connection ended without an answer. ``to_the_end`` goes
    on until the server closes the connection, for what may be answered twice.
    """
    raw = b""
    with socket.create_connection(address, timeout=timeout) as plain:
        wire = tls.wrap_socket(plain, server_hostname=host.partition(":")[0]) if tls else plain
        # A server that has read enough answers and closes while we are still sending.
        with wire, contextlib.suppress(ConnectionError):
            try:
                wire.sendall(request)
            finally:
                while (to_the_end or not _whole(raw)) and (piece := wire.recv(65_536)):
                    raw += piece
    return reply(raw)


def _whole(raw: bytes) -> bool:
    """Whether these bytes are a whole last answer, by its length; an answer without one ends with the connection.

    Some servers close a connection a second after what they refused.
    """
    head, end, body = raw.partition(b"\r\n\r\n")
    lowered = head.lower() + b"\r\n"
    length = re.search(rb"\r\ncontent-length: *(\d+)\r\n", lowered)
    return bool(end and length and b"\r\nconnection: close\r\n" in lowered and len(body) >= int(length[1]))


def reply(raw: bytes) -> Reply:
    """A whole answer, taken apart."""
    top, _, rest = raw.partition(b"\r\n\r\n")
    first, *others = top.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1."):
        return Reply(0, (), raw)
    if first.split(" ")[1] == "100":
        return reply(rest)
    pairs = tuple((key.lower(), value.strip()) for key, _, value in (line.partition(":") for line in others))
    if ("transfer-encoding", "chunked") in pairs:
        pieces = []
        while (size := int(rest.partition(b"\r\n")[0] or b"0", 16)) > 0:
            rest = rest.partition(b"\r\n")[2]
            pieces.append(rest[:size])
            rest = rest[size + 2 :]
        rest = b"".join(pieces)
    return Reply(int(first.split(" ")[1]), pairs, rest)
