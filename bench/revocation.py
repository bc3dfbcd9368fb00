"""How long a worker goes on allowing after a revocation has been committed."""

import asyncio
import re
import secrets as random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from sqlalchemy import text

from bench.installation import APP_SESSION, KEY, SESSION, Browser, Installation, Server, sign_in_rows
from bench.questions import check
from bench.report import Line, Report
from ostiary.events.record import COMMAND
from ostiary.parts import Parts, build
from ostiary.storage.secrets import Secrets

WORKERS = 4


def revocations(report: Report, directory: Path, kind: str, database: str, *, times: int) -> None:
    """``kind`` names the database; ``times`` people are signed in and lose it again, in two ways in turn."""
    installation = Installation(directory / f"revocation-{kind.lower()}", database)
    delays, stale = zip(*asyncio.run(_measure(installation, times)), strict=True)
    section, is_sqlite = f"revocation, {WORKERS} workers, {kind}", kind == "SQLite"
    report.add(Line(section, f"typical of {times}", median(delays) * 1000, "ms", promised=250))
    report.add(Line(section, f"worst of {times}", max(delays) * 1000, "ms", promised=1000))
    # On SQLite every check asks first, so not one may be allowed once the revocation is committed.
    promised = 0 if is_sqlite else None
    report.add(Line(section, "checks still allowed after the commit", sum(stale), "", promised=promised))


async def _measure(installation: Installation, times: int) -> list[tuple[float, int]]:
    parts = await build(installation.settings)
    try:
        browsers = await signed_in(parts, times)
        with installation.served(WORKERS) as server, _lines(server) as lines:
            return [await _revoke(parts, turn, browser, lines) for turn, browser in enumerate(browsers)]
    finally:
        await parts.close()


async def _revoke(parts: Parts, turn: int, browser: Browser, lines: list[socket.socket]) -> tuple[float, int]:
    question = check(browser.url, browser.cookie, keep=True)
    for line in lines:
        if _status(line, question) != "200":
            raise RuntimeError("somebody signed in was refused")
    if turn % 2:
        await parts.users.disable(browser.user_id, by=COMMAND)
    else:
        await parts.sessions.end(browser.session_id, by=COMMAND, reason="bench")
    committed = time.monotonic()
    waiting, stale = list(lines), 0
    while waiting:
        waiting = [line for line in waiting if _status(line, question) == "200"]
        stale += len(waiting)
    return time.monotonic() - committed, stale


async def signed_in(parts: Parts, count: int) -> list[Browser]:
    secrets = Secrets([KEY])
    await parts.applications.add_proxied(
        "bench", access="everyone", proxy={"external_host": "https://app.bench.example"}, by=COMMAND
    )
    browsers = []
    async with parts.database.writing() as w:
        row = (await w.execute(text("SELECT id, uuid FROM providers"))).one()
        provider = (row[0], row[1], "app.bench.example")
        for n in range(count):
            user = (
                await w.execute(
                    text(
                        "INSERT INTO users (uuid, username, name, email, is_active, type, path, attributes, created) "
                        "VALUES (:uuid, :name, '', '', true, 'internal', 'users', '{}', 1) RETURNING id"
                    ),
                    {"uuid": random.token_hex(16), "name": f"person-{n}"},
                )
            ).scalar_one()
            browser, values = sign_in_rows(secrets, provider, user, time.time_ns() // 1000)
            await w.execute(text(SESSION), values)
            await w.execute(text(APP_SESSION), values)
            browsers.append(browser)
    return browsers


@contextmanager
def _lines(server: Server) -> Iterator[list[socket.socket]]:
    """One connection to each worker."""
    with ExitStack() as kept:
        found: dict[int, socket.socket] = {}
        while len(found) < WORKERS:
            line = kept.enter_context(socket.create_connection(server.address, timeout=30))
            # Any answer shows that some worker has accepted it.
            _status(line, b"GET /-/health/live/ HTTP/1.1\r\nHost: bench\r\n\r\n")
            found.setdefault(_worker_behind(line, server.worker_pids()), line)
        yield list(found.values())


def _worker_behind(line: socket.socket, workers: list[int]) -> int:
    (_, server), (_, client) = line.getpeername(), line.getsockname()
    table = Path("/proc/net/tcp").read_text()
    (inode,) = re.findall(
        rf"^ *\d+: 0100007F:{server:04X} 0100007F:{client:04X} (?:\S+ +){{6}}(\d+)", table, re.MULTILINE
    )
    for pid in workers:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            if fd.is_symlink() and str(fd.readlink()) == f"socket:[{inode}]":
                return pid
    raise RuntimeError("no worker holds the connection")


def _status(line: socket.socket, question: bytes) -> str:
    line.sendall(question)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        part = line.recv(8192)
        if not part:
            raise RuntimeError("a worker closed its connection")
        answer += part
    return answer[9:12].decode()
