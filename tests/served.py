"""A house behind a real socket, for a real browser."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from playwright.async_api import Browser, async_playwright

from ostiary.storage.session import Database
from tests.clock import FakeClock
from tests.house import House, house


@asynccontextmanager
async def served(database: Database, clock: FakeClock, *, unused: bool = False) -> AsyncIterator[tuple[House, str]]:
    """A house and its origin, such as ``http://127.0.0.1:40123``."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with house(database, clock, base_url=origin, unused=unused) as door:
            server = uvicorn.Server(uvicorn.Config(door.app, log_level="error", proxy_headers=False))
            running = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                yield door, origin
            finally:
                server.should_exit = True
                await running


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        await browser.close()
