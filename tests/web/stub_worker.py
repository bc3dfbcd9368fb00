"""A worker for the tests of the supervisor: the real server, with checks and pages that need no database.

Called as the product's worker is, with the inherited descriptors last. A file named by the first argument breaks it.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from ostiary.forwardauth.decide import Verdict
from ostiary.forwardauth.grpc import ADDRESS, GrpcFace
from ostiary.web import logs
from ostiary.web.metrics import Metrics
from ostiary.web.server import Inherited, run_worker

PID = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Worker: %d\r\n\r\n" % os.getpid()


class Stub:
    def __init__(self) -> None:
        self.responder = self
        self.grpc = GrpcFace(checks=self)
        self.counts = dict.fromkeys(Verdict, 0)
        self.metrics = Metrics()
        self.checks = 0
        self.metrics.counter("checks", "Checks.", lambda: {("allow",): self.checks}, labels=("verdict",))

    def answer(self, head: bytes, method: bytes, target: bytes, peer: str, *, declared: bool = False) -> bytes | None:
        if target in (b"/check", ADDRESS + b"/check"):
            self.checks += 1
            return PID
        return None

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/slow":
            await asyncio.sleep(0.5)
        body = repr((scope["client"][0], scope["scheme"], sorted(sys.modules))).encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def ready(self) -> bool:
        return True

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        pass


async def build() -> Stub:
    return Stub()


if __name__ == "__main__":
    if Path(sys.argv[1]).exists():
        sys.exit(3)
    logs.configure("info", json=True)
    run_worker(build, Inherited.parse(sys.argv[2]))
