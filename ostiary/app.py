"""The composition root: builds every part once, by keyword; the only module that sees everything."""

from dataclasses import dataclass

from ostiary.kit.clock import Clock, SystemClock
from ostiary.settings.tree import Settings
from ostiary.storage.engine import open_engine
from ostiary.storage.session import Database


@dataclass(frozen=True)
class Parts:
    """Every part of one installation, as commands and the server use them."""

    settings: Settings
    clock: Clock
    database: Database

    async def close(self) -> None:
        await self.database.close()


async def build(settings: Settings, clock: Clock | None = None) -> Parts:
    """Opens the installation that the settings name, bringing its database up to date first."""
    clock = clock or SystemClock()
    database = Database(open_engine(settings.database.url))
    return Parts(settings=settings, clock=clock, database=database)
