"""Who calls the API: the owner of a token, the person of a session, or nobody.

A browser sends its cookies with whatever any page asks for, so a session may change something only with the header
that no other site can send.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request

from ostiary.directory.permissions import NONE, permissions_of
from ostiary.directory.tokens import Tokens
from ostiary.events.record import Actor
from ostiary.kit.errors import Refused
from ostiary.kit.proxies import Proxies
from ostiary.objects.kind import Caller
from ostiary.storage.session import Database
from ostiary.web.peer import client
from ostiary.web.visits import Visit, Visits

CSRF_HEADER: Final = "X-authentik-CSRF"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Callers:
    """Finds out who asks. ``csrf`` makes the proof that belongs to a browser and its login."""

    database: Database
    tokens: Tokens
    visits: Visits
    proxies: Proxies
    csrf: Callable[[Visit], str]
    touch: Callable[[str, datetime], None]
    """Notes that the token of this id was used."""
    now: Callable[[], datetime]

    async def of(self, request: Request) -> tuple[Caller, Visit | None]:
        """The caller and, if they came with a session, their visit. Raises `api.token_invalid`, `api.csrf`."""
        headers = request.headers.getlist("authorization")
        if headers:
            return await self._by_token(request, *headers), None
        visit = await self.visits.of(request)
        if visit.session is None:
            return Caller(None, "", NONE, Actor(None, None, visit.client.ip)), visit
        if request.method not in SAFE:
            given = request.headers.get(CSRF_HEADER, "").encode()
            if visit.browser.fresh or not hmac.compare_digest(self.csrf(visit).encode(), given):
                raise Refused(
                    "api.csrf",
                    f"A session changes nothing without the header {CSRF_HEADER}, which every answer to it carries.",
                )
        session = visit.session
        async with self.database.reading() as r:
            may = await permissions_of(r, session.user_id)
        return Caller(session.user_id, session.username, may, session.actor(visit.client.ip), session.id), visit

    async def _by_token(self, request: Request, header: str, *others: str) -> Caller:
        scheme, _, key = header.partition(" ")
        peer = client(request, self.proxies)
        if scheme.lower() == "bearer" and not others:
            async with self.database.reading() as r:
                found = await self.tokens.find(r, key.strip(), intent="api")
                if found is not None:
                    token, user = found
                    self.touch(token.id, self.now())
                    may = await permissions_of(r, user.id)
                    return Caller(user.id, user.username, may, Actor(user.id, user.username, peer.ip))
        # A wrong credential is never taken for none: whoever sent it means somebody.
        raise Refused("api.token_invalid", "The token is unknown or has expired, or is none for this API.")
