"""One raw HTTP request: bytes out, an answer in. Nothing is normalised, followed or remembered."""

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
    with socket.create_connection(address, timeout=30) as plain:
        wire = tls.wrap_socket(plain, server_hostname=host.partition(":")[0]) if tls else plain
        with wire:
            wire.sendall(head + body)
            raw = b""
            while piece := wire.recv(65_536):
                raw += piece
    top, _, rest = raw.partition(b"\r\n\r\n")
    first, *others = top.decode("latin-1").split("\r\n")
    pairs = tuple((key.lower(), value.strip()) for key, _, value in (line.partition(":") for line in others))
    return Reply(int(first.split(" ")[1]), pairs, rest)
