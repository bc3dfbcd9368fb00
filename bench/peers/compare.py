"""All doorkeepers in one run: each asked the same question in turn, round by round, beside nginx's constant."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench.checks import Candidate, measured
from bench.house import furnished, hold_everything_on, postgresql
from bench.load import once
from bench.nginx import constant
from bench.paced import waits
from bench.peers import authelia, oauth2_proxy, tinyauth, vouch
from bench.peers.build import Missing, Program, built
from bench.peers.peer import Peer
from bench.peers.process import APPLICATION, free_port
from bench.peers.rows import Row
from bench.questions import INGRESS_HOST, check
from bench.questions import NGINX as NGINX_PATH
from bench.tree import memory

Run = Callable[[Path, Path], AbstractContextManager[Peer]]
PEERS: Final[tuple[tuple[Program, Run], ...]] = tuple(
    (module.PROGRAM, module.run) for module in (vouch, authelia, tinyauth, oauth2_proxy)
)
NGINX, SQLITE, POSTGRESQL = "nginx answering a constant", "Ostiary on SQLite", "Ostiary on PostgreSQL"
SESSIONS = 64
KEPT: Final = True
# The generator takes the other core; beyond this rate it would measure itself.
_FASTEST = 12_000


@dataclass(frozen=True)
class Door:
    """A server that answers checks. ``people`` are (URL, Cookie) of its browsers; the rest is how proxies ask it."""

    name: str
    pid: int
    address: tuple[str, int]
    allowed: Callable[[bool], Sequence[bytes]]
    anonymous: Callable[[bool], Sequence[bytes]]
    accepted: int = 200
    refusal: int = 401
    people: Sequence[tuple[str, str]] = ()
    path: str = NGINX_PATH
    host: str = INGRESS_HOST
    forwarded: str = "/ostiary/auth/traefik"
    envoy: str = "/ostiary/auth/envoy"


@contextmanager
def doors(directory: Path, sources: Mapping[str, Path]) -> Iterator[tuple[list[Door], list[Row]]]:
    """Everybody who can be had, the yardstick first, and a row for everybody who cannot."""
    missing: list[Row] = []
    with ExitStack() as stack:
        pid, address = stack.enter_context(constant(directory / "constant", free_port()))
        found = list(_ours(stack, directory))
        ordinary = found[0]
        found.insert(
            0, Door(NGINX, pid, address, ordinary.allowed, ordinary.anonymous, refusal=200, people=ordinary.people)
        )
        for program, run in PEERS:
            try:
                print(f"building {program.title}", file=sys.stderr, flush=True)
                peer = stack.enter_context(run(built(program, sources), directory / program.name))
            except (Missing, RuntimeError) as error:
                missing.append(Row(program.title, missing=str(error)))
                continue
            found.append(_theirs(program.title, peer))
        yield found, missing


def compared(directory: Path, sources: Mapping[str, Path], *, rounds: int, count: int, seconds: float) -> list[Row]:
    """A row for each server. ``count`` checks in each of the rounds, half as many where each has its own connection;
    so many ``seconds`` at half load."""
    with doors(directory, sources) as (found, missing):
        rows = [Row(door.name, idle=memory(door.pid)[0]) for door in found]
        for keep in (True, False):
            costs = measured(
                [candidate for door in found for candidate in _candidates(door)],
                rounds=rounds,
                count=count if keep else count // 2,
                keep=keep,
            )
            for door, row in zip(found, rows, strict=True):
                allowed, sign_in = (costs[candidate.name] for candidate in _candidates(door))
                if keep:
                    row.allowed_kept, row.sign_in_kept = allowed, sign_in
                else:
                    row.allowed_each, row.sign_in_each = allowed, sign_in
        for door, row in zip(found, rows, strict=True):
            row.loaded = memory(door.pid)[0]
        _wait_at_half_load(found, rows, rounds=rounds, seconds=seconds / rounds)
        return rows + missing


def _wait_at_half_load(found: Sequence[Door], rows: Sequence[Row], *, rounds: int, seconds: float) -> None:
    """Medians of rounds here, too: whatever else the machine does meets each of them in one round, not in all."""
    waited: dict[str, list[tuple[float, float]]] = {door.name: [] for door in found}
    for _ in range(rounds):
        for door, row in zip(found, rows, strict=True):
            assert row.allowed_kept is not None
            row.rate = rate = min(_FASTEST, 0.5e6 / row.allowed_kept)
            requests, count = door.allowed(KEPT), int(rate * seconds)
            waited[door.name].append(waits(door.address, requests, rate=rate, count=count, status=door.accepted))
    for row in rows:
        row.p50, row.p99 = (median(times) * 1000 for times in zip(*waited[row.name], strict=True))


def _ours(stack: ExitStack, directory: Path) -> Iterator[Door]:
    (url,) = stack.enter_context(postgresql("bench"))
    for name, database in ((SQLITE, ""), (POSTGRESQL, url)):
        installation, browsers = furnished(directory / name.rpartition(" ")[2], database, SESSIONS)
        server = stack.enter_context(installation.served())
        hold_everything_on(once(server.address, check(browsers[0].url, browsers[0].cookie, keep=True)))
        kept = {keep: [check(one.url, one.cookie, keep=keep) for one in browsers] for keep in (True, False)}
        none = {keep: [check(one.url, "", keep=keep) for one in browsers] for keep in (True, False)}
        people = [(one.url, one.cookie) for one in browsers]
        yield Door(name, server.pid, server.address, kept.__getitem__, none.__getitem__, people=people)


def _theirs(name: str, peer: Peer) -> Door:
    return Door(
        name,
        peer.pid,
        peer.address,
        lambda keep: peer.allowed(keep=keep),
        lambda keep: peer.anonymous(keep=keep),
        peer.accepted,
        peer.refusal,
        [(APPLICATION, peer.cookie)],
        peer.path,
        peer.host,
        peer.forwarded,
        peer.envoy,
    )


def _candidates(door: Door) -> tuple[Candidate, Candidate]:
    return (
        Candidate(f"{door.name}: allowed", door.pid, door.address, door.allowed, door.accepted),
        Candidate(f"{door.name}: sign in", door.pid, door.address, door.anonymous, door.refusal),
    )
