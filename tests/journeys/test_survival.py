"""The real server when something breaks under it: nobody gets in who should not, and it comes back by itself."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.installation import Browser, Installation, Server
from bench.questions import check
from bench.revocation import signed_in
from bench.signins import sign_in
from bench.tree import tree
from ostiary.parts import build
from tests.databases import start_cluster, stop_cluster

pytestmark = [pytest.mark.slow, pytest.mark.journey]


def status(server: Server, question: bytes) -> int:
    """The status of one answer, on a connection of its own; 0 if the connection broke."""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        with socket.create_connection(server.address, timeout=30) as line:
            line.sendall(question)
            answer = b""
            while part := line.recv(8192):
                answer += part
        if answer:
            return int(answer[9:12])
    return 0


def until(condition: Callable[[], bool]) -> None:
    """Asks again and again; the test's own time limit ends a wait that never does."""
    while not condition():
        threading.Event().wait(0.02)


class Visitors:
    """Somebody signed in, and a stranger who knows the address."""

    def __init__(self, browser: Browser) -> None:
        self.known = check(browser.url, browser.cookie, keep=False)
        self.stranger = check(browser.url, "", keep=False)


def installed(directory: Path) -> tuple[Installation, Visitors]:
    installation = Installation(directory / "data")
    (browser,) = installation.fill(applications=1, people=3, signed_in=1)
    installation.give_password(3)
    return installation, Visitors(browser)


@contextlib.contextmanager
def served(installation: Installation, workers: int = 1, *around: str) -> Iterator[Server]:
    with Server(installation, workers, around) as server:
        server.wait_until_ready()
        yield server


def test_a_killed_worker_opens_nothing_and_is_replaced(tmp_path: Path) -> None:
    installation, visitors = installed(tmp_path)
    with served(installation, 2) as server:
        seen: dict[str, list[int]] = {"known": [], "stranger": []}
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                seen["known"].append(status(server, visitors.known))
                seen["stranger"].append(status(server, visitors.stranger))

        asking = [threading.Thread(target=ask) for _ in range(2)]
        for thread in asking:
            thread.start()
        until(lambda: len(seen["stranger"]) > 50)
        os.kill(server.worker_pids()[0], signal.SIGKILL)
        server.events("worker_ended", 1)
        server.events("worker_ready", 3)
        after = len(seen["stranger"]) + 50
        until(lambda: len(seen["stranger"]) > after)
        done.set()
        for thread in asking:
            thread.join()
        # What the killed worker was about to answer is lost (0); nothing is answered wrongly.
        assert set(seen["known"]) <= {200, 0}
        assert set(seen["stranger"]) <= {401, 0}
        assert set(seen["known"][-20:]) == {200}


FULL = (
    'mkdir "$0.full" && mount -t tmpfs -o size=16m none "$0.full" && cp -a "$0/." "$0.full" '
    '&& mount --bind "$0.full" "$0" && exec "$@"'
)


def test_with_a_full_disk_nobody_signs_in_and_nobody_else_notices(tmp_path: Path) -> None:
    installation, visitors = installed(tmp_path)
    around = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", FULL, str(installation.directory))
    with served(installation, 1, *around) as server:
        assert status(server, visitors.known) == 200
        sign_in(server.address, "person-0")
        filler = Path(f"/proc/{server.pid}/root{installation.directory}/filler")
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while file.write(b"x" * 4096):
                pass
        # What still fits into the log is written; then nothing is.
        with pytest.raises(RuntimeError, match=r"(?s)no sign-in: 503 .*disk is full"):
            for _ in range(100):
                sign_in(server.address, "person-1")
        for _ in range(20):
            assert status(server, visitors.known) == 200
            assert status(server, visitors.stranger) == 401
        assert status(server, b"GET /-/health/live/ HTTP/1.0\r\n\r\n") == 200
        filler.unlink()
        sign_in(server.address, "person-2")
        assert status(server, visitors.known) == 200


def test_a_database_that_is_gone_lets_nobody_in(tmp_path: Path) -> None:
    installation, visitors = installed(tmp_path)
    away = installation.file.with_name("away")
    with served(installation) as server:
        assert status(server, visitors.known) == 200
        installation.file.rename(away)
        until(lambda: status(server, visitors.known) == 503)
        for _ in range(20):
            assert status(server, visitors.known) == 503
            assert status(server, visitors.stranger) == 503
        away.rename(installation.file)
        until(lambda: status(server, visitors.known) == 200)
        assert status(server, visitors.stranger) == 401


def test_a_frozen_and_a_killed_postgresql_let_nobody_in(tmp_path: Path) -> None:
    cluster = start_cluster()
    try:
        installation = Installation(tmp_path / "data", cluster.url())

        async def prepare() -> Browser:
            parts = await build(installation.settings)
            try:
                return (await signed_in(parts, 1))[0]
            finally:
                await parts.close()

        visitors = Visitors(asyncio.run(prepare()))
        with served(installation, 2) as server:
            assert status(server, visitors.known) == 200
            assert status(server, visitors.stranger) == 401
            postmaster = int(Path(cluster.directory, "data", "postmaster.pid").read_text().split()[0])
            for pid in [postmaster, *tree(postmaster)]:
                os.kill(pid, signal.SIGSTOP)
            try:
                # Each worker believes what it knows until its own last poll is 800 ms old, then neither does again.
                until(lambda: all(status(server, visitors.known) == 503 for _ in range(10)))
                for _ in range(10):
                    assert status(server, visitors.known) == 503
                    assert status(server, visitors.stranger) != 200
            finally:
                for pid in [postmaster, *tree(postmaster)]:
                    os.kill(pid, signal.SIGCONT)
            until(lambda: status(server, visitors.known) == 200)
            os.kill(postmaster, signal.SIGQUIT)
            until(lambda: all(status(server, visitors.known) == 503 for _ in range(10)))
            assert status(server, visitors.stranger) != 200
    finally:
        with contextlib.suppress(RuntimeError):
            stop_cluster(cluster)
