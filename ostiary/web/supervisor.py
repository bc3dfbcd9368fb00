"""The supervisor: holds the listening sockets and keeps the workers running behind them.

It is a process of its own, with one worker too, because a worker can then be replaced behind a socket that never
closes: a connection that arrives meanwhile waits in its queue. It imports only what the interpreter brings: 8 MB.

Signals: SIGTERM and SIGINT stop everything gracefully, SIGHUP replaces the workers by new ones that read the settings
and the code anew. The old ones leave when the new ones answer; if those cannot start, the old ones stay.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from ostiary.kit.errors import InvalidInput
from ostiary.web.scrape import Link, Scrapes

READY = b"ready"
# A worker that is replaced waits for the next request of each connection to say goodbye in its answer.
RETIRE = signal.SIGUSR2
_SLOWEST_RESTART = 30.0


@dataclass(frozen=True)
class Plan:
    """What is to run. ``http``, ``metrics`` and ``grpc`` are inherited listening sockets; a worker's command gets two
    descriptors more.
    """

    http: int
    metrics: int
    workers: int
    worker: list[str]
    stop_seconds: float = 30.0
    json_log: bool = False
    quiet: bool = False
    grpc: int | None = None


@dataclass(eq=False)
class Worker:
    """One worker process."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    link: Link
    ready: bool = False
    old: bool = False
    leaving: bool = False


