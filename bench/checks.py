"""What a check costs in processor time, beside nginx's constant and over sizes of the installation."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.installation import Browser, Installation
from bench.load import ask
from bench.nginx import constant
from bench.questions import check
from bench.report import Line, Report
from bench.tree import processor_seconds

Address = tuple[str, int]
MODES = ((True, "kept alive"), (False, "one connection each"))


@dataclass(frozen=True)
class Candidate:
    """One thing to measure: these requests to this process tree, each answered with this status."""

    name: str
    pid: int
    address: Address
    requests: Callable[[bool], Sequence[bytes]]
    status: int


def measured(candidates: Sequence[Candidate], *, rounds: int, count: int, keep: bool) -> dict[str, float]:
    """Microseconds for one answer, the median of interleaved rounds."""
    found: dict[str, list[float]] = {candidate.name: [] for candidate in candidates}
    for candidate in candidates:
        requests = candidate.requests(keep)
        ask(candidate.address, requests, max(len(requests), 400), candidate.status, keep=keep)
    for _ in range(rounds):
        for candidate in candidates:
            requests = candidate.requests(keep)
            # Everybody else has had the caches meanwhile; a server that is asked all the time does not meet that.
            ask(candidate.address, requests, count // 3, candidate.status, keep=keep)
            before = processor_seconds(candidate.pid)
            ask(candidate.address, requests, count, candidate.status, keep=keep)
            found[candidate.name].append((processor_seconds(candidate.pid) - before) / count * 1e6)
    return {name: median(values) for name, values in found.items()}


def questions(browsers: Sequence[Browser], cookie: Callable[[str], str] = str) -> Callable[[bool], list[bytes]]:
    """One check for each of them; ``cookie`` may spoil their cookies."""
    kept = {keep: [check(one.url, cookie(one.cookie), keep=keep) for one in browsers] for keep in (True, False)}
    return lambda keep: kept[keep]


def beside_nginx(report: Report, directory: Path, port: int, *, rounds: int, count: int) -> None:
    """Allowed, sign-in and a spoiled cookie, each in both connection modes."""
    installation = Installation(directory / "beside-nginx")
    browsers = installation.fill(applications=10, people=1000, signed_in=64)
    with constant(directory / "nginx", port) as (pid, address), installation.served() as server:
        candidates = [
            Candidate("nginx answering a constant", pid, address, questions(browsers), 200),
            Candidate("allowed", server.pid, server.address, questions(browsers), 200),
            Candidate("sign in", server.pid, server.address, questions(browsers, lambda _: ""), 401),
            Candidate("a spoiled cookie", server.pid, server.address, questions(browsers, spoiled), 401),
        ]
        for keep, mode in MODES:
            found = measured(candidates, rounds=rounds, count=count if keep else count // 2, keep=keep)
            base = found[candidates[0].name]
            for name, value in found.items():
                ratio = None if value == base else value / base
                promised = 2.5 if name in ("allowed", "sign in") else None
                report.add(Line(f"check, {mode}", name, value, "µs", "nginx", ratio, promised))


def spoiled(cookie: str) -> str:
    """A cookie whose last character somebody has changed."""
    return cookie[:-1] + ("A" if cookie[-1] != "A" else "B")


SIZES = ((10, 10_000), (1_000, 10_000), (10_000, 10_000), (10, 1_000_000))
QUICK_SIZES = ((10, 10_000), (1_000, 10_000), (10, 100_000))
HOT, TABLE, COLD = 64, 20_000, 4_000


def over_sizes(report: Report, directory: Path, *, sizes: Sequence[tuple[int, int]], rounds: int, count: int) -> None:
    """The same check with more applications, people and sessions behind it."""
    with ExitStack() as running:
        servers = []
        for applications, people in sizes:
            name = f"{applications:,} applications, {people:,} people and sessions"
            installation = Installation(directory / f"size-{applications}-{people}")
            browsers = installation.fill(applications=applications, people=people, signed_in=TABLE + COLD)
            servers.append((name, running.enter_context(installation.served()), browsers))
        for hot in (HOT, TABLE):
            candidates = [
                Candidate(name, server.pid, server.address, questions(browsers[:hot]), 200)
                for name, server, browsers in servers
            ]
            found = measured(candidates, rounds=rounds, count=max(count, hot), keep=True)
            base = found[servers[0][0]]
            for name, value in found.items():
                ratio = None if value == base else value / base
                promised = None if ratio is None else 1.1
                report.add(Line(f"check, {hot:,} sessions in turn", name, value, "µs", "the smallest", ratio, promised))
        for name, server, browsers in servers:
            report.add(
                Line("check of a session not met before", name, _missed(server.pid, server.address, browsers), "µs")
            )


def _missed(pid: int, address: Address, browsers: Sequence[Browser]) -> float:
    cold = [check(one.url, one.cookie, keep=True) for one in browsers[TABLE : TABLE + COLD]]
    before = processor_seconds(pid)
    ask(address, cold, COLD, 200, keep=True)
    return (processor_seconds(pid) - before) / COLD * 1e6
