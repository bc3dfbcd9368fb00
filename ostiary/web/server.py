"""One worker: an event loop that serves connections of the inherited socket until it is told to leave."""

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import uvicorn
import uvloop
from starlette.types import ASGIApp

from ostiary.web.gate import Limits
from ostiary.web.metrics import Metrics
from ostiary.web.protocol import Door, Responder
from ostiary.web.supervisor import READY, RETIRE

# How long a leaving worker waits for connections and pages before it cuts them off.
_GRACE_SECONDS = 20
# How long an idle connection of a replaced worker may still bring a request, which is then answered as the last.
_RETIRED_FAREWELL_SECONDS = 10


class Served(Protocol):
    """What a worker serves: the product, built."""

    @property
    def asgi(self) -> ASGIApp:
        """Pages and protocols."""

    @property
    def responder(self) -> Responder:
        """Checks."""

    @property
    def metrics(self) -> Metrics:
        """What is counted; the connections are added here."""

    @property
    def grpc(self) -> "Face | None":
        """What answers on a listening socket of its own, where there is one."""

    def ready(self) -> bool:
        """Whether the database answers, for the readiness probe; called often, so it must not wait."""

    async def run(self) -> None:
        """Everything that goes on beside requests. Cancelled when the worker leaves."""

    async def close(self) -> None:
        """After the last request."""


class Face(Protocol):
    """A server beside the one for HTTP."""

    async def start(self, listener: socket.socket) -> None:
        """Answers from now on."""

    async def stop(self, patience: float) -> None:
        """Takes no new connection, lets those that are there end by themselves for ``patience`` seconds, ends them."""


@dataclass(frozen=True)
class Inherited:
    """The file descriptors that the supervisor gives to a worker."""

    http: socket.socket
    control: socket.socket
    link: socket.socket
    grpc: socket.socket | None = None

    @classmethod
    def parse(cls, text: str) -> "Inherited":
        """From ``--worker 5,6,7`` or ``5,6,7,8``."""
        http, control, link, *grpc = (socket.socket(fileno=int(number)) for number in text.split(","))
        control.settimeout(0)
        link.settimeout(0)
        return cls(http, control, link, *grpc)


class _Server(uvicorn.Server):
    """uvicorn's server without its own signal handling."""

    async def serve_until(self, leave: asyncio.Event, listener: socket.socket, started: Callable[[], None]) -> None:
        config = self.config
        config.load()
        self.lifespan = config.lifespan_class(config)
        await self.startup(sockets=[listener])
        started()
        await self.on_tick(0)
        # Once a second, the date of answers is renewed.
        while not leave.is_set():
            try:
                await asyncio.wait_for(leave.wait(), 1)
            except TimeoutError:
                await self.on_tick(0)
        await self.shutdown(sockets=[listener])


@dataclass
class _Worker:
    served: Served
    inherited: Inherited
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    patience: float = 0

    def __post_init__(self) -> None:
        self.door = Door(self.served.responder, self.served.ready)
        config = uvicorn.Config(
            self.served.asgi,
            interface="asgi3",
            http=self.door.protocol,  # type: ignore[arg-type]  # it is called like a class
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Forwarded headers are read where the declared proxies are known, never here.
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self.server = _Server(config)
        self.connections: set[Any] = self.server.server_state.connections
        self.served.metrics.count_connections(self.door, self.connections)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGHUP):
            # Ctrl-C and a closed terminal reach the whole process group; the supervisor decides.
            signal.signal(number, signal.SIG_IGN)
        loop.add_signal_handler(signal.SIGTERM, self.leave.set)
        loop.add_signal_handler(RETIRE, self._retire)
        loop.add_reader(self.inherited.control, self._supervisor_gone)
        loop.add_reader(self.inherited.link, self._scraped)
        self._tick()
        beside = asyncio.ensure_future(self.served.run())
        beside.add_done_callback(lambda _: self.leave.set())
        face: asyncio.Future[None] | None = None
        try:
            if self.served.grpc is not None and self.inherited.grpc is not None:
                await self.served.grpc.start(self.inherited.grpc)
                face = asyncio.ensure_future(self._leave(self.served.grpc))
            await self.server.serve_until(self.leave, self.inherited.http, self._started)
        finally:
            self.leave.set()
            if face is not None:
                await face
            beside.cancel()
            results = await asyncio.gather(beside, return_exceptions=True)
            await self.served.close()
            self._send_numbers()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _leave(self, face: Face) -> None:
        await self.leave.wait()
        await face.stop(self.patience)

    def _started(self) -> None:
        # What exists now lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.enable()
        self.inherited.control.send(READY)

    def _tick(self) -> None:
        self.door.tick(self.connections)
        asyncio.get_running_loop().call_later(1, self._tick)

    def _retire(self) -> None:
        self.door.limits = Limits(farewell_seconds=_RETIRED_FAREWELL_SECONDS)
        self.patience = _GRACE_SECONDS
        self.leave.set()

    def _supervisor_gone(self) -> None:
        if not self.inherited.control.recv(64):
            asyncio.get_running_loop().remove_reader(self.inherited.control)
            self.leave.set()

    def _scraped(self) -> None:
        if self.inherited.link.recv(64):
            self._send_numbers()
        else:
            asyncio.get_running_loop().remove_reader(self.inherited.link)

    def _send_numbers(self) -> None:
        text = self.served.metrics.text().encode()
        self.inherited.link.settimeout(1)
        try:
            self.inherited.link.sendall(len(text).to_bytes(4, "big") + text)
        except OSError:
            # The supervisor is gone, or too busy to want numbers.
            return
        finally:
            self.inherited.link.settimeout(0)


def run_worker(build: Callable[[], Awaitable[Served]], inherited: Inherited) -> None:
    """Builds the product and serves it until the supervisor says to leave."""

    async def main() -> None:
        await _Worker(await build(), inherited).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
