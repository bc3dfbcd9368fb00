"""The supervisor with real processes: started, killed, replaced and stopped under a stream of checks."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from http.client import HTTPConnection
from pathlib import Path

import grpc
import pytest
from envoy.service.auth.v3.attribute_context_pb2 import AttributeContext
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub

from ostiary.kit.errors import InvalidInput
from ostiary.web.supervisor import Plan, listen

ROOT = Path(__file__).parents[2]
CHECK = b"GET /check HTTP/1.1\r\nHost: auth.example\r\n\r\n"
GRPC_CHECK = CheckRequest()
GRPC_CHECK.attributes.request.http.CopyFrom(
    AttributeContext.HttpRequest(method="GET", path="/check", host="app.example", scheme="https")
)


class Service:
    """A supervisor and its stub workers."""

    def __init__(self, tmp_path: Path, workers: int, command: list[str] | None = None) -> None:
        self.broken = tmp_path / "broken"
        http, metrics, grpc = sockets = tuple(listen("127.0.0.1", 0, name) for name in ("http", "metrics", "grpc"))
        self.port, self.metrics_port, self.grpc_port = (listener.getsockname()[1] for listener in sockets)
        command = command or [sys.executable, "-m", "tests.web.stub_worker", str(self.broken)]
        plan = Plan(
            http.fileno(), metrics.fileno(), workers, command, json_log=True, stop_seconds=10, grpc=grpc.fileno()
        )
        # Appending: whoever reads moves the position that the processes would otherwise write at.
        self.log = (tmp_path / "log").open("a+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ostiary.web.supervisor", json.dumps(asdict(plan))],
            pass_fds=[listener.fileno() for listener in sockets],
            cwd=ROOT,
            stderr=self.log,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for listener in sockets:
            listener.close()

    def events(self, event: str) -> list[dict[str, object]]:
        lines = self.log_text().splitlines(keepends=True)
        return [found for line in lines if line.endswith("\n") and (found := json.loads(line))["event"] == event]

    def wait_for(self, event: str, count: int = 1) -> list[dict[str, object]]:
        until(lambda: len(self.events(event)) >= count or self.process.poll() is not None)
        found = self.events(event)
        assert len(found) >= count, self.log_text()
        return found

    def log_text(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in children.split()]

    def get(self, path: str, port: int | None = None) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", port or self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def checks_counted(self) -> int:
        _, text = self.get("/metrics", self.metrics_port)
        return int(re.findall(r'^ostiary_checks_total\{verdict="allow"\} (\d+)', text, re.MULTILINE)[0])

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(20)


def until(condition: Callable[[], bool]) -> None:
    """Ends when the condition holds; the test's own time limit ends a wait that never does."""
    while not condition():
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    services = []

    def begin(workers: int = 1, command: list[str] | None = None) -> Service:
        services.append(Service(tmp_path, workers, command))
        return services[-1]

    yield begin
    for service in services:
        if service.process.poll() is None:
            service.stop()
        service.log.close()


class Stream(threading.Thread):
    """Asks checks without a pause, kept alive or one connection each, and counts who answered."""

    def __init__(self, port: int, *, keep: bool) -> None:
        super().__init__()
        self.port, self.keep = port, keep
        self.workers: Counter[str] = Counter()
        self.errors: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        connection: socket.socket | None = None
        while not self.done.is_set():
            try:
                if connection is None:
                    connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
                connection.sendall(CHECK)
                answer = b""
                while not answer.endswith(b"\r\n\r\n"):
                    part = connection.recv(4096)
                    if not part:
                        raise EOFError(f"closed after {answer!r}")
                    answer += part
            except (OSError, EOFError) as error:
                self.errors.append(repr(error))
                return
            self.workers[answer.partition(b"X-Worker: ")[2].split(b"\r\n")[0].decode()] += 1
            if not self.keep or b"Connection: close" in answer:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def end(self) -> None:
        self.done.set()
        self.join()
        assert self.errors == []


