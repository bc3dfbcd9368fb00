"""The protocol behind a real socket."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from uvicorn.server import ServerState

from tests.web.site import Checks, Site, door_for


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    checks = Checks()
    door, config = door_for(checks, lambda: found.is_ready)
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: door.protocol(config, state, {}), "127.0.0.1", 0)
    found = Site(server.sockets[0].getsockname()[1], door, checks, state)
    yield found
    server.close()
    for task in list(state.tasks):
        task.cancel()
    for connection in list(found.connections):
        connection._transport.abort()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
