"""The applications that a person may open, as tiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ostiary.access.openable import openable
from ostiary.applications.registry import Protected, listed
from ostiary.kit.clock import Clock
from ostiary.policies.types import PolicyCompiler
from ostiary.storage.session import Database


@dataclass(frozen=True)
class Tile:
    """One application; ``url`` opens it."""

    name: str
    description: str
    group: str
    url: str
    new_tab: bool = False


class MyApplications:
    """Asks, for each application, the one function that its door asks too."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._compiler = PolicyCompiler()

    async def of(self, user_id: int, client_ip: str) -> Sequence[Tile]:
        """In order of group and name. What has no address to open is left out."""
        async with self._database.reading() as r:
            mine = await openable(r, user_id, self._clock.now(), client_ip, self._compiler)
            found = [(one.application, _url(one)) for one in await listed(r)]
        return [
            Tile(app.name, app.description, app.group, url, app.open_in_new_tab)
            for app, url in found
            if url and app.id in mine and not app.hidden
        ]


def _url(protected: Protected) -> str:
    url = protected.application.launch_url or protected.address
    # Whatever stands in the database, a tile is never a script.
    return url if urlsplit(url).scheme in ("http", "https") else ""
