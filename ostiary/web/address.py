"""Our own address: configured, or confirmed once on the set-up page. Nothing is ever built from a request's Host."""

from urllib.parse import urlsplit

from sqlalchemy import select

from ostiary.kit.clock import Clock, SystemClock
from ostiary.storage.models import Installation
from ostiary.storage.session import Database
from ostiary.web.peer import Client

_KNOWN_FOR = 2.0


class Address:
    """Answers where this installation is reached.

    A configured address stays. Another may be changed by an administrator, at whichever worker, so it is asked for
    again after two seconds.
    """

    def __init__(self, *, configured: str, database: Database, clock: Clock | None = None) -> None:
        self._known = configured.rstrip("/") or None
        self._configured = self._known is not None
        self._database = database
        self._clock = clock or SystemClock()
        self._until = float("-inf")

    async def base_url(self) -> str | None:
        """Such as ``https://auth.example.com``, or None while nobody has said it."""
        if not self._configured and (self._known is None or self._clock.monotonic() >= self._until):
            now = self._clock.monotonic()
            async with self._database.reading() as r:
                self._known = await r.scalar(select(Installation.base_url))
            self._until = now + _KNOWN_FOR
        return self._known

    async def secure(self, client: Client) -> bool:
        """Whether our cookies take their https form. The configured scheme decides; before there is one, the
        connection's.
        """
        base_url = await self.base_url()
        return client.scheme == "https" if base_url is None else urlsplit(base_url).scheme == "https"