@dataclass
class Supervisor:
    """The loop. All state changes happen in `run`."""

    plan: Plan
    workers: list[Worker] = field(default_factory=list)
    failures: int = 0
    was_ready: bool = False
    next_start: float = 0.0
    stop_by: float | None = None
    status: int = 0

    def __post_init__(self) -> None:
        self._http = socket.socket(fileno=self.plan.http)
        self._grpc = None if self.plan.grpc is None else socket.socket(fileno=self.plan.grpc)
        self._metrics = socket.socket(fileno=self.plan.metrics)
        self._scrapes = Scrapes(self._metrics)
        self._selector = selectors.DefaultSelector()
        woken, self._waker = socket.socketpair()
        woken.settimeout(0)
        self._waker.settimeout(0)
        signal.set_wakeup_fd(self._waker.fileno())
        self._selector.register(woken, selectors.EVENT_READ, woken)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)

    def run(self) -> int:
        """Until everything has stopped; returns the exit status."""
        grpc = {} if self._grpc is None else {"grpc": _address(self._grpc)}
        self._say("listening", http=_address(self._http), metrics=_address(self._metrics), **grpc)
        while self.workers or self.stop_by is None:
            self._start_missing()
            for key, _ in self._selector.select(self._patience()):
                if isinstance(key.data, Worker):
                    self._hear(key.data)
                else:
                    self._signals(key.data.recv(64))
            self._bury()
            if self.stop_by is not None and time.monotonic() > self.stop_by:
                for worker in self.workers:
                    worker.process.kill()
        self._say("stopped")
        return self.status

    def _patience(self) -> float | None:
        if self.stop_by is not None:
            return max(0.05, self.stop_by - time.monotonic())
        if self._missing() > 0:
            return max(0.0, self.next_start - time.monotonic())
        return None

    def _missing(self) -> int:
        if self.stop_by is not None:
            return 0
        return self.plan.workers - sum(not w.leaving and not w.old for w in self.workers)

    def _start_missing(self) -> None:
        if time.monotonic() >= self.next_start:
            for _ in range(self._missing()):
                self._start()

    def _start(self) -> None:
        control, worker_control = socket.socketpair()
        link, worker_link = socket.socketpair()
        grpc = () if self.plan.grpc is None else (self.plan.grpc,)
        fds = (self.plan.http, worker_control.fileno(), worker_link.fileno(), *grpc)
        with worker_control, worker_link:
            process = subprocess.Popen([*self.plan.worker, ",".join(map(str, fds))], pass_fds=fds)  # noqa: S603 - our own words
        control.settimeout(0)
        worker = Worker(process, control, Link(link))
        self.workers.append(worker)
        self._scrapes.add(worker.link)
        self._selector.register(control, selectors.EVENT_READ, worker)

    def _hear(self, worker: Worker) -> None:
        try:
            data = worker.control.recv(64)
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(worker.control)
        elif data == READY and not worker.ready:
            worker.ready = self.was_ready = True
            self.failures = 0
            self._say("worker_ready", worker=worker.process.pid)
            self._retire_surplus()

    def _retire_surplus(self) -> None:
        """One old worker leaves for each new one that answers."""
        serving = [w for w in self.workers if w.ready and not w.leaving]
        serving.sort(key=lambda w: not w.old)
        for worker in serving[: max(0, len(serving) - self.plan.workers)]:
            worker.leaving = True
            worker.process.send_signal(RETIRE)

    def _signals(self, numbers: bytes) -> None:
        for number in numbers:
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
            elif number == signal.SIGHUP and self.stop_by is None:
                self._say("workers_replaced", workers=self.plan.workers)
                for worker in self.workers:
                    if worker.ready:
                        worker.old = True
                self.next_start = 0.0

    def _stop(self, status: int = 0) -> None:
        if self.stop_by is not None:
            return
        self._say("stopping")
        self.status = status
        self.stop_by = time.monotonic() + self.plan.stop_seconds
        self._http.close()
        if self._grpc is not None:
            self._grpc.close()
        for worker in self.workers:
            worker.leaving = True
            worker.process.terminate()

    def _bury(self) -> None:
        for worker in [w for w in self.workers if w.process.poll() is not None]:
            self.workers.remove(worker)
            if worker.control in self._selector.get_map():
                self._selector.unregister(worker.control)
            worker.control.close()
            self._scrapes.remove(worker.link)
            if not worker.leaving:
                self._ended(worker)

    def _ended(self, worker: Worker) -> None:
        """A worker ended that should not have."""
        status = worker.process.returncode
        self._say("worker_ended", level="error", worker=worker.process.pid, status=status)
        if worker.ready:
            return
        if not self.was_ready:
            self._stop(status if status > 0 else 1)
            return
        if any(w.old for w in self.workers):
            # The new ones cannot start: the old ones stay.
            self._say("replacement_failed", level="error")
            for other in self.workers:
                other.old = False
                if not other.ready:
                    other.leaving = True
                    other.process.kill()
            self._retire_surplus()
        self.failures += 1
        self.next_start = time.monotonic() + min(_SLOWEST_RESTART, 0.5 * 2**self.failures)

    def _say(self, event: str, level: str = "info", **facts: Any) -> None:
        if self.plan.quiet and level == "info":
            return
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        if self.plan.json_log:
            line = json.dumps({"timestamp": now, "level": level, "event": event, **facts})
        else:
            line = " ".join((now, f"[{level}]", event, *(f"{name}={value}" for name, value in facts.items())))
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - structlog would cost half as much as all of this


def listen(host: str, port: int, field_: str) -> socket.socket:
    """A listening TCP socket. Raises `listen.refused` with the field and the system's reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it: an answer is one write, and must not wait for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise InvalidInput(
            "listen.refused",
            f"Cannot listen on {host}:{port}: {error.strerror}. Stop what listens there, or set another address.",
            field=field_,
        ) from error
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def replace_process(plan: Plan) -> None:
    """Becomes the supervisor, in the same process but without what this one has imported."""
    for fd in (plan.http, plan.metrics, *(() if plan.grpc is None else (plan.grpc,))):
        os.set_inheritable(fd, True)  # noqa: FBT003 - the function takes no keyword
    os.execv(sys.executable, [sys.executable, "-m", __name__, json.dumps(asdict(plan))])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    sys.exit(Supervisor(Plan(**json.loads(sys.argv[1]))).run())
