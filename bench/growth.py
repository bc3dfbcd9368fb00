"""Whether checks leave anything behind: ten million of them, and the memory of the tree after each round."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean

from bench.house import furnished
from bench.installation import Browser, Server
from bench.load import ask
from bench.questions import check
from bench.report import Line
from bench.tree import memory

ROUNDS = 20
# The first fifth fills what is filled once: kept answers, the interpreter's own pools.
_WARM = ROUNDS // 5
_SESSIONS = 2000


def growth(directory: Path, *, checks: int) -> list[Line]:
    """Allowed checks, kept alive, and one of nobody for every hundred."""
    with _house(directory) as (server, browsers):
        requests = [check(one.url, one.cookie, keep=True) for one in browsers]
        each, sizes = checks // ROUNDS, []
        for turn in range(ROUNDS):
            ask(server.address, requests, each, 200, keep=True)
            ask(server.address, [check(browsers[0].url, "", keep=True)], each // 100, 401, keep=True)
            sizes.append(memory(server.pid)[0])
            print(f"round {turn + 1} of {ROUNDS}: {sizes[-1]:.2f} MB", file=sys.stderr, flush=True)
    warm = sizes[_WARM:]
    third = len(warm) // 3
    first, last = mean(warm[:third]), mean(warm[-third:])
    section = f"{checks:,} checks in {ROUNDS} rounds, {_SESSIONS:,} sessions"
    return [
        Line(section, "memory after the first round", sizes[0], "MB"),
        Line(section, f"after warm-up (rounds {_WARM + 1} to {_WARM + third})", first, "MB"),
        Line(section, f"at the end (rounds {ROUNDS - third + 1} to {ROUNDS})", last, "MB", "warm", last / first, 1.01),
        Line(section, "most of any round", max(sizes), "MB"),
    ]


@contextmanager
def _house(directory: Path) -> Iterator[tuple[Server, list[Browser]]]:
    installation, browsers = furnished(directory / "growth", "", _SESSIONS)
    with installation.served() as server:
        yield server, browsers
