"""An authentication service and an application that answer as a test tells them, and remember what they were asked."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Seen:
    """One request as it arrived: header names in lower case, in order, doubled ones included."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        """The header's only value, or None; a doubled one is an error of the test."""
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) < 2, (name, values)
        return values[0] if values else None


@dataclass
class Answer:
    """A status, headers in order, and a body."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


class StubServer:
    """An HTTP server in a thread; ``answer`` may be replaced at any time. ``with`` it."""

    def __init__(self, answer: Callable[[Seen], Answer], host: str = "127.0.0.1", port: int = 0) -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        self.connections = 0
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                stub.connections += 1

            def handle_one_request(self) -> None:
                # http.server dispatches by method name; here every method is the same.
                self.raw_requestline = self.rfile.readline(65_537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                pairs = tuple((key.lower(), value) for key, value in self.headers.items())
                seen = Seen(self.command, self.path, pairs)
                stub.seen.append(seen)
                answer = stub.answer(seen)
                self.send_response_only(answer.status)
                for key, value in answer.headers:
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.address = f"{host}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()
