"""The parts that run only when they are named: they build other people's programs, or take their time."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bench.peers.compare import compared
from bench.results import Run, this_machine
from bench.through import through


def peers(directory: Path, sources: Mapping[str, Path], *, quick: bool) -> Run:
    rounds = 3 if quick else 9
    rows = compared(directory, sources, rounds=rounds, count=2000 if quick else 16_000, seconds=1 if quick else 5)
    return Run("peers", rows=tuple(rows), machine=this_machine(rounds))


def proxies(directory: Path, sources: Mapping[str, Path], *, quick: bool) -> Run:
    rounds = 2 if quick else 7
    lines = through(directory, sources, rounds=rounds, count=1000 if quick else 6000)
    return Run("proxies", lines=tuple(lines), machine=this_machine(rounds))


REQUESTED: Final[Mapping[str, Callable[..., Run]]] = MappingProxyType({"peers": peers, "proxies": proxies})
