"""A peer as a process, and a browser just large enough to sign in to it."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urljoin, urlsplit

Address = tuple[str, int]
# The application that everybody guards, and where everybody's own pages are.
APPLICATION = "https://app0.bench.example/reports/2026/overview"
PAGES = "auth.bench.example"
PERSON, PASSWORD, EMAIL = "person-0", "a door that knows me", "person-0@bench.example"
_LONGEST = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path], port: int, directory: Path, environ: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Its process id, once it listens."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=directory, env={**os.environ, **(environ or {})}, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + _LONGEST
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                break
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{Path(command[0]).name} does not listen: {log.read_text()[-1000:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Visitor:
    """Keeps every cookie and shows it everywhere; ``hosts`` says where each host is reached on this machine."""

    hosts: Mapping[str, Address]
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, url: str, body: str = "", kind: str = "", lines: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Status, absolute location or "", and the body."""
        parts = urlsplit(url)
        host = parts.netloc
        connection = HTTPConnection(*self.hosts[host], timeout=30)
        headers = {"Host": host, "X-Forwarded-Proto": parts.scheme, "X-Forwarded-Host": host, **(lines or {})}
        if self.cookies:
            headers["Cookie"] = self.cookie("")
        if kind:
            headers["Content-Type"] = kind
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(method, target or "/", body.encode() or None, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    cookie, _, content = value.partition(";")[0].partition("=")
                    if content:
                        self.cookies[cookie] = content
                    else:
                        self.cookies.pop(cookie, None)
        finally:
            connection.close()
        location = answer.getheader("Location") or ""
        return answer.status, urljoin(url, location) if location else "", text

    def walk(self, url: str) -> None:
        """Follows redirects until one leads to a host that is not known here: the application."""
        for _ in range(20):
            status, location, text = self.ask("GET", url)
            if not location:
                raise RuntimeError(f"{url} led nowhere: {status} {text[:300]}")
            if urlsplit(location).netloc not in self.hosts:
                return
            url = location
        raise RuntimeError(f"a loop of redirects at {url}")

    def cookie(self, prefix: str) -> str:
        """The Cookie header, of cookies whose name begins so."""
        found = "; ".join(f"{name}={value}" for name, value in self.cookies.items() if name.startswith(prefix))
        if not found:
            raise RuntimeError(f"no cookie {prefix}… among {sorted(self.cookies)}")
        return found