class GrpcStream(Stream):
    """The same over gRPC, by a client that does not try again what failed."""

    def run(self) -> None:
        channel: grpc.Channel | None = None
        while not self.done.is_set():
            if channel is None:
                channel = grpc.insecure_channel(
                    f"127.0.0.1:{self.port}",
                    options=[("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1)],
                )
            try:
                response = AuthorizationStub(channel).Check(GRPC_CHECK, timeout=30)
            except grpc.RpcError as error:
                self.errors.append(repr(error))
                return
            worker = {option.header.key: option.header.value for option in response.ok_response.headers}["x-worker"]
            self.workers[worker] += 1
            if not self.keep:
                channel.close()
                channel = None
        if channel is not None:
            channel.close()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_sighup_replaces_every_worker_and_refuses_no_check(start: Callable[..., Service], workers: int) -> None:
    service = start(workers)
    service.wait_for("worker_ready", workers)
    before = set(service.workers())
    streams = [Stream(service.port, keep=keep) for keep in (True, False) * 2]
    streams += [GrpcStream(service.grpc_port, keep=keep) for keep in (True, False)]
    for stream in streams:
        stream.start()
    until(lambda: all(stream.workers or stream.errors for stream in streams))
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("worker_ready", 2 * workers)
    until(lambda: not before & set(service.workers()))
    for stream in streams:
        stream.end()
    after = {str(pid) for pid in service.workers()}
    assert len(after) == workers
    asked = sum(sum(stream.workers.values()) for stream in streams)
    assert {w for s in streams for w in s.workers} & {str(pid) for pid in before}
    assert {w for s in streams for w in s.workers} & after
    # What the replaced workers counted still counts.
    assert service.checks_counted() == asked
    assert service.stop() == 0


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_the_others_answer(start: Callable[..., Service]) -> None:
    service = start(2)
    service.wait_for("worker_ready", 2)
    killed = service.workers()[0]
    os.kill(killed, signal.SIGKILL)
    service.wait_for("worker_ended")
    for _ in range(20):
        assert service.get("/check")[0] == 200
    service.wait_for("worker_ready", 3)
    assert killed not in service.workers()
    assert len(service.workers()) == 2


@pytest.mark.slow
def test_workers_that_cannot_start_leave_the_old_ones_in_place(start: Callable[..., Service]) -> None:
    service = start(2)
    service.wait_for("worker_ready", 2)
    before = set(service.workers())
    service.broken.touch()
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("replacement_failed")
    until(lambda: set(service.workers()) == before)
    assert service.get("/check")[0] == 200
    service.broken.unlink()
    service.process.send_signal(signal.SIGHUP)
    service.wait_for("worker_ready", 4)
    until(lambda: len(service.workers()) == 2 and not before & set(service.workers()))


@pytest.mark.slow
def test_a_service_that_never_started_ends_with_its_workers_status(start: Callable[..., Service]) -> None:
    service = start(2, [sys.executable, "-c", "raise SystemExit(3)"])
    assert service.process.wait(20) == 3


@pytest.mark.slow
def test_sigterm_finishes_what_is_under_way(start: Callable[..., Service]) -> None:
    service = start(1)
    service.wait_for("worker_ready")
    answers: list[tuple[int, str]] = []
    page = threading.Thread(target=lambda: answers.append(service.get("/slow")))
    page.start()
    until(lambda: 'passed_on"} 1' in service.get("/metrics", service.metrics_port)[1])
    assert service.stop() == 0
    page.join()
    assert answers[0][0] == 200
    with pytest.raises(ConnectionRefusedError):
        service.get("/check")


@pytest.mark.slow
def test_workers_leave_when_the_supervisor_is_killed(start: Callable[..., Service]) -> None:
    service = start(2)
    service.wait_for("worker_ready", 2)
    workers = service.workers()
    service.process.kill()
    service.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


@pytest.mark.slow
def test_pages_see_the_peer_and_never_a_forwarded_header(start: Callable[..., Service]) -> None:
    service = start(1)
    service.wait_for("worker_ready")
    connection = HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("GET", "/page", headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    assert body.startswith("('127.0.0.1', 'http',")
    assert answer.getheader("server") is None


@pytest.mark.slow
def test_metrics_are_summed_over_workers_and_served_at_one_path(start: Callable[..., Service]) -> None:
    service = start(3)
    service.wait_for("worker_ready", 3)
    for _ in range(30):
        service.get("/check")
    status, text = service.get("/metrics", service.metrics_port)
    assert status == 200
    assert 'ostiary_checks_total{verdict="allow"} 30' in text
    assert "ostiary_workers 3" in text
    assert text.count("# TYPE ostiary_checks_total counter") == 1
    assert service.get("/", service.metrics_port)[0] == 404
    assert service.get("/metrics")[1].startswith("('127.0.0.1'")  # on the port of pages it is a page like any other


def test_an_address_in_use_is_named() -> None:
    with listen("127.0.0.1", 0, "listen.http") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput) as found:
            listen("127.0.0.1", port, "listen.http")
    assert (found.value.code, found.value.field) == ("listen.refused", "listen.http")
    assert f"127.0.0.1:{port}: Address already in use" in found.value.message
