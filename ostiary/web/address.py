"""Our own address: configured, or confirmed once on the set-up page. Nothing is ever built from a request's Host."""

from urllib.parse import urlsplit

from sqlalchemy import select

from ostiary.storage.models import Installation
from ostiary.storage.session import Database
from ostiary.web.peer import Client


class Address:
    """Answers where this installation is reached.

    Once an address is known it stays for the life of the process: the set-up page writes it a single time.
    """

    def __init__(self, *, configured: str, database: Database) -> None:
        self._known = configured.rstrip("/") or None
        self._database = database

    async def base_url(self) -> str | None:
        """Such as ``https://auth.example.com``, or None while nobody has said it."""
        if self._known is None:
            async with self._database.reading() as r:
                self._known = await r.scalar(select(Installation.base_url))
        return self._known

    async def secure(self, client: Client) -> bool:
        """Whether our cookies take their https form. The configured scheme decides; before there is one, the
        connection's.
        """
        base_url = await self.base_url()
        return client.scheme == "https" if base_url is None else urlsplit(base_url).scheme == "https"
