"""A stand: one real proxy as its documentation sets it up, in front of applications, with Ostiary as its check."""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.proxies.echo import Arrived, Asgi, Echo, Wsgi
from tests.proxies.installation import ANNA, AUTH, Installation
from tests.proxies.line import Line, Lines
from tests.rig.agent import NAVIGATION, Agent
from tests.rig.client import Reply, ask
from tests.rig.processes import Processes, free_port

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Place:
    """Where a proxy is to run, and what stands around it. ``applications`` gives an address per name; what is entered
    into ``stack`` ends with the proxy."""

    folder: Path
    processes: Processes
    port: int
    ostiary: str
    grpc: str
    domain: str
    applications: Mapping[str, str]
    stack: ExitStack

    def example(self, file: str, application: str = "hello") -> str:
        """A file of ``examples/`` with the names and the addresses of this place; nothing else is changed."""
        text = (EXAMPLES / file).read_text()
        for was, becomes in (
            ("auth.example.com", AUTH),
            ("hello", application),
            ("example.com", self.domain),
            ("127.0.0.1:9000", self.ostiary),
            ("127.0.0.1:8000", self.applications[application]),
        ):
            text = text.replace(was, becomes)
        return text


@dataclass(frozen=True)
class Stand:
    """One proxy. ``start`` writes its configuration into a place and starts a process named ``proxy`` there.

    ``kind`` is what Ostiary's settings call it. ``limit`` is how long its configuration lets a check take, in seconds;
    None if it does not say. ``tells``: applications behind it learn who is there. ``paths``: the check
    learns which path is asked for; where it does not, hosts with several applications are shut.
    """

    name: str
    title: str
    kind: str
    handoff: Literal["in_place", "callback"]
    start: Callable[[Place], None]
    limit: float | None = None
    tells: bool = True
    paths: bool = True

    @property
    def domain(self) -> str:
        """Every stand has a domain of its own, so that one Ostiary serves them all."""
        return f"{self.name}.test"

    def __str__(self) -> str:
        return self.name


@dataclass
class Standing:
    """A stand that runs. ``applications`` are those behind it, by name; the visitor's way in is ``address``."""

    stand: Stand
    installation: Installation
    processes: Processes
    line: Lines
    port: int
    applications: Mapping[str, Echo]
    _signed_in: dict[str, Agent] = field(default_factory=dict)

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def host(self, name: str) -> str:
        return f"{name}.{self.stand.domain}"

    def url(self, name: str, target: str = "/") -> str:
        return f"http://{self.host(name)}{target}"

    def agent(self) -> Agent:
        """A fresh profile of the miniature browser."""
        return Agent({"http": self.port})

    def walk_in(
        self, name: str, person: tuple[str, str] = ANNA, target: str = "/", agent: Agent | None = None
    ) -> Agent:
        """Signs a person in on the way to an application; the profile, which has arrived."""
        agent = agent or self.agent()
        where, page = agent.follow(self.url(name, target))
        where, reply = agent.submit(where, page, uid_field=person[0], password=person[1])
        assert reply.status in (302, 303), (where, reply)
        where, reply = agent.follow(where)
        assert (where, reply.status) == (self.url(name, target), 200), (where, reply)
        return agent

    def cookie(self, name: str, person: tuple[str, str] = ANNA) -> tuple[str, str]:
        """The Cookie header with which a person enters an application; they sign in at the first call."""
        host = self.host(name)
        agent = self._signed_in.get(person[0])
        if agent is None:
            agent = self._signed_in[person[0]] = self.walk_in(name, person)
        elif not agent.cookies.get(host):
            _, reply = agent.follow(self.url(name))
            assert reply.status == 200, reply
        return "Cookie", "; ".join(f"{key}={value}" for key, value in agent.cookies[host].items())

    def ask(
        self, name: str, target: str | bytes = "/", *headers: tuple[str, str], method: str = "GET", body: bytes = b""
    ) -> Reply:
        """One raw request to an application's host."""
        return ask(self.address, target, self.host(name), *headers, method=method, body=body)

    def navigate(self, name: str, target: str | bytes = "/", *headers: tuple[str, str]) -> Reply:
        """The same, as a browser that opens a page."""
        return self.ask(name, target, *NAVIGATION, *headers)

    def forget(self) -> None:
        """Empties what the applications remember."""
        for application in self.applications.values():
            application.seen.clear()

    def arrived(self, name: str) -> list[Arrived]:
        """What reached an application since they last forgot."""
        return list(self.applications[name].seen)


APPLICATIONS: Mapping[str, Callable[[], Echo]] = {"hello": Wsgi, "wiki": Asgi, "vault": Wsgi, "docs": Asgi}
"""Everyone may enter the first two, the board the vault. In docs, /public is open to all and /admin to the board."""


@contextmanager
def standing(
    stand: Stand,
    installation: Installation,
    folder: Path,
    kinds: Mapping[str, Callable[[], Echo]] = APPLICATIONS,
    *,
    straight: bool = False,
) -> Iterator[Standing]:
    """Starts everything around a proxy and the proxy, and ends it again. ``kinds`` are the applications behind it.

    ``straight``: the proxy asks the installation without the line between them, which costs less.
    """
    with ExitStack() as stack:
        applications = {name: stack.enter_context(kind()) for name, kind in kinds.items()}
        ways = (installation.listens, installation.grpc)
        line, grpc = (stack.enter_context(Line(way, installation.peer(stand.name))) for way in ways)
        processes = stack.enter_context(Processes(folder))
        port = free_port()
        addresses = {name: application.address for name, application in applications.items()}
        ostiary = f"{installation.listens[0]}:{installation.listens[1]}" if straight else line.address
        stand.start(Place(folder, processes, port, ostiary, grpc.address, stand.domain, addresses, stack))
        processes.wait_for_port("proxy", ("127.0.0.1", port))
        # A proxy may listen before it has read where things are.
        until = time.monotonic() + 30
        while ask(("127.0.0.1", port), "/-/health/ready/", AUTH).status not in (200, 204):
            assert time.monotonic() < until, processes.log("proxy")
            time.sleep(0.1)
        yield Standing(stand, installation, processes, Lines((line, grpc)), port, applications)


def to_sign_in(reply: Reply) -> bool:
    """Whether an answer sends a browser to the sign-in page."""
    return reply.status == 302 and bool(re.match(rf"http://{AUTH}/ostiary/start\?", reply.get("Location") or ""))


def shown(reply: Reply) -> dict[str, object]:
    """What the application answered, taken apart."""
    facts: dict[str, object] = json.loads(reply.body)
    return facts
