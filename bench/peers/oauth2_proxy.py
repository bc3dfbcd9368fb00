"""oauth2-proxy, with its cookie store and without logs: the cheapest of its set-ups."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.peers.build import Program
from bench.peers.issuer import CLIENT, SECRET, issuer
from bench.peers.peer import Peer
from bench.peers.process import APPLICATION, PAGES, Visitor, free_port, running

PROGRAM = Program("oauth2-proxy", "github.com/oauth2-proxy/oauth2-proxy/v7", "v7.15.6")


@contextmanager
def run(binary: Path, directory: Path) -> Iterator[Peer]:
    port = free_port()
    with issuer() as provider:
        options = {
            "http-address": f"127.0.0.1:{port}",
            "provider": "oidc",
            "oidc-issuer-url": provider.url,
            "client-id": CLIENT,
            "client-secret": SECRET,
            "cookie-secret": secrets.token_hex(16),
            "cookie-domain": ".bench.example",
            "whitelist-domain": ".bench.example",
            "redirect-url": f"https://{PAGES}/oauth2/callback",
            "email-domain": "*",
            "reverse-proxy": "true",
            "trusted-proxy-ip": "127.0.0.0/8",
            "set-xauthrequest": "true",
            "skip-provider-button": "true",
            "upstream": "static://202",
            "request-logging": "false",
            "auth-logging": "false",
            "standard-logging": "false",
        }
        command = [str(binary), *(f"--{name}={value}" for name, value in options.items())]
        with running(command, port, directory) as pid:
            visitor = Visitor({PAGES: ("127.0.0.1", port), provider.host: ("127.0.0.1", provider.server_port)})
            visitor.walk(f"https://{PAGES}/oauth2/start?rd={APPLICATION}")
            cookie = visitor.cookie("_oauth2_proxy")
            yield Peer(pid, ("127.0.0.1", port), cookie, "/oauth2/auth", PAGES, accepted=202, forwarded="/oauth2/auth")
