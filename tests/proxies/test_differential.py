"""FA-32: what a proxy serves is what Ostiary judged, for a hundred thousand targets.

Ostiary's own protocol and responder answer here, told to remember for each question which host, path and query they
took it to be about. Every question is allowed, to whatever application the host belongs, so that all of them get
through that any reading lets through.
"""

import asyncio
import random
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httptools
import pytest
import uvicorn

from ostiary.forwardauth.grpc import GrpcFace
from ostiary.forwardauth.responder import Responder
from ostiary.kit.errors import InvalidInput
from ostiary.kit.urls import fold_host
from ostiary.web import protocol
from tests.clock import FakeClock
from tests.forwardauth.house import House
from tests.proxies.echo import Arrived
from tests.proxies.installation import Installation
from tests.proxies.stand import Stand, standing
from tests.proxies.stands import STANDS
from tests.rig.processes import Processes

TARGETS = 100_000
PIPELINE = 100
# Every proxy passes Cookie on to the check, and few everything else.
_CASE = re.compile(r"(?:^|; )case=(\d+)")
_PIECES = (
    *("/", "/", "/", "/", "a", "b", "x.y", "admin", "public", ".", "..", "...", "?", "?", "&", "=", ";", ":", "@", "!"),
    *(
        "$",
        "'",
        "(",
        ")",
        "*",
        "+",
        ",",
        "-",
        "_",
        "~",
        "%2f",
        "%2F",
        "%2e",
        "%2E%2e",
        "%5c",
        "%5C",
        "%00",
        "%25",
        "%252f",
    ),
    *("%20", "%3f", "%23", "%3b", "%0d%0a", "%41", "%7e", "%C3%A9", "%c0%ae", "%ff", "%", "%zz", "%u002f", "\\", "|"),
    *(
        "^",
        "`",
        '"',
        "<",
        ">",
        "{",
        "}",
        "[",
        "]",
        "é",
        "\xff",
        "//",
        "/./",
        "/../",
        "/.;/",
        "ostiary",
        "http://",
        "https:",
    ),
)
_RARE = (" ", "\t", "#", "\x00", "\x0b", "\x7f", "\r", "\n")


def targets(seed: int, count: int, hosts: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """(target, Host) pairs, the same ones for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        path = "".join(chance.choices(_PIECES, k=chance.randint(0, 9)))
        if chance.random() < 0.04:
            path += chance.choice(_RARE) + chance.choice(_PIECES)
        host = mine = hosts[0]
        draw = chance.random()
        if draw < 0.05:
            host = chance.choice((mine.upper(), f"{mine}.", f"{mine}:80", f"{mine}:8080", hosts[1], f"{hosts[1]}:80"))
        if draw > 0.95:
            authority = chance.choice((mine, hosts[1], mine.upper(), f"{mine}:80", f"x@{hosts[1]}", f"{mine}."))
            yield f"{chance.choice(('http', 'https', 'HTTP'))}://{authority}/{path}", host
        else:
            yield f"/{path}" if draw < 0.94 else path or "*", host


class Recorder(threading.Thread):
    """Ostiary's server with two applications; ``judged`` tells for each case which (host, target) it was about."""

    def __init__(self, url: str, stand: Stand) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._stand = stand
        self._ready = threading.Event()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._grpc = socket.socket()
        self._grpc.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        self.grpc: tuple[str, int] = self._grpc.getsockname()
        self.judged: dict[int, list[tuple[str, bytes | None]]] = {}
        self.cookie = ""

    def __enter__(self) -> Self:
        self.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self.join(20)
        self._socket.close()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        recorder = self

        class Remembering(Responder):
            def _reply(self, asked: Any, outcome: Any) -> bytes:
                found = _CASE.search(asked.cookies)
                if found:
                    recorder.judged.setdefault(int(found[1]), []).append((asked.host_key, asked.target))
                return super()._reply(asked, outcome)

        house = House(
            self._url, FakeClock(), proxies=(("127.0.0.0/8", self._stand.kind),), base_url="http://auth.corp.test"
        )
        house.responder.__class__ = Remembering
        # Told of every check, it answers none from memory.
        house.responder._trace = lambda **_: None
        login = await house.login(await house.person("ada"))
        cookies = []
        for name in ("wiki", "vault"):
            door = await house.application(f"http://{name}.{self._stand.domain}", handoff=self._stand.handoff)
            cookies.append(await door.session(login))
        self.cookie = "; ".join(cookies)

        async def nothing_else(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})

        shared = protocol.Door(responder=house.responder, ready=lambda: True)
        config = uvicorn.Config(
            nothing_else,
            http=shared.protocol,  # type: ignore[arg-type]
            lifespan="off",
            log_config=None,
            loop="asyncio",
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)
        face = GrpcFace(checks=house.responder)
        await face.start(self._grpc)
        self._ready.set()
        await self._server.serve([self._socket])
        await face.stop(0)
        await house.close()


