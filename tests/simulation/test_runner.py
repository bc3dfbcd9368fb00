"""The child answers, and leaves nothing behind, whoever ends whom."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from ostiary.events.record import COMMAND
from ostiary.kit.errors import InvalidInput, Unavailable
from ostiary.parts import Parts
from ostiary.simulation.report import Report, changes
from ostiary.simulation.runner import Asked, Draft, simulate
from ostiary.storage.base import Base

CHANGE = """\
version: 1
entries:
- model: authentik_core.application
  identifiers: {slug: hello}
  attrs: {name: Hello, access: everyone}
"""


async def run(parts: Parts, blueprint: str = CHANGE, **more: Any) -> Report:
    url = parts.settings.database.url
    return await simulate(parts.settings, url, Asked([Draft("change.yaml", blueprint)]), **more)


def left(parts: Parts) -> list[Path]:
    """Copies that lie beside the database."""
    url = make_url(parts.settings.database.url)
    if not parts.database.is_sqlite:
        return []
    return list(Path(url.database or "").parent.glob(".*.copy-*"))


def children() -> Iterator[int]:
    """The simulations that this process has started."""
    for own in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        for child in map(int, own.read_text().split()):
            if b"ostiary.cli.simulating" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield child


async def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether a process has ended, waited for or not."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


async def everything(parts: Parts) -> dict[str, list[tuple[str, ...]]]:
    """Every row of every table, but for what says that somebody is at work."""
    found = {}
    async with parts.database.reading() as r:
        for name in sorted(Base.metadata.tables):
            rows = await r.execute(text(f'SELECT * FROM "{name}"'))
            found[name] = sorted(tuple(map(str, row)) for row in rows)
    return found


async def test_it_answers_and_the_database_stays_as_it_is(parts: Parts) -> None:
    await parts.users.create("ada", by=COMMAND)
    await parts.users.disable((await parts.users.create("bob", by=COMMAND)).id, by=COMMAND)
    before = await everything(parts)
    heard: list[int] = []
    found = await run(parts, progress=heard.append)
    assert changes(found)
    named = {one["username"]: one for one in found["differences"]}
    assert "bob" not in named
    one = named["ada"]
    assert (one["application"], one["before"], one["after"]) == ("hello", "no", "yes")
    assert one["reasons_before"] == [{"result": "against", "text": "The application does not exist."}]
    assert heard[-1] == 100
    assert await everything(parts) == before
    assert before["stages"]
    assert left(parts) == []


async def test_what_is_wrong_with_the_change_is_said(parts: Parts) -> None:
    with pytest.raises(InvalidInput) as caught:
        await run(parts, "version: 1\nentries:\n- model: nothing.nothing\n  identifiers: {name: a}\n")
    assert caught.value.code == "blueprint.invalid"
    assert "change.yaml:3" in caught.value.message
    assert left(parts) == []


async def test_whoever_gives_up_ends_the_child(parts: Parts) -> None:
    before = await everything(parts)
    task = asyncio.create_task(run(parts))
    await until(lambda: list(children()))
    (child,) = children()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(child)
    assert left(parts) == []
    assert await everything(parts) == before


async def test_a_child_that_is_killed_leaves_nothing(parts: Parts) -> None:
    before = await everything(parts)
    task = asyncio.create_task(run(parts))
    await until(lambda: list(children()))
    # On SQLite in the middle of its work: the copy is there.
    await until(lambda: not parts.database.is_sqlite or any(any(place.iterdir()) for place in left(parts)))
    os.kill(next(children()), signal.SIGKILL)
    with pytest.raises(Unavailable) as caught:
        await task
    assert caught.value.code == "simulation.failed"
    assert left(parts) == []
    assert await everything(parts) == before


_CALLER = """
import asyncio, sys
from ostiary.settings.tree import Settings
from ostiary.simulation.runner import Asked, Draft, simulate
settings = Settings.model_validate({"secret_key": ["k" * 32], "database": {"url": sys.argv[1]}})
asyncio.run(simulate(settings, sys.argv[1], Asked([Draft("change.yaml", sys.argv[2])])))
"""


async def test_a_child_whose_caller_is_killed_ends_and_leaves_nothing(parts: Parts) -> None:
    arguments = [sys.executable, "-c", textwrap.dedent(_CALLER), parts.settings.database.url, CHANGE]
    caller = subprocess.Popen(arguments)  # noqa: ASYNC220 - it is to be killed

    def grandchildren() -> list[int]:
        listed = Path(f"/proc/{caller.pid}/task/{caller.pid}/children")
        return list(map(int, listed.read_text().split()))

    await until(grandchildren)
    (child,) = grandchildren()
    await until(lambda: not parts.database.is_sqlite or left(parts))
    caller.kill()
    caller.wait()
    await until(lambda: gone(child))
    assert left(parts) == []
