"""The real product on each database, its brands, and browsers at any of its hosts."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from ostiary.app import Server
from ostiary.brands.registry import Brands
from ostiary.directory.models import User
from ostiary.events.models import Event
from ostiary.events.record import COMMAND
from ostiary.flows.models import Flow, StageBinding
from ostiary.parts import build
from ostiary.settings.load import load
from ostiary.storage.session import Database
from tests.house import Browser

ORIGIN = "https://auth.example.com"
PASSWORD = "correct horse battery"
PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Patient(Browser):
    """One that asks when the feed has been read; on PostgreSQL that is up to a moment later."""

    def __init__(self, server: Server, origin: str) -> None:
        super().__init__(server.asgi, origin, "203.0.113.7")
        self.server = server

    async def get(self, url: str, **headers: str) -> httpx2.Response:
        await self.server.freshness.refresh()
        return await super().get(url, **headers)


@dataclass(frozen=True)
class House:
    """One worker's product."""

    server: Server

    @property
    def brands(self) -> Brands:
        return self.server.parts.brands

    @property
    def database(self) -> Database:
        return self.server.parts.database

    def browser(self, origin: str = ORIGIN) -> Browser:
        return Patient(self.server, origin)

    async def flow(self, slug: str, designation: str) -> str:
        """A flow with the stages of the default one for that, by its id."""
        async with self.database.writing() as w:
            flow = Flow(slug=slug, name=slug, title=slug, designation=designation)
            w.add(flow)
            await w.flush()
            default = select(StageBinding).join(Flow).where(Flow.slug == f"default-{designation}-flow")
            for binding in await w.scalars(default):
                w.add(StageBinding(flow_id=flow.id, stage_id=binding.stage_id, order=binding.order))
            return flow.id

    async def default(self) -> Any:
        """The default brand."""
        from ostiary.brands.models import Brand

        async with self.database.reading() as r:
            return (await r.scalars(select(Brand).where(Brand.is_default))).one()

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """(action, context) of this room's events, oldest first."""
        async with self.database.reading() as r:
            found = await r.scalars(select(Event).where(Event.room == "brands").order_by(Event.id))
            return [(event.action, event.context) for event in found]

    async def person(self, username: str, kind: str = "internal") -> User:
        """Somebody who can sign in."""
        return await self.server.parts.users.create(username, password=PASSWORD, type=kind, by=COMMAND)


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    environ = {
        "OSTIARY_DATA_DIR": str(tmp_path),
        "OSTIARY_DATABASE__URL": database_url,
        "OSTIARY_WEB__BASE_URL": ORIGIN,
        "OSTIARY_WEB__TITLE": "Acme",
        "OSTIARY_BOOTSTRAP__PASSWORD": PASSWORD,
    }
    server = Server(await build(load(None, environ).settings))
    yield House(server)
    await server.close()
