"""What a request costs from one end to the other: the proxy, the auth server that it asks, and the application."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from bench.fronts import FRONTS, Asked, front
from bench.load import ask, once
from bench.peers.compare import NGINX, Door, doors
from bench.peers.process import Address
from bench.questions import page
from bench.report import Line
from bench.tree import processor_seconds

_UNASKED: Final = "nobody asked"


@dataclass(frozen=True)
class Way:
    """From a proxy past an auth server to the application. ``asked_pid`` 0: nobody is asked."""

    name: str
    front_pid: int
    asked_pid: int
    address: Address
    requests: Sequence[bytes]


def through(directory: Path, sources: Mapping[str, Path], *, rounds: int, count: int) -> list[Line]:
    """Two lines for each proxy and auth server: the auth server's share, and the whole."""
    lines: list[Line] = []
    with doors(directory, sources) as (found, _):
        application = found[0]
        for name in FRONTS:
            for keep in (True, False) if name == "nginx" else (True,):
                with ExitStack() as stack:
                    ways = list(_ways(stack, directory, name, found, keep=keep))
                    for way in ways:
                        _wait(way)
                    lines += _measured(name, ways, application.pid, rounds=rounds, count=count, keep=keep)
    return lines


def _wait(way: Way) -> None:
    """A proxy may listen before it knows its way."""
    until = time.monotonic() + 30
    while (answer := once(way.address, way.requests[0]))[9:12] != b"200":
        if time.monotonic() > until:
            raise RuntimeError(f"{way.name}: {answer[:300]!r}")
        time.sleep(0.1)


def _ways(stack: ExitStack, directory: Path, name: str, found: Sequence[Door], *, keep: bool) -> list[Way]:
    application = found[0].address
    ways: list[Way] = []
    for number, door in enumerate([None, *found]):
        asked = None if door is None else _asked(name, door, keep=keep)
        if door is not None and asked is None:
            continue
        place = directory / f"{name}-{number}-{keep}"
        pid, address = stack.enter_context(front(name, place, application, asked))
        requests = [page(url, cookie) for url, cookie in (found[1] if door is None else door).people]
        ways.append(Way(door.name if door else _UNASKED, pid, door.pid if door else 0, address, requests))
    return ways


def _asked(name: str, door: Door, *, keep: bool) -> Asked | None:
    """How this proxy asks there; None if the server has no way for it."""
    path = {"nginx": door.path, "Traefik": door.forwarded, "Envoy": door.envoy}[name]
    return Asked(door.address, path, door.host, keep) if path else None


def _measured(name: str, ways: Sequence[Way], application: int, *, rounds: int, count: int, keep: bool) -> list[Line]:
    whole: dict[str, list[float]] = {way.name: [] for way in ways}
    share: dict[str, list[float]] = {way.name: [] for way in ways}
    for turn in range(rounds + 1):
        for way in ways:
            # The constant is the application, too: asked and answered there, it counts once.
            pids = {way.front_pid, application, way.asked_pid} - {0}
            before = {pid: processor_seconds(pid) for pid in pids}
            number = count if turn else 400
            ask(way.address, way.requests, number, 200, keep=True)
            spent = {pid: (processor_seconds(pid) - before[pid]) / number * 1e6 for pid in pids}
            if turn:
                whole[way.name].append(sum(spent.values()))
                share[way.name].append(spent.get(way.asked_pid, 0.0))
    alone = median(whole[_UNASKED])
    section = f"{name}, {'kept alive' if keep else 'one connection each'}"
    lines = [Line(section, f"{_UNASKED}: the whole", alone, "µs")]
    for way in ways[1:]:
        if way.name != NGINX:
            lines.append(Line(section, f"{way.name}: its own share", median(share[way.name]), "µs"))
        value = median(whole[way.name])
        lines.append(Line(section, f"{way.name}: the whole", value, "µs", "nobody asked", value / alone))
    return lines
