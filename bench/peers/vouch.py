"""vouch-proxy, which keeps its session as a signed token in the cookie."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from bench.peers.build import Program
from bench.peers.issuer import CLIENT, SECRET, issuer
from bench.peers.peer import Peer
from bench.peers.process import APPLICATION, PAGES, Visitor, free_port, running

PROGRAM = Program("vouch-proxy", "github.com/vouch/vouch-proxy", "v0.45.1")


@contextmanager
def run(binary: Path, directory: Path) -> Iterator[Peer]:
    port = free_port()
    directory.mkdir(parents=True, exist_ok=True)
    with issuer() as provider:
        settings = {
            "vouch": {
                "logLevel": "error",
                "listen": "127.0.0.1",
                "port": port,
                "domains": ["bench.example"],
                "cookie": {"secure": False, "domain": "bench.example"},
                "jwt": {"secret": secrets.token_hex(32)},
                "session": {"key": secrets.token_hex(32)},
            },
            "oauth": {
                "provider": "oidc",
                "client_id": CLIENT,
                "client_secret": SECRET,
                "auth_url": f"{provider.url}/authorize",
                "token_url": f"{provider.url}/token",
                "user_info_url": f"{provider.url}/userinfo",
                "scopes": ["openid", "email", "profile"],
                "callback_url": f"https://{PAGES}/auth",
            },
        }
        (directory / "config.yml").write_text(yaml.safe_dump(settings))
        with running([binary, "-config", directory / "config.yml"], port, directory) as pid:
            visitor = Visitor({PAGES: ("127.0.0.1", port), provider.host: ("127.0.0.1", provider.server_port)})
            visitor.walk(f"https://{PAGES}/login?url={APPLICATION}")
            cookie = visitor.cookie("VouchCookie")
            # It asks its cookie's audience for the Host, which its documentation has nginx pass on.
            yield Peer(pid, ("127.0.0.1", port), cookie, "/validate", "app0.bench.example", forwarded="/validate")
