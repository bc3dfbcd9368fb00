"""The Ostiary of all stands: one process, one SQLite file, an address per stand from which its checks come."""

import json
import os
import secrets
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.journeys.house import MANY_COMMANDS
from tests.rig.client import ask
from tests.rig.processes import Processes, free_port

ROOT = Path(__file__).parents[2]
AUTH = "auth.corp.test"
ANNA = ("anna", "a door that knows me")
BERT = ("bert", "another door entirely")
SECRET = "path-secret-of-these-tests-0123456789"


@dataclass
class Installation:
    """A running Ostiary. ``peers`` gives the address from which each stand's checks come."""

    folder: Path
    environ: dict[str, str]
    processes: Processes
    listens: tuple[str, int]
    grpc: tuple[str, int]
    peers: Mapping[str, str]

    def peer(self, stand: str) -> str:
        return self.peers[stand]

    def prepare(self, *commands: tuple[tuple[str, ...], str]) -> None:
        """Runs many commands, each with its input, in one process: most of a command's time is its start."""
        done = subprocess.run(
            [sys.executable, "-c", MANY_COMMANDS],
            cwd=self.folder,
            env=self.environ,
            input=json.dumps(commands),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"

    def rows(self, query: str, *values: object) -> list[tuple[str, ...]]:
        """Reads the database."""
        with closing(sqlite3.connect(self.folder / "ostiary.sqlite3", timeout=30)) as database:
            return database.execute(query, values).fetchall()

    def sql(self, statement: str, *values: object) -> None:
        """Changes rows as a hand with a database shell does; what decides access is told by the database's triggers."""
        with closing(sqlite3.connect(self.folder / "ostiary.sqlite3", timeout=30)) as database:
            database.execute("PRAGMA foreign_keys = ON")
            changed = database.execute(statement, values).rowcount
            database.commit()
        assert changed, statement


@contextmanager
def installed(
    folder: Path, peers: Sequence[tuple[str, str]], commands: Sequence[tuple[tuple[str, ...], str]], **more: str
) -> Iterator[Installation]:
    """Starts one. ``peers`` lists (stand, kind); ``commands`` are what to set up, each with its input."""
    street = f"127.{64 + secrets.randbelow(128)}.{secrets.randbelow(256)}"
    addresses = {name: f"{street}.{number}" for number, (name, _) in enumerate(peers, 2)}
    listens, grpc = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
    settings = folder / "ostiary.yaml"
    settings.write_text(
        yaml.safe_dump({"proxies": [{"cidr": f"{addresses[name]}/32", "kind": kind} for name, kind in peers]})
    )
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("OSTIARY_", "AUTHENTIK_"))},
        "PYTHONPATH": str(ROOT),
        "OSTIARY_CONFIG": str(settings),
        "OSTIARY_DATA_DIR": str(folder),
        "OSTIARY_DATABASE__URL": f"sqlite:///{folder}/ostiary.sqlite3",
        "OSTIARY_WEB__BASE_URL": f"http://{AUTH}",
        "OSTIARY_LISTEN__HTTP": f"{listens[0]}:{listens[1]}",
        "OSTIARY_LISTEN__GRPC": f"{grpc[0]}:{grpc[1]}",
        "OSTIARY_LISTEN__METRICS": f"127.0.0.1:{free_port()}",
        "OSTIARY_LOG__LEVEL": "debug",
        "OSTIARY_LOG__FORMAT": "json",
        **more,
    }
    with Processes(folder) as processes:
        found = Installation(folder, environ, processes, listens, grpc, addresses)
        found.prepare((("migrate",), ""), *commands)
        processes.start("ostiary", [sys.executable, "-m", "ostiary", "serve", "--workers", "1"], environ)
        processes.wait_for_port("ostiary", listens, 90)
        until = time.monotonic() + 60
        while ask(listens, "/-/health/ready/", AUTH).status not in (200, 204):
            assert time.monotonic() < until, processes.log("ostiary")
            time.sleep(0.1)
        yield found
