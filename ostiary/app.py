"""The composition root: builds every part once, by keyword; the only module that sees everything."""

from dataclasses import dataclass

import ostiary.schema  # noqa: F401 - every model must be known before the first statement
from ostiary.applications.bindings import Bindings
from ostiary.applications.registry import Applications
from ostiary.kit.clock import Clock, SystemClock
from ostiary.policies.registry import Policies
from ostiary.settings.secret_key import with_secret_key
from ostiary.settings.tree import Settings
from ostiary.storage import installation
from ostiary.storage.engine import open_engine
from ostiary.storage.migrate import migrate_in_child, upgrade_needed
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database


@dataclass(frozen=True)
class Parts:
    """Every part of one installation, as commands and the server use them."""

    settings: Settings
    clock: Clock
    database: Database
    secrets: Secrets
    policies: Policies
    applications: Applications
    bindings: Bindings

    async def close(self) -> None:
        await self.database.close()


async def build(settings: Settings, clock: Clock | None = None) -> Parts:
    """Opens the installation that the settings name: makes its secret key, brings its database up to date.

    Safe when several processes do it at once. Raises what settings and storage raise.
    """
    clock = clock or SystemClock()
    settings = with_secret_key(settings)
    secrets = Secrets(settings.secret_key)
    database = Database(open_engine(settings.database.url))
    if await upgrade_needed(database):
        await migrate_in_child(settings.database.url)
    async with database.writing() as w:
        await installation.ensure(w, secrets, clock)
    return Parts(
        settings=settings,
        clock=clock,
        database=database,
        secrets=secrets,
        policies=Policies(database=database, clock=clock),
        applications=Applications(database=database, clock=clock, base_url=settings.web.base_url),
        bindings=Bindings(database=database, clock=clock),
    )
