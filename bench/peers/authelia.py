"""Authelia, with its users in a file and its sessions in memory: the cheaper of its stores."""

import json
import re
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from bench.peers.build import Program
from bench.peers.peer import Peer
from bench.peers.process import EMAIL, PAGES, PASSWORD, PERSON, Visitor, free_port, running

PROGRAM = Program("authelia", "github.com/authelia/authelia/v4", "v4.39.20", package="cmd/authelia")


@contextmanager
def run(binary: Path, directory: Path) -> Iterator[Peer]:
    port = free_port()
    directory.mkdir(parents=True, exist_ok=True)
    _write(binary, directory, port)
    with running([binary, "--config", directory / "configuration.yml"], port, directory) as pid:
        visitor = Visitor({PAGES: ("127.0.0.1", port)})
        body = json.dumps({"username": PERSON, "password": PASSWORD, "keepMeLoggedIn": False, "targetURL": ""})
        status, _, text = visitor.ask("POST", f"https://{PAGES}/api/firstfactor", body, "application/json")
        if status != 200 or '"OK"' not in text:
            raise RuntimeError(f"no sign-in: {status} {text[:300]}")
        yield Peer(
            pid,
            ("127.0.0.1", port),
            visitor.cookie("authelia_session"),
            "/api/authz/auth-request",
            PAGES,
            forwarded="/api/authz/forward-auth",
            envoy="/api/authz/ext-authz/",
        )


def _write(binary: Path, directory: Path, port: int) -> None:
    made = subprocess.run(
        [binary, "crypto", "hash", "generate", "argon2", "--password", PASSWORD],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.search(r"\$argon2\S+", made)
    if found is None:
        raise RuntimeError("authelia made no hash of a password")
    person = {"displayname": "Person 0", "password": found[0], "email": EMAIL, "groups": ["staff", "reports", "house"]}
    (directory / "users.yml").write_text(yaml.safe_dump({"users": {PERSON: person}}))
    settings = {
        "server": {"address": f"tcp://127.0.0.1:{port}"},
        "log": {"level": "error"},
        "authentication_backend": {"file": {"path": str(directory / "users.yml")}},
        "access_control": {
            "default_policy": "deny",
            "rules": [{"domain": "*.bench.example", "policy": "one_factor"}],
        },
        "session": {
            "secret": secrets.token_hex(32),
            "cookies": [{"domain": "bench.example", "authelia_url": f"https://{PAGES}", "expiration": "10h"}],
        },
        "storage": {
            "encryption_key": secrets.token_hex(32),
            "local": {"path": str(directory / "db.sqlite3")},
        },
        "notifier": {"filesystem": {"filename": str(directory / "notes.txt")}},
        "identity_validation": {"reset_password": {"jwt_secret": secrets.token_hex(32)}},
        "ntp": {"disable_startup_check": True},
    }
    (directory / "configuration.yml").write_text(yaml.safe_dump(settings))
