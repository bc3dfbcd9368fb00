import asyncio
from collections.abc import Awaitable, Callable

from ostiary.app import Server
from ostiary.events.record import COMMAND
from ostiary.outposts.health import alive
from ostiary.parts import Parts, build
from ostiary.settings.tree import Settings


async def until(asked: Callable[[], Awaitable[object]]) -> None:
    """Waits for something that has to happen at once."""
    for _ in range(250):
        if await asked():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


async def workers(parts: Parts) -> list[bool]:
    async with parts.database.reading() as r:
        return [worker.fresh for worker in await alive(r, parts.clock.now())]


async def test_a_worker_tells_that_it_is_there_and_that_it_goes(database_url: str) -> None:
    settings = Settings.model_validate({"secret_key": ["k" * 32], "database": {"url": database_url}})
    server = Server(await build(settings))
    links = [{"name": "Help", "href": None}]
    await server.parts.system.update({"footer_links": links}, by=COMMAND)
    running = asyncio.create_task(server.run())

    async def linked() -> bool:
        return list(server._pages.footer_links) == links

    await until(lambda: workers(server.parts))
    await until(linked)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    again = await build(settings)
    assert len(await workers(again)) == 1
    await server.close()
    assert await workers(again) == []
    await again.close()
