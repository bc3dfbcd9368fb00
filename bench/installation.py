"""An installation to be measured: its database filled with rows, its server as a process."""

import asyncio
import json
import os
import re
import secrets as random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ostiary.schema  # noqa: F401 - the triggers below need every model
from ostiary.sessions.app_sessions import app_cookie
from ostiary.settings.load import load
from ostiary.settings.tree import Settings
from ostiary.storage.feed import triggers
from ostiary.storage.secrets import Secrets

ROOT = Path(__file__).parents[1]
KEY = random.token_hex(32)
PASSWORD = random.token_urlsafe(16)
DAY = 86_400 * 1_000_000


@dataclass(frozen=True)
class Browser:
    """Somebody signed in to one application."""

    session_id: str
    user_id: int
    url: str
    cookie: str


class Installation:
    """One data directory. ``database`` is another database's URL; the default is SQLite in the directory."""

    def __init__(self, directory: Path, database: str = "") -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        self.environ = {
            "OSTIARY_DATA_DIR": str(directory),
            "OSTIARY_SECRET_KEY": KEY,
            "OSTIARY_WEB__BASE_URL": "http://auth.localhost",
            "OSTIARY_BOOTSTRAP__PASSWORD": PASSWORD,
            "OSTIARY_LISTEN__HTTP": "127.0.0.1:0",
            "OSTIARY_LISTEN__METRICS": "127.0.0.1:0",
            "OSTIARY_LOG__FORMAT": "json",
            **({"OSTIARY_DATABASE__URL": database} if database else {}),
        }
        self.settings: Settings = load(None, self.environ).settings
        self.file = directory / "ostiary.sqlite3"
        asyncio.run(self._first_start())

    async def _first_start(self) -> None:
        from ostiary.parts import build

        parts = await build(self.settings)
        await parts.close()

    def fill(self, *, applications: int, people: int, signed_in: int) -> list[Browser]:
        """Rows straight into SQLite: so many applications, open to everyone; people, each with a login and an
        application session; and the first ``signed_in`` of those sessions again as cookies."""
        with closing(sqlite3.connect(self.file, isolation_level=None)) as c:
            # A million announcements would only be trimmed again; the server has not been started yet.
            laid = c.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for statement in ("PRAGMA synchronous=OFF", "BEGIN", *(f"DROP TRIGGER {name}" for (name,) in laid)):
                c.execute(statement)
            (now,) = c.execute("SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000000").fetchone()
            providers = list(_applications(c, applications, now))
            first = _people(c, people, now)
            browsers = [_sign_in(c, providers[n % applications], first + n % people, now) for n in range(signed_in)]
            rest = people - signed_in
            if rest > 0:
                _sessions(c, rest, first + signed_in, providers[0], now)
            for statement in (*triggers("sqlite"), "COMMIT", "ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"):
                c.execute(statement)
        return browsers

    def give_password(self, count: int) -> list[str]:
        """The first people beyond the administrator get the administrator's password; their names."""
        with closing(sqlite3.connect(self.file, isolation_level=None)) as c:
            c.execute(
                "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE username = 'akadmin') "
                "WHERE username GLOB 'person-*' AND id IN (SELECT id FROM users ORDER BY id LIMIT ?)",
                (count + 1,),
            )
            return [
                row[0] for row in c.execute("SELECT username FROM users WHERE id > 1 ORDER BY id LIMIT ?", (count,))
            ]

    @contextmanager
    def served(self, workers: int = 1) -> Iterator["Server"]:
        with Server(self, workers) as server:
            server.wait_until_ready()
            yield server


class Server:
    """A running `ostiary serve`; ``around`` is a command that runs another."""

    def __init__(self, installation: Installation, workers: int = 1, around: Sequence[str] = ()) -> None:
        self.workers = workers
        self._log = installation.directory / f"serve-{random.token_hex(4)}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*around, sys.executable, "-m", "ostiary", "serve", "--workers", str(workers)],
                env={**os.environ, "PYTHONPATH": str(ROOT), **installation.environ},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait(60)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.events("listening", 1)[0]["http"].rpartition(":")[2])

    def wait_until_ready(self) -> None:
        self.events("worker_ready", self.workers)

    def worker_pids(self) -> list[int]:
        return [int(event["worker"]) for event in self.events("worker_ready", self.workers)]

    def events(self, event: str, count: int) -> list[dict[str, Any]]:
        """At least so many lines of the log about one event; waits for them."""
        while True:
            text = self._log.read_text()
            found = [
                line for line in map(json.loads, re.findall(r"^\{.*\}$", text, re.MULTILINE)) if line["event"] == event
            ]
            if len(found) >= count:
                return found
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended:\n{text}")
            time.sleep(0.01)