class Served(threading.Thread):
    """An application that keeps request lines and hosts as they came; ``lines`` by case."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: list[Arrived] = []
        self.lines: dict[int, list[tuple[str, str]]] = {}
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self.join(10)

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(lambda: _Answering(self.lines), "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._over.wait()
        server.close()


class _Answering(asyncio.Protocol):
    def __init__(self, lines: dict[int, list[tuple[str, str]]]) -> None:
        self._lines = lines
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        for head in heads:
            first, *others = head.decode("latin-1").split("\r\n")
            values = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in others)}
            case = _CASE.search(values.get("cookie", ""))
            if case:
                target = first.partition(" ")[2].rpartition(" ")[0]
                self._lines.setdefault(int(case[1]), []).append((values.get("host", ""), target))
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


class _Answers:
    """Counts whole answers in a stream of bytes; ``last`` after one that ends the connection."""

    def __init__(self) -> None:
        self.count = 0
        self.last = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.count += 1
        self.last = self.last or not self._parser.should_keep_alive()


def _escaped(target: bytes) -> bytes:
    """DEL, which no address holds, and which HAProxy's own escaping writes as every server reads it."""
    return target.replace(b"\x7f", b"%7F")


def drive(address: tuple[str, int], requests: list[bytes]) -> None:
    """Sends all of them, many to a connection. Who ends one has refused the request that was not answered."""
    at = 0
    while at < len(requests):
        batch = requests[at : at + PIPELINE]
        answers = _Answers()
        with socket.create_connection(address, timeout=60) as wire:
            try:
                wire.sendall(b"".join(batch))
                while answers.count < len(batch) and not answers.last and (piece := wire.recv(262_144)):
                    answers.feed(piece)
            except (ConnectionError, httptools.HttpParserError):
                pass
        # The refusal itself may have been read or lost.
        at += max(answers.count, 1)


@pytest.mark.parametrize(
    "stand", [pytest.param(stand, id=stand.name, marks=pytest.mark.xdist_group(stand.name)) for stand in STANDS]
)
@pytest.mark.timeout(600)
def test_fa_32_what_is_served_is_what_was_judged(stand: Stand, sqlite_url: str, tmp_path: Path) -> None:
    count = -(-TARGETS // len(STANDS))
    hosts = (f"wiki.{stand.domain}", f"vault.{stand.domain}")
    kinds = dict.fromkeys(("hello", "wiki", "vault", "docs"), Served)
    with Recorder(sqlite_url, stand) as recorder, Processes(tmp_path) as processes:
        # An address of its own, beside those of the whole installation.
        around = Installation(tmp_path, {}, processes, recorder.address, recorder.grpc, {stand.name: "127.0.0.1"})
        with standing(stand, around, tmp_path, kinds, straight=True) as door:
            cases = list(targets(STANDS.index(stand), count, hosts))
            requests = [
                f"GET {target} HTTP/1.1\r\nHost: {host}\r\nCookie: {recorder.cookie}; case={number}\r\n\r\n".encode(
                    "latin-1"
                )
                for number, (target, host) in enumerate(cases)
            ]
            drive(door.address, requests)
            arrived = {name: door.applications[name].lines for name in ("wiki", "vault")}  # type: ignore[attr-defined]
    differing = []
    for name, lines in arrived.items():
        for number, several in lines.items():
            judged = recorder.judged.get(number, [])
            for host, target in several:
                try:
                    key = fold_host(host)
                except InvalidInput:
                    key = host
                # The host by which the proxy chose this application is the one that was judged.
                told = [
                    about
                    for about, path in judged
                    if path is None or _escaped(path) == _escaped(target.encode("latin-1"))
                ]
                if f"{name}.{stand.domain}" not in told or (key not in told):
                    differing.append((cases[number], name, host, target, judged))
    assert not differing, (len(differing), differing[:20])
    # Most of them did get through, so that there was something to compare.
    assert len(arrived["wiki"]) > count / 4
