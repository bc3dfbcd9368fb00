"""The parts that run only when they are named: they build other people's programs, or take their time."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bench.api import api as measured_api
from bench.dialects import dialects as measured_dialects
from bench.growth import growth as measured_growth
from bench.lists import lists as measured_lists
from bench.peers.compare import compared
from bench.peers.promises import promises
from bench.results import Run, this_machine
from bench.simulation import simulations
from bench.through import through

# Checks in one turn. Short turns and many rounds: what disturbs the machine for a while then meets everybody alike.
_TURN = 4500


def peers(directory: Path, sources: Mapping[str, Path], *, quick: bool) -> Run:
    rounds = 3 if quick else 11
    rows = compared(directory, sources, rounds=rounds, count=_TURN, seconds=2 if quick else 8)
    return Run("peers", rows=tuple(rows), lines=tuple(promises(rows)), machine=this_machine(rounds))


def proxies(directory: Path, sources: Mapping[str, Path], *, quick: bool) -> Run:
    rounds = 2 if quick else 9
    lines = through(directory, sources, rounds=rounds, count=_TURN // 3)
    return Run("proxies", lines=tuple(lines), machine=this_machine(rounds))


def dialects(directory: Path, _: Mapping[str, Path], *, quick: bool) -> Run:
    rounds = 2 if quick else 9
    lines = measured_dialects(directory, rounds=rounds, count=_TURN)
    return Run("dialects", lines=tuple(lines), machine=this_machine(rounds))


def growth(directory: Path, _: Mapping[str, Path], *, quick: bool) -> Run:
    lines = measured_growth(directory, checks=100_000 if quick else 10_000_000)
    return Run("growth", lines=tuple(lines), machine=this_machine(1))


def lists(directory: Path, _: Mapping[str, Path], *, quick: bool) -> Run:
    return Run("lists", lines=tuple(measured_lists(directory, quick=quick)), machine=this_machine(1))


def simulate(directory: Path, _: Mapping[str, Path], *, quick: bool) -> Run:
    rounds = 1 if quick else 5
    lines = simulations(directory, people=10_000 if quick else 100_000, rounds=rounds)
    return Run("simulate", lines=tuple(lines), machine=this_machine(rounds))


def api(directory: Path, _: Mapping[str, Path], *, quick: bool) -> Run:
    return Run("api", lines=tuple(measured_api(directory, calls=10_000 if quick else 100_000)), machine=this_machine(1))


REQUESTED: Final[Mapping[str, Callable[..., Run]]] = MappingProxyType(
    {
        "peers": peers,
        "proxies": proxies,
        "dialects": dialects,
        "growth": growth,
        "simulate": simulate,
        "lists": lists,
        "api": api,
    }
)