def sign_in_rows(secrets: Secrets, provider: Sequence[Any], user_id: int, now: int) -> tuple[Browser, dict[str, Any]]:
    """A login and its application session, as values for the two inserts."""
    provider_id, uuid, host = provider
    cookie = app_cookie(uuid)
    value, secret = cookie.mint(secrets)
    session_id = random.token_hex(16)
    row = {
        "session": session_id,
        "login_hash": random.token_hex(32),
        "user": user_id,
        "now": now,
        "expires": now + 10 * DAY,
        "app_session": random.token_hex(16),
        "app_hash": secrets.hash("app-session", secret),
        "provider": provider_id,
        "host": host,
    }
    return Browser(
        session_id, user_id, f"https://{host}/reports/2026/overview", f"{cookie.name(secure=True)}={value}"
    ), row


SESSION = (
    "INSERT INTO sessions (id, token_hash, user_id, created, authenticated, method, last_used, expires, user_agent) "
    "VALUES (:session, :login_hash, :user, :now, :now, 'password', :now, :expires, '')"
)
APP_SESSION = (
    "INSERT INTO app_sessions (id, token_hash, session_id, provider_id, kind, host, created, expires) "
    "VALUES (:app_session, :app_hash, :session, :provider, 'app', :host, :now, :expires)"
)


def _applications(c: sqlite3.Connection, count: int, now: int) -> Iterator[tuple[int, str, str]]:
    for n in range(count):
        uuid, host = f"{n:08x}-0000-4000-8000-000000000000", f"app{n}.bench.example"
        provider = c.execute(
            "INSERT INTO providers (uuid, type, name, authorization_flow, invalidation_flow) VALUES (?, 'proxy', ?, "
            "'default-provider-authorization-implicit-consent', 'default-provider-invalidation-flow')",
            (uuid, f"Provider for app{n}"),
        ).lastrowid
        assert provider is not None
        c.execute(
            "INSERT INTO proxy_providers (id, mode, handoff, external_host, host_key, cookie_domain, session_seconds) "
            "VALUES (?, 'forward_single', 'callback', ?, ?, '', 86400)",
            (provider, f"https://{host}", host),
        )
        c.execute(
            'INSERT INTO applications (id, slug, name, "group", icon, launch_url, description, contact, enabled, '
            "access, policy_engine_mode, provider_id, created) "
            "VALUES (?, ?, ?, '', '', '', '', '', 1, 'everyone', 'any', ?, ?)",
            (f"a{n:031x}", f"app{n}", f"App {n}", provider, now),
        )
        yield provider, uuid, host


_COUNT = "WITH RECURSIVE count(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM count WHERE n + 1 < :count) "


def _people(c: sqlite3.Connection, count: int, now: int) -> int:
    (first,) = c.execute("SELECT max(id) + 1 FROM users").fetchone()
    c.execute(
        "INSERT INTO users (uuid, username, name, email, is_active, type, path, attributes, created) "
        + _COUNT
        + "SELECT printf('%08x-0000-4000-8000-000000000000', n), 'person-' || n, 'Person ' || n, "
        "'person-' || n || '@bench.example', 1, 'internal', 'users', '{}', :now FROM count",
        {"count": count, "now": now},
    )
    return int(first)


def _sign_in(c: sqlite3.Connection, provider: tuple[int, str, str], user_id: int, now: int) -> Browser:
    browser, row = sign_in_rows(Secrets([KEY]), provider, user_id, now)
    c.execute(SESSION, row)
    c.execute(APP_SESSION, row)
    return browser


def _sessions(c: sqlite3.Connection, count: int, first: int, provider: tuple[int, str, str], now: int) -> None:
    facts = {"count": count, "first": first, "now": now, "end": now + 10 * DAY, "provider": provider[0]}
    c.execute(
        "INSERT INTO sessions (id, token_hash, user_id, created, authenticated, method, last_used, expires, "
        "user_agent) "
        + _COUNT
        + "SELECT printf('s%031x', n), printf('%064x', n), :first + n, :now, :now, 'password', :now, :end, '' "
        "FROM count",
        facts,
    )
    c.execute(
        "INSERT INTO app_sessions (id, token_hash, session_id, provider_id, kind, host, created, expires) "
        + _COUNT
        + "SELECT printf('c%031x', n), printf('%064x', n), printf('s%031x', n), :provider, 'app', :host, :now, :end "
        "FROM count",
        {**facts, "host": provider[2]},
    )
