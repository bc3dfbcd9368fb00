"""Real databases for tests: SQLite files, and one PostgreSQL cluster for the whole run.

The cluster is shared by all test processes of a run. Each test gets a database of its own, copied from a template that
holds the migrated schema and the default flows.
"""

import asyncio
import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import text

from ostiary import schema
from ostiary.blueprints.first import make
from ostiary.kit.clock import SystemClock
from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database

T = TypeVar("T")

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
TEMPLATE = "ostiary_template"

# Nothing here must survive a power cut, and many small databases are made and dropped.
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300", "shared_buffers=64MB")


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL server on loopback."""

    directory: str
    port: int
    password: str

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_cluster(settings: tuple[str, ...] = _QUICK) -> Cluster:
    """Makes and starts a new, empty cluster. Raises RuntimeError that says what is missing."""
    if not (PROGRAMS / "postgres").exists():
        raise RuntimeError(
            f"PostgreSQL 15 is missing ({PROGRAMS}); ./scripts/test installs it (package postgresql-15)."
        )
    directory = Path(tempfile.mkdtemp(prefix="ostiary-pg-", dir="/tmp"))
    password = secrets.token_hex(16)
    secret = directory / "password"
    secret.write_text(password)
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (directory, secret):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    port = _free_port()
    cluster = Cluster(str(directory), port, password)
    access = ("--username=postgres", f"--pwfile={secret}", "--auth=password")
    _run(cluster, "initdb", *access, "--encoding=UTF8", "--locale=C", "--no-sync")
    options = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={directory}", *settings]
    command_line = " ".join(f"-c {option}" for option in options)
    _run(cluster, "pg_ctl", "start", "--wait", f"--log={directory}/log", "-o", command_line)
    return cluster


def stop_cluster(cluster: Cluster) -> None:
    """Stops the server at once and removes all that it wrote."""
    _run(cluster, "pg_ctl", "stop", "--mode=immediate")
    shutil.rmtree(cluster.directory)


def _run(cluster: Cluster, program: str, *arguments: str) -> None:
    # PostgreSQL refuses to run as root.
    owner: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(
        [str(PROGRAMS / program), f"--pgdata={cluster.directory}/data", *arguments],
        check=False,
        cwd=cluster.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
        stderr=subprocess.STDOUT if program != "pg_ctl" else subprocess.DEVNULL,
        text=True,
        **owner,
    )
    if done.returncode:
        log = Path(cluster.directory, "log")
        raise RuntimeError(f"{program} failed: {done.stdout or ''}{log.read_text()[-2000:] if log.exists() else ''}")


@contextmanager
def shared_cluster(meeting_place: Path) -> Iterator[Cluster]:
    """The cluster of this run: the first process starts it, the last one stops it."""
    state = meeting_place / "postgresql.json"
    with _locked(meeting_place):
        known: dict[str, Any] = json.loads(state.read_text()) if state.exists() else {"users": 0}
        if known["users"] == 0:
            cluster = start_cluster()
            try:
                in_own_loop(lambda: _execute(cluster.url(), f"CREATE DATABASE {TEMPLATE}"))
                prepare(cluster.url(TEMPLATE))
            except BaseException:
                stop_cluster(cluster)
                raise
        else:
            cluster = Cluster(**known["cluster"])
        state.write_text(json.dumps({"users": known["users"] + 1, "cluster": asdict(cluster)}))
    try:
        yield cluster
    finally:
        with _locked(meeting_place):
            users = json.loads(state.read_text())["users"] - 1
            state.write_text(json.dumps({"users": users, "cluster": asdict(cluster)}))
            if users == 0:
                stop_cluster(cluster)


@contextmanager
def _locked(meeting_place: Path) -> Iterator[None]:
    with (meeting_place / "postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def postgresql_database(cluster: Cluster) -> Iterator[str]:
    """The URL of a fresh database with the whole schema, dropped at the end whoever is still connected."""
    name = f"test_{secrets.token_hex(8)}"
    in_own_loop(lambda: _execute(cluster.url(), f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    try:
        yield cluster.url(name)
    finally:
        in_own_loop(lambda: _execute(cluster.url(), f"DROP DATABASE {name} WITH (FORCE)"))


def sqlite_template(directory: Path) -> Path:
    """A SQLite file with the whole schema, to be copied for each test."""
    template = directory / "template.sqlite3"
    prepare(f"sqlite:///{template}")
    in_own_loop(lambda: _checkpointed(f"sqlite:///{template}"))
    return template


async def _checkpointed(url: str) -> None:
    engine = open_engine(url)
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        await raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    await engine.dispose()


def prepare(url: str) -> None:
    """Brings an empty database to the present schema, triggers included."""
    if importlib.util.find_spec("ostiary.storage.migrate"):
        migrate = importlib.import_module("ostiary.storage.migrate").migrate
        result = in_thread(lambda: migrate(url))
        if asyncio.iscoroutine(result):
            in_own_loop(lambda: result)
        in_own_loop(lambda: _with_default_flows(url))
        return
    in_own_loop(lambda: _create_all(url))


async def _with_default_flows(url: str) -> None:
    """As after a first start, which would make them in a child process for every test."""
    database = Database(open_engine(url))
    await make(database, SystemClock())
    async with database.writing() as w:
        await w.execute(text("DELETE FROM events"))
        await w.execute(text("DELETE FROM blueprints"))
    await database.close()


async def _create_all(url: str) -> None:
    engine = open_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(schema.metadata.create_all)
    await engine.dispose()


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def in_thread(work: Callable[[], T]) -> T:
    """Runs it in a thread of its own, where no event loop of a test is in the way."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def in_own_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a coroutine to its end from synchronous code, whether or not this thread has a running loop."""
    return in_thread(lambda: asyncio.run(work()))
