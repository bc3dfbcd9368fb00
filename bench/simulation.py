"""What it costs to say what a change does to the access of many people: processor time and memory."""

import asyncio
import resource
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from bench.installation import Installation
from bench.report import Line
from ostiary.access.rehearsal import rehearse
from ostiary.applications.bindings import Target
from ostiary.events.record import COMMAND
from ostiary.parts import Parts, build
from ostiary.policies.engine import Kind, Question
from ostiary.simulation.runner import Asked, Draft, simulate

_GROUPS = 200
_MODE = """
version: 1
entries:
  - model: authentik_core.application
    identifiers: {slug: app1}
    attrs: {policy_engine_mode: all}
"""


def simulations(directory: Path, *, people: int, rounds: int) -> list[Line]:
    """People in two of many groups each, with attributes of their own, at one application that a change closes."""
    installation = Installation(directory / "simulate")
    installation.fill(applications=2, people=people, signed_in=0)
    with closing(sqlite3.connect(installation.file)) as c:
        _furnish(c)
    return asyncio.run(_measured(installation, people, rounds))


def _furnish(c: sqlite3.Connection) -> None:
    for number in range(_GROUPS):
        values = (f"{number:036d}", f"group{number}")
        c.execute("INSERT INTO groups (id, name, is_superuser, attributes) VALUES (?, ?, 0, '{}')", values)
    for shift in (1, 7):
        c.execute(
            "INSERT OR IGNORE INTO memberships (user_id, group_id)"
            f" SELECT id, printf('%036d', (id / {shift}) % {_GROUPS}) FROM users"
        )
    c.execute("""UPDATE users SET attributes = '{"level": ' || (id % 10) || ', "number": "' || id || '"}'""")
    c.commit()


async def _measured(installation: Installation, people: int, rounds: int) -> list[Line]:
    parts = await build(installation.settings)
    section = f"{people:,} people, one application"
    try:
        await parts.policies.create("mail", "user.email.endsWith('7@bench.example')", by=COMMAND)
        await parts.policies.create("level", "user.attributes.level > 3", by=COMMAND)
        for policy in ("mail", "level"):
            await parts.bindings.put("app1", Target(Kind.POLICY, policy), by=COMMAND)

        def bind(kind: Kind, name: str) -> Callable[[], Awaitable[object]]:
            return lambda: parts.bindings.put("app0", Target(kind, name), by=COMMAND)

        mail = "user.email.startsWith('person-7')"
        changes: dict[str, Callable[[], Awaitable[object]]] = {
            "a group bound": bind(Kind.GROUP, "group5"),
            "a policy on the mail address bound": bind(Kind.POLICY, "mail"),
            "a policy on attributes bound": bind(Kind.POLICY, "level"),
            "one policy of two changed": lambda: parts.policies.update("mail", expression=mail, by=COMMAND),
        }
        lines = [
            Line(section, name, await _processor(parts, change, rounds), "s", promised=2.0)
            for name, change in changes.items()
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = before.ru_utime + before.ru_stime
        await simulate(parts.settings, parts.settings.database.url, Asked([Draft("mode.yaml", _MODE)]))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        lines.append(
            Line(
                section,
                "any becomes all, the whole child: start, copy, answer",
                after.ru_utime + after.ru_stime - begun,
                "s",
            )
        )
        lines.append(Line(section, "the child's memory at its most", after.ru_maxrss / 1024, "MB"))
    finally:
        await parts.close()
    return lines


async def _processor(parts: Parts, change: Callable[[], Awaitable[object]], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        await rehearse(parts.database, change, Question(parts.clock.now()))
        taken.append(time.process_time() - begun)
    return median(taken)
