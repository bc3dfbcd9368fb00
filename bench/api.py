"""What the management API leaves behind: memory after every operation was called once, and after many calls more."""

import http.client
import json
import secrets as random
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from typing import Any, Final

from bench.installation import ROOT, Installation
from bench.lists import filled
from bench.report import Line
from bench.tree import memory, processor_seconds

ROUNDS: Final = 20
# The first fifth fills what is filled once: compiled statements, the interpreter's own pools.
_WARM = ROUNDS // 5
_DOCUMENT = ROOT / "ostiary" / "api" / "openapi.json"
_NOWHERE = "00000000-0000-4000-8000-00000000ffff"
# Calls of one turn of the mix: pages, single objects, and a group that is made, changed and deleted.
_PAGES = (
    "core/users/",
    "core/groups/",
    "core/applications/",
    "policies/bindings/",
    "flows/instances/",
    "core/users/me/",
)


def api(directory: Path, *, calls: int) -> list[Line]:
    """On SQLite, with 2,000 people and 100 applications."""
    installation = Installation(directory / "api")
    token = random.token_urlsafe(32)
    filled(installation, token, people=2_000, applications=100, groups=50)
    with installation.served() as server:
        idle = memory(server.pid)[0]
        caller = _Caller(server.address, token)
        for method, path in _operations():
            caller.ask(method, path, {} if method in ("POST", "PUT", "PATCH") else None, whatever=True)
        once = memory(server.pid)[0]
        sizes, made, before = [], 0, processor_seconds(server.pid)
        for turn in range(ROUNDS):
            until = calls * (turn + 1) // ROUNDS
            while made < until:
                made += _mix(caller)
            sizes.append(memory(server.pid)[0])
            print(f"round {turn + 1} of {ROUNDS}: {sizes[-1]:.2f} MB", file=sys.stderr, flush=True)
        spent = (processor_seconds(server.pid) - before) / made * 1000
        caller.close()
    warm = sizes[_WARM:]
    third = len(warm) // 3
    first, last = mean(warm[:third]), mean(warm[-third:])
    section = f"the API, {made:,} calls"
    return [
        Line(section, "memory before the first call", idle, "MB"),
        Line(section, "memory after every operation was called once", once, "MB", promised=150),
        Line(section, "memory after warm-up", first, "MB"),
        Line(section, "memory at the end", last, "MB", "warm", last / first, 1.01),
        Line(section, "processor time of a call of the mix", spent, "ms"),
    ]


def _operations() -> Iterator[tuple[str, str]]:
    """Every operation, about objects that do not exist; those that would change the house for all are left out."""
    for path, item in json.loads(_DOCUMENT.read_text())["paths"].items():
        for method in item:
            numbers = item[method].get("parameters", [])
            filled_in = path
            for one in numbers:
                nothing = "999999999" if one["schema"].get("type") == "integer" else _NOWHERE
                filled_in = filled_in.replace(f"{{{one['name']}}}", nothing)
            yield method.upper(), filled_in


def _mix(caller: "_Caller") -> int:
    for page in _PAGES:
        caller.ask("GET", f"/api/v3/{page}")
    made = caller.ask("POST", "/api/v3/core/groups/", {"name": f"bench-{random.token_hex(8)}"})
    group = f"/api/v3/core/groups/{made['pk']}/"
    caller.ask("PATCH", group, {"attributes": {"n": random.token_hex(4)}})
    caller.ask("GET", group)
    caller.ask("DELETE", group)
    return len(_PAGES) + 4


class _Caller:
    """One connection of the superuser."""

    def __init__(self, address: tuple[str, int], token: str) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}", "Host": "auth.localhost"}

    def ask(self, method: str, path: str, body: Any = None, *, whatever: bool = False) -> Any:
        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if not whatever and answer.status >= 300:
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {content[:200]!r}")
        return json.loads(content) if not whatever and content else None

    def close(self) -> None:
        self._connection.close()
