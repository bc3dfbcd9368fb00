"""A whole installation for one journey: Ostiary with two workers, its database, nginx, the cluster's names and three
applications, all on loopback."""

import json
import os
import re
import secrets
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.rig import manifest
from tests.rig.agent import Agent
from tests.rig.certificates import Certificate, issue
from tests.rig.ingress_nginx import Surroundings, render
from tests.rig.manifest import Backend
from tests.rig.names import ClusterNames
from tests.rig.nginx import Nginx, start
from tests.rig.processes import Processes, free_port
from tests.rig.stub_servers import Answer, StubServer

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
DOMAIN = "corp.test"
TITLES = {"hello": "Hello World", "wiki": "The Wiki", "vault": "The Vault"}

MANY_COMMANDS = """
import io, json, os, sys
from ostiary.cli.main import app
os.umask(0o077)
for arguments, typed in json.load(sys.stdin):
    sys.stdin = io.StringIO(typed)
    app(arguments, standalone_mode=False)
"""


@dataclass(frozen=True)
class Plan:
    """Which parts a house is built from."""

    nginx: Nginx
    database: Literal["sqlite", "postgresql"]
    scheme: Literal["http", "https"]
    handoff: Literal["callback", "in_place"]

    def __str__(self) -> str:
        return f"{self.nginx.name}-{self.database}-{self.scheme}-{self.handoff}"


@dataclass
class House:
    """A running installation, reached through nginx alone."""

    plan: Plan
    folder: Path
    processes: Processes
    environ: dict[str, str]
    ports: dict[str, int]
    recorder: StubServer
    certificate: Certificate | None

    def url(self, host: str, path: str = "/") -> str:
        """The address of a host's page, as a browser has it: no port."""
        return f"{self.plan.scheme}://{host}.{DOMAIN}{path}"

    def ostiary(self, *arguments: str, stdin: str = "") -> str:
        """Runs one command of the installation; its output. Fails the test with what it said."""
        return self._run([sys.executable, "-m", "ostiary", *arguments], stdin)

    def prepare(self, *commands: tuple[tuple[str, ...], str]) -> None:
        """Runs many commands, each with its input, in one process: most of a command's time is its start."""
        self._run([sys.executable, "-c", MANY_COMMANDS], json.dumps(commands))

    def _run(self, command: list[str], stdin: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environ, input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command[2:]}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def person(self, username: str, password: str, *options: str) -> tuple[tuple[str, ...], str]:
        """The command that makes a person who can sign in."""
        return ("user", "create", username, "--password", *options), password

    def app(self, name: str, *options: str) -> tuple[tuple[str, ...], str]:
        """The command that protects an application at its host, open to everyone unless the options say otherwise."""
        where = ("--host", self.url(name, ""), "--handoff", self.plan.handoff)
        return ("app", "add", name, *where, *(options or ("--everyone",))), ""

    def workers(self) -> list[int]:
        """The process ids of the workers, as the log names them."""
        return [int(pid) for pid in re.findall(r'"worker_ready", "worker": (\d+)', self.processes.log("ostiary"))]

    def agent(self) -> Agent:
        """A fresh profile of the miniature browser."""
        tls = ssl.create_default_context(cafile=self.certificate.authority) if self.certificate else None
        return Agent(self.ports, tls)


@contextmanager
def built(plan: Plan, folder: Path, database_url: str, **more: str) -> Iterator[House]:
    """Starts everything and ends everything. ``more`` are further settings, such as ``OSTIARY_LOG__LEVEL``."""
    # A loopback address of its own, so that the manifests' port 9000 is free whoever else runs tests here.
    address = f"127.{64 + secrets.randbelow(128)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
    ports = {"http": free_port(), "https": free_port()}
    with ExitStack() as stack:
        processes = stack.enter_context(Processes(folder))
        names = stack.enter_context(ClusterNames(address))
        # The wiki is an application that remembers the bytes that it was asked.
        recorder = stack.enter_context(StubServer(lambda _: Answer(200, [("Content-Type", "text/plain")], b"The Wiki")))
        certificate = issue(folder, DOMAIN) if plan.scheme == "https" else None
        environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("OSTIARY_", "AUTHENTIK_"))},
            "PYTHONPATH": str(ROOT),
            "OSTIARY_DATA_DIR": str(folder / "data"),
            "OSTIARY_DATABASE__URL": database_url,
            "OSTIARY_WEB__BASE_URL": f"{plan.scheme}://auth.{DOMAIN}",
            "OSTIARY_WEB__CONTACT": f"help@{DOMAIN}",
            "OSTIARY_LISTEN__HTTP": f"{address}:9000",
            "OSTIARY_LISTEN__METRICS": f"{address}:9300",
            "OSTIARY_LOG__LEVEL": "debug",
            "OSTIARY_LOG__FORMAT": "json",
            **more,
        }
        house = House(plan, folder, processes, environ, ports, recorder, certificate)
        processes.start("ostiary", [sys.executable, "-m", "ostiary", "serve", "--workers", "2"], environ)
        endpoints = {
            Backend("authentik", "ak-outpost-authentik-embedded-outpost", 9000): f"{address}:9000",
            Backend("ostiary", "ostiary", 9000): f"{address}:9000",
            Backend("wiki", "wiki", 80): recorder.address,
        }
        for name in ("hello", "vault"):
            port = free_port()
            sign_out = house.url("auth", "/ostiary/sign_out")
            program = EXAMPLES / "hello" / "hello.py"
            command: list[str | Path] = [sys.executable, program, "--listen", f"127.0.0.1:{port}"]
            processes.start(name, [*command, "--title", TITLES[name], "--sign-out", sign_out])
            endpoints[Backend(name, name, 80)] = f"127.0.0.1:{port}"
        around = Surroundings(
            listen_http=f"127.0.0.1:{ports['http']}",
            listen_https=f"127.0.0.1:{ports['https']}" if certificate else None,
            resolver=names.address,
            endpoints=endpoints,
            certificate=str(certificate.certificate) if certificate else "",
            certificate_key=str(certificate.key) if certificate else "",
            escape=plan.nginx.escape,
            http2=plan.nginx.http2,
        )
        start(plan.nginx, render(manifest.read(_manifests(plan)), around), folder / "nginx", processes)
        processes.wait_for_port("nginx", ("127.0.0.1", ports[plan.scheme]))
        _wait_until_ready(house)
        yield house


def _manifests(plan: Plan) -> str:
    """The examples as they stand, for each application, with nothing but the domain (and the scheme) changed."""
    example = "callback.yaml" if plan.handoff == "callback" else "in-place.yaml"
    one = (EXAMPLES / "ingress-nginx" / example).read_text()
    texts = [one.replace("hello", name) for name in TITLES]
    texts.append((EXAMPLES / "ingress-nginx" / "ostiary.yaml").read_text())
    text = "\n---\n".join(texts).replace("example.com", DOMAIN)
    if plan.scheme == "http":
        text = text.replace("auth-signin: https://", "auth-signin: http://").replace("tls:", "x-no-tls:")
    return text


def _wait_until_ready(house: House) -> None:
    """Through nginx, as a person would notice it."""
    agent = house.agent()
    until = time.monotonic() + 60
    while time.monotonic() < until and house.processes.alive("ostiary"):
        if agent.get(house.url("auth", "/-/health/ready/")).status in (200, 204):
            return
        time.sleep(0.1)
    raise AssertionError(f"Ostiary is not ready:\n{house.processes.log('ostiary')}")
