"""The applications that a person may open, as tiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ostiary.access.openable import openable
from ostiary.applications.registry import Protected, listed
from ostiary.directory.users import existing
from ostiary.kit.clock import Clock
from ostiary.policies.types import PolicyCompiler
from ostiary.storage.session import Database


@dataclass(frozen=True)
class Tile:
    """One application; ``url`` opens it."""

    application_id: str
    name: str
    description: str
    group: str
    url: str
    new_tab: bool = False


@dataclass(frozen=True)
class Mine:
    """What a person may open; ``external`` are people from outside, whose home is an application."""

    tiles: Sequence[Tile]
    external: bool

    def way_on(self, default_application: str) -> str:
        """Where a person from outside goes on to, if they may open that application; else nowhere."""
        found = [tile.url for tile in self.tiles if self.external and tile.application_id == default_application]
        return found[0] if found else ""


class MyApplications:
    """Asks, for each application, the one function that its door asks too."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._compiler = PolicyCompiler()

    async def of(self, user_id: int, client_ip: str) -> Mine:
        """In order of group and name. What has no address to open is left out."""
        async with self._database.reading() as r:
            mine = await openable(r, user_id, self._clock.now(), client_ip, self._compiler)
            found = [(one.application, _url(one)) for one in await listed(r)]
            external = (await existing(r, user_id)).type == "external"
        tiles = [
            Tile(app.id, app.name, app.description, app.group, url, app.open_in_new_tab)
            for app, url in found
            if url and app.id in mine and not app.hidden
        ]
        return Mine(tiles, external)


def _url(protected: Protected) -> str:
    url = protected.application.launch_url or protected.address
    # Whatever stands in the database, a tile is never a script.
    return url if urlsplit(url).scheme in ("http", "https") else ""
