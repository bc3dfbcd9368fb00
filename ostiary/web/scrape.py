"""The metrics endpoint: asks every worker for its numbers and answers with their sum.

It runs in the supervisor and imports only what the interpreter brings. What a worker counted before it ended stays in
the sums of counters, so that they never run backwards while the service runs.
"""

import contextlib
import socket
import threading
import time

_PATIENCE = 2.0
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Numbers:
    """The samples of one worker in Prometheus' text format, and how to add them up."""

    def __init__(self) -> None:
        self._about: dict[str, list[str]] = {}
        self._samples: dict[str, dict[str, float]] = {}
        self._types: dict[str, str] = {}

    def add(self, text: str, *, only_lasting: bool = False) -> None:
        """Adds every sample of ``text``; ``only_lasting`` leaves out gauges, which end with their worker."""
        family = ""
        for line in text.splitlines():
            if line.startswith("#"):
                _, word, family, rest = (*line.split(" ", 3), "")[:4]
                if word == "TYPE":
                    self._types[family] = rest
                lines = self._about.setdefault(family, [])
                if line not in lines:
                    lines.append(line)
                self._samples.setdefault(family, {})
            elif line:
                name, _, value = line.rpartition(" ")
                if only_lasting and self._types.get(family) == "gauge":
                    continue
                samples = self._samples.setdefault(family, {})
                samples[name] = samples.get(name, 0.0) + float(value)

    def text(self) -> str:
        lines: list[str] = []
        for family, samples in self._samples.items():
            lines += self._about.get(family, [])
            lines += [f"{name} {value:.17g}" for name, value in samples.items()]
        return "\n".join(lines) + "\n"


class Link:
    """The socket to one worker: a byte asks, a frame answers. A frame is a length of four bytes and the text."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""
        self.last = ""

    def ask(self) -> str:
        """The worker's numbers; a worker that is too busy to answer counts as it did last time."""
        end = time.monotonic() + _PATIENCE
        with contextlib.suppress(OSError):
            self._connection.settimeout(_PATIENCE)
            self._connection.sendall(b"?")
            while not self._frames() and self._receive(end - time.monotonic()):
                pass
        return self.last

    def close(self) -> str:
        """What the worker said last, perhaps on leaving."""
        with contextlib.suppress(OSError):
            while self._receive(0):
                pass
        self._frames()
        self._connection.close()
        return self.last

    def _receive(self, seconds: float) -> bool:
        self._connection.settimeout(max(0, seconds))
        data = self._connection.recv(65536)
        self._received += data
        return bool(data)

    def _frames(self) -> bool:
        """Takes whole frames off what was received; an answer that came too late is overtaken by the next."""
        found = False
        while len(self._received) >= 4 and len(self._received) >= (
            end := 4 + int.from_bytes(self._received[:4], "big")
        ):
            self.last, self._received, found = self._received[4:end].decode(), self._received[end:], True
        return found


class Scrapes:
    """Answers scrapes one after the other in a thread of its own, so that a slow scraper delays only scrapers."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._links: list[Link] = []
        self._ended = Numbers()
        self._lock = threading.Lock()
        listener.settimeout(None)
        threading.Thread(target=self._run, name="metrics", daemon=True).start()

    def add(self, link: Link) -> None:
        with self._lock:
            self._links.append(link)

    def remove(self, link: Link) -> None:
        """Its worker is gone; what it counted still counts."""
        with self._lock:
            self._links.remove(link)
            self._ended.add(link.close(), only_lasting=True)

    def text(self) -> str:
        """The sum over all workers."""
        numbers = Numbers()
        with self._lock:
            numbers.add(self._ended.text())
            for link in self._links:
                numbers.add(link.ask())
        return numbers.text()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        end = time.monotonic() + _PATIENCE
        head = b""
        while b"\r\n\r\n" not in head and len(head) < 8192:
            connection.settimeout(max(0.01, end - time.monotonic()))
            data = connection.recv(8192)
            if not data:
                return
            head += data
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD") or path not in (b"/metrics", b"/metrics/"):
            status, body = "404 Not Found", b""
        else:
            status, body = "200 OK", self.text().encode()
        answer = f"HTTP/1.1 {status}\r\nContent-Type: {_CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n"
        connection.settimeout(_PATIENCE)
        connection.sendall((answer + "Connection: close\r\n\r\n").encode() + (b"" if method == b"HEAD" else body))
