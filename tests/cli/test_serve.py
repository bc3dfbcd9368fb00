"""`ostiary serve` as people start it: a whole product in processes of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What loads on first use or in a child process, by the names it would have in sys.modules.
LAZY = (
    "fastapi",
    "ostiary.api.app",
    "ostiary.blueprints.apply",
    "ostiary.objects",
    "httpx2",
    "httpcore2",
    "lxml",
    "signxml",
    "webauthn",
    "lightkube",
    "grpc",
    "envoy",
    "alembic",
    "mako",
)
# Told when the interpreter starts, so that the test can ask a running worker what it has imported.
SPY = """
import signal, sys, pathlib
def tell(*_):
    pathlib.Path({file!r}).write_text("\\n".join(sorted(sys.modules)))
signal.signal(signal.SIGUSR1, tell)
"""


class Served:
    """A running `ostiary serve` on ports that the system chose."""

    def __init__(self, directory: Path, *options: str, **environ: str) -> None:
        self.modules = directory / "modules"
        (directory / "sitecustomize.py").write_text(SPY.format(file=str(self.modules)))
        self.log_file = directory / "serve.log"
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ostiary", "serve", *options],
                env={
                    **{name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")},
                    "PYTHONPATH": f"{directory}:{ROOT}",
                    "OSTIARY_DATA_DIR": str(directory / "data"),
                    "OSTIARY_LISTEN__HTTP": "127.0.0.1:0",
                    "OSTIARY_LISTEN__METRICS": "127.0.0.1:0",
                    "OSTIARY_WEB__BASE_URL": "http://auth.localhost",
                    "OSTIARY_LOG__FORMAT": "json",
                    **environ,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        return self.log_file.read_text()

    def wait_for(self, event: str, count: int = 1) -> list[dict[str, object]]:
        while True:
            lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
            found = [line for line in lines if line["event"] == event]
            if len(found) >= count:
                return found
            assert self.process.poll() is None, self.log()
            time.sleep(0.05)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in children.split()]

    def get(self, path: str, kind: str = "http", **headers: str) -> tuple[int, str]:
        (listening,) = self.wait_for("listening")
        connection = HTTPConnection("127.0.0.1", int(str(listening[kind]).rpartition(":")[2]), timeout=20)
        try:
            connection.request("GET", path, headers={"Host": "auth.localhost", **headers})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    running: list[Served] = []

    def begin(*options: str, **environ: str) -> Served:
        running.append(Served(tmp_path, *options, **environ))
        return running[-1]

    yield begin
    for one in running:
        one.process.terminate()
        one.process.wait(30)


@pytest.mark.slow
def test_an_idle_server_has_not_loaded_what_it_has_not_used(start: Callable[..., Served]) -> None:
    service = start()
    service.wait_for("worker_ready")
    assert service.get("/if/flow/default-authentication-flow/")[0] == 200
    (worker,) = service.workers()
    os.kill(worker, signal.SIGUSR1)
    while not service.modules.exists() or not service.modules.read_text():
        time.sleep(0.05)
    loaded = set(service.modules.read_text().split())
    assert "ostiary.web.server" in loaded
    assert loaded.isdisjoint(LAZY)


@pytest.mark.slow
def test_health_and_metrics_and_the_link_that_sets_up(start: Callable[..., Served]) -> None:
    service = start("--workers", "2")
    service.wait_for("worker_ready", 2)
    (link,) = service.wait_for("setup_open")
    assert re.fullmatch(r"http://auth\.localhost/if/flow/initial-setup/\?code=[\w-]{16,}", str(link["open"]))
    for host, agent in (("10.0.0.7:9000", "kube-probe/1.31"), ("unknown.example", "curl"), ("auth.localhost", "")):
        for probe in ("live", "ready"):
            status, body = service.get(f"/-/health/{probe}/", Host=host, **{"User-Agent": agent})
            assert (status, body) == (200, "")
    # A probe's agent opens nothing else (and is a check like any other without a cookie).
    check = {"X-Original-URL": "http://hello.localhost/", "User-Agent": "kube-probe/1.31"}
    assert service.get("/outpost.goauthentik.io/auth/nginx", **check)[0] in (401, 403)
    status, text = service.get("/metrics", kind="metrics")
    assert status == 200
    assert "ostiary_workers 2" in text
    assert re.search(r'^ostiary_checks_total\{verdict="unknown_host"\} 1$', text, re.MULTILINE)


@pytest.mark.slow
def test_a_wrong_setting_ends_at_once_with_its_name(start: Callable[..., Served]) -> None:
    service = start(OSTIARY_LISTEN__HTTP="nonsense")
    assert service.process.wait(20) == 2
    assert "listen.http" in service.log()
