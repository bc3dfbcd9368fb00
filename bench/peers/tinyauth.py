"""tinyauth, with its sessions in memory: the cheaper of its stores."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers.build import Program
from bench.peers.peer import Peer
from bench.peers.process import PAGES, PASSWORD, PERSON, Visitor, free_port, running

# Its fifth release is no version that a go.mod can name, so only a source directory brings it.
PROGRAM = Program(
    "tinyauth",
    "github.com/tinyauthapp/tinyauth",
    "v5.1.3",
    package="cmd/tinyauth",
    wanted="v1.0.1-0.20260730163624-ad700e75e065",
    tags="nomsgpack",
    placeholder="internal/assets/dist/index.html",
)


@contextmanager
def run(binary: Path, directory: Path) -> Iterator[Peer]:
    port = free_port()
    create = [str(binary), "user", "create", "--username", PERSON, "--password", PASSWORD]
    made = subprocess.run(create, capture_output=True, text=True, check=True)
    found = re.search(rf"{PERSON}:\$2[aby]\$\S+", made.stdout + made.stderr)
    if found is None:
        raise RuntimeError("tinyauth made no hash of a password")
    environ = {
        "TINYAUTH_APPURL": f"https://{PAGES}",
        "TINYAUTH_SERVER_PORT": str(port),
        "TINYAUTH_SERVER_ADDRESS": "127.0.0.1",
        "TINYAUTH_DATABASE_DRIVER": "memory",
        "TINYAUTH_AUTH_USERS": found[0],
        "TINYAUTH_ANALYTICS_ENABLED": "false",
        "TINYAUTH_RESOURCES_ENABLED": "false",
        "TINYAUTH_LABELPROVIDER": "none",
        "TINYAUTH_LOG_LEVEL": "error",
        "TINYAUTH_LOG_STREAMS_HTTP_ENABLED": "false",
    }
    with running([binary], port, directory, environ) as pid:
        visitor = Visitor({PAGES: ("127.0.0.1", port)})
        body = json.dumps({"username": PERSON, "password": PASSWORD})
        status, _, text = visitor.ask("POST", f"https://{PAGES}/api/user/login", body, "application/json")
        if status != 200:
            raise RuntimeError(f"no sign-in: {status} {text[:300]}")
        cookie = visitor.cookie("tinyauth-session")
        yield Peer(
            pid,
            ("127.0.0.1", port),
            cookie,
            "/api/auth/nginx",
            PAGES,
            forwarded="/api/auth/traefik",
            envoy="/api/auth/envoy?path=",
        )
