"""What a check costs with everything on, in each dialect's words, on each database, beside nginx's constant."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.checks import MODES, Candidate, measured, spoiled
from bench.house import furnished, hold_everything_on, postgresql
from bench.installation import Browser, Server
from bench.load import once
from bench.nginx import constant
from bench.peers.process import free_port
from bench.questions import FAMILIES, check
from bench.report import Line

FEW, MANY = 64, 20_000
# What was promised of nginx's dialect, as a multiple of nginx's constant, by database and whether kept alive.
PROMISED: Final = {("PostgreSQL", True): 2.0, ("SQLite", True): 2.3, ("PostgreSQL", False): 2.2, ("SQLite", False): 2.2}
_SIGN_IN: Final = {"nginx": 401, "forwarded": 302, "envoy": 302}


@dataclass(frozen=True)
class House:
    database: str
    server: Server
    browsers: list[Browser]


def dialects(directory: Path, *, rounds: int, count: int) -> list[Line]:
    lines: list[Line] = []
    with ExitStack() as stack:
        pid, address = stack.enter_context(constant(directory / "constant", free_port()))
        houses = list(_houses(stack, directory))
        people = houses[0].browsers[:FEW]
        kept = {keep: [check(one.url, one.cookie, keep=keep) for one in people] for keep, _ in MODES}
        yardstick = Candidate("nginx answering a constant", pid, address, kept.__getitem__, 200)
        for keep, mode in MODES:
            candidates = [yardstick, *(one for house in houses for one in _few(house))]
            found = measured(candidates, rounds=rounds, count=count if keep else count // 2, keep=keep)
            base = found[yardstick.name]
            lines.append(Line(mode, yardstick.name, base, "µs"))
            for name, value in found.items():
                if name != yardstick.name:
                    lines.append(Line(mode, name, value, "µs", "nginx", value / base, _promise(name, keep=keep)))
        many = [_allowed(house, "nginx", number) for number in (FEW, MANY) for house in houses]
        found = measured(many, rounds=max(2, rounds // 4), count=MANY, keep=True)
        for few, all_of_them in zip(many[: len(houses)], many[len(houses) :], strict=True):
            ratio = found[all_of_them.name] / found[few.name]
            lines.append(Line("in rotation, kept alive", few.name, found[few.name], "µs"))
            lines.append(
                Line("in rotation, kept alive", all_of_them.name, found[all_of_them.name], "µs", f"{FEW}", ratio, 1.5)
            )
    return lines


def _houses(stack: ExitStack, directory: Path) -> Iterator[House]:
    (url,) = stack.enter_context(postgresql("dialects"))
    for database, at in (("SQLite", ""), ("PostgreSQL", url)):
        installation, browsers = furnished(directory / database, at, MANY)
        server = stack.enter_context(installation.served())
        hold_everything_on(once(server.address, check(browsers[0].url, browsers[0].cookie, keep=True)))
        yield House(database, server, browsers)


def _few(house: House) -> Iterator[Candidate]:
    """Each family's allow and sign-in, and a cookie that somebody has changed."""
    for family in FAMILIES:
        yield _allowed(house, family, FEW)
        yield _asked(house, family, "sign in", lambda _: "", _SIGN_IN[family])
    yield _asked(house, "nginx", "a changed cookie", spoiled, 401)


def _allowed(house: House, family: str, number: int) -> Candidate:
    question, people = FAMILIES[family], house.browsers[:number]
    kept = {keep: [question(one.url, one.cookie, keep=keep) for one in people] for keep, _ in MODES}
    name = f"{house.database}, {family}: allowed, {number:,} sessions"
    return Candidate(name, house.server.pid, house.server.address, kept.__getitem__, 200)


def _asked(house: House, family: str, what: str, cookie: Callable[[str], str], status: int) -> Candidate:
    question, people = FAMILIES[family], house.browsers[:FEW]
    kept = {keep: [question(one.url, cookie(one.cookie), keep=keep) for one in people] for keep, _ in MODES}
    name = f"{house.database}, {family}: {what}"
    return Candidate(name, house.server.pid, house.server.address, kept.__getitem__, status)


def _promise(name: str, *, keep: bool) -> float | None:
    database, _, rest = name.partition(", ")
    family, _, what = rest.partition(": ")
    return PROMISED[database, keep] if family == "nginx" and not what.startswith("a changed") else None
