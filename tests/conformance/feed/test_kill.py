"""A writer that is killed in the middle of its transaction announces nothing and hides nothing."""

import asyncio
import os
import signal
import sys

from sqlalchemy import text

from ostiary.storage.session import Database
from tests.conformance.feed.reader import Reader

_WRITER = """
import asyncio, sys
from sqlalchemy import text
from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database

async def main():
    async with Database(open_engine(sys.argv[1])).writing() as w:
        await w.execute(text("DELETE FROM sessions WHERE id = 's1'"))
        print("written", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_killed_writer_leaves_nothing_behind(database: Database, database_url: str, reader: Reader) -> None:
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, database_url, stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout
    assert await writer.stdout.readline() == b"written\n"
    assert await reader.changes() == []
    os.kill(writer.pid, signal.SIGKILL)
    await writer.wait()
    async with database.writing() as w:
        await w.execute(text("DELETE FROM sessions WHERE id = 's2'"))
    assert await reader.seen() == {("session", "s2"), ("app_session", "a2")}
    async with database.reading() as r:
        assert (await r.scalars(text("SELECT id FROM sessions"))).all() == ["s1"]
    assert await reader.changes() == []
