"""`./scripts/bench`: all measurements in one run, as a table and as JSON."""

import argparse
import asyncio
import socket
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from bench.checks import QUICK_SIZES, SIZES, beside_nginx, over_sizes
from bench.footprint import footprint
from bench.report import Report
from bench.requested import REQUESTED
from bench.results import store, write_page
from bench.revocation import revocations
from bench.signins import sign_ins
from tests.databases import PROGRAMS, start_cluster, stop_cluster

PARTS = ("nginx", "sizes", "signins", "footprint", "revocation")

_HELP = f"{', '.join(PARTS)}: all of these, if none is named; and only if named: {', '.join(REQUESTED)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=_HELP)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes: under two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there, too")
    parser.add_argument("--port", type=int, default=0, help="the port of nginx; 0 lets the system choose")
    parser.add_argument("--store", action="store_true", help="keep what was named in bench/results, for the page")
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="MODULE=DIRECTORY",
        help="take this Go module of a peer from a directory, not from the module proxy",
    )
    wanted = parser.parse_args()
    unknown = set(wanted.parts) - {*PARTS, *REQUESTED}
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join((*PARTS, *REQUESTED))}")
    parts, quick, report = wanted.parts or PARTS, wanted.quick, Report()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ostiary-bench-") as place:
        directory = Path(place)
        for part in parts:
            print(f"[{time.monotonic() - begin:4.0f}s] {part}", file=sys.stderr, flush=True)
            if part in REQUESTED:
                sources = dict(source.split("=", 1) for source in wanted.source)
                run = REQUESTED[part](directory / part, {m: Path(d).resolve() for m, d in sources.items()}, quick=quick)
                print(run.shown())
                if wanted.store:
                    store(run)
                    write_page()
            elif part == "nginx":
                port = wanted.port or _free_port()
                beside_nginx(report, directory, port, rounds=5 if quick else 15, count=6000 if quick else 20_000)
            elif part == "sizes":
                sizes = QUICK_SIZES if quick else SIZES
                over_sizes(report, directory, sizes=sizes, rounds=3 if quick else 9, count=4000 if quick else 20_000)
            elif part == "signins":
                sign_ins(report, directory, rounds=2 if quick else 5, seconds=3 if quick else 8)
            elif part == "footprint":
                footprint(report, directory, starts=2 if quick else 7, idle_seconds=3 if quick else 15)
            else:
                times = 50 if quick else 200
                revocations(report, directory, "SQLite", "", times=times)
                _on_postgresql(report, directory, times)
    if report.lines:
        print(report.table(), end="")
    if wanted.json:
        report.write(wanted.json)


def _on_postgresql(report: Report, directory: Path, times: int) -> None:
    if not (PROGRAMS / "postgres").exists():
        print("PostgreSQL 15 is not installed; its lines are missing", file=sys.stderr)
        return
    cluster = start_cluster(settings=("shared_buffers=64MB",))
    try:
        asyncio.run(_create(cluster.url(), "bench"))
        revocations(report, directory, "PostgreSQL", cluster.url("bench"), times=times)
    finally:
        stop_cluster(cluster)


async def _create(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
