"""How small it is when nothing happens, and how soon it is there."""

import time
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from bench.installation import Installation, Server
from bench.report import Line, Report
from bench.signins import FLOW
from bench.tree import memory


def footprint(report: Report, directory: Path, *, starts: int, idle_seconds: float) -> None:
    installation = Installation(directory / "footprint")
    installation.fill(applications=10, people=1000, signed_in=0)
    delays: list[float] = []
    proportional = resident = 0.0
    for turn in range(starts):
        begin = time.monotonic()
        with Server(installation) as server:
            _first_page(server)
            delays.append(time.monotonic() - begin)
            if turn == starts - 1:
                time.sleep(idle_seconds)
                proportional, resident = memory(server.pid)
    report.add(Line("start", "to the first sign-in page", median(delays), "s", promised=2.0))
    report.add(Line("idle memory, all processes", "shared pages counted once (PSS)", proportional, "MB", promised=100))
    report.add(Line("idle memory, all processes", "shared pages counted in each (RSS)", resident, "MB"))


def _first_page(server: Server) -> None:
    # The socket listens before the worker answers: the request waits in its queue, as a proxy's would.
    connection = HTTPConnection(*server.address, timeout=60)
    connection.request("GET", FLOW, headers={"Host": "auth.localhost"})
    answer = connection.getresponse()
    if answer.status != 200 or b"password" not in answer.read():
        raise RuntimeError(f"no sign-in page: {answer.status}")
    connection.close()
