"""The applications that a person may open, as tiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ostiary.access.authorize import authorize
from ostiary.access.explain import rules_of, subject_of
from ostiary.applications.registry import Protected, listed
from ostiary.directory.users import existing
from ostiary.kit.clock import Clock
from ostiary.kit.expressions import Compiler
from ostiary.policies.engine import VOCABULARY, Question
from ostiary.storage.session import Database


@dataclass(frozen=True)
class Tile:
    """One application; ``url`` opens it."""

    name: str
    description: str
    group: str
    url: str


class MyApplications:
    """Asks, for each application, the one function that its door asks too."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._compiler = Compiler(VOCABULARY)

    async def of(self, user_id: int, client_ip: str) -> Sequence[Tile]:
        """In order of group and name. What has no address to open is left out."""
        tiles = []
        question = Question(now=self._clock.now(), client_ip=client_ip)
        async with self._database.reading() as r:
            subject = await subject_of(r, await existing(r, user_id))
            for protected in await listed(r):
                application = protected.application
                url = _url(protected)
                if not url or not application.enabled:
                    continue
                if authorize(await rules_of(r, application, self._compiler), subject, question).allowed:
                    tiles.append(Tile(application.name, application.description, application.group, url))
        return tiles


def _url(protected: Protected) -> str:
    url = protected.application.launch_url or protected.address
    # Whatever stands in the database, a tile is never a script.
    return url if urlsplit(url).scheme in ("http", "https") else ""
