"""A browser's request, understood once: who asks, from where, in which browser, with which login."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from ostiary.kit.proxies import Proxies
from ostiary.sessions.cookie import FORM, LOGIN, values
from ostiary.sessions.lifecycle import LiveSession, Sessions
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database
from ostiary.web.address import Address
from ostiary.web.look import Look, is_at_home, look_of
from ostiary.web.peer import Client, client
from ostiary.web.redirects import see_other


@dataclass(frozen=True)
class Browser:
    """What the form cookie says: one secret per browser. ``cookie`` is its value, ``fresh`` if the browser lacks it
    yet.
    """

    secret: bytes
    cookie: str
    fresh: bool


@dataclass(frozen=True)
class Visit:
    """Anybody's request to a page. ``session`` is None for a stranger; ``stale`` says that a dead login cookie came
    along.
    """

    request: Request
    client: Client
    secure: bool
    browser: Browser
    session: LiveSession | None
    stale: bool

    @property
    def cookies(self) -> str:
        """All Cookie lines as one."""
        return "; ".join(self.request.headers.getlist("cookie"))

    @property
    def at_home(self) -> bool:
        """Whether the host is one of ours, and not an application's."""
        return is_at_home(self.request)

    @property
    def look(self) -> Look:
        """How the pages of this host look, and where their links lead."""
        return look_of(self.request)


@dataclass(frozen=True)
class SignedIn:
    """A request of a person with a live login; the type that a page for signed-in people asks for."""

    visit: Visit
    session: LiveSession


class Visits:
    """Makes a ``Visit`` of a request. ``sign_in_url`` gives our sign-in page, a flow's, for a person who wants to go
    to a path of ours.
    """

    def __init__(
        self,
        *,
        database: Database,
        secrets: Secrets,
        sessions: Sessions,
        address: Address,
        proxies: Proxies,
        sign_in_url: Callable[[str, str], str],
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._sessions = sessions
        self._address = address
        self._proxies = proxies
        self._sign_in_url = sign_in_url

    async def of(self, request: Request) -> Visit:
        """Reads cookies and peer; asks the database only for a login cookie that we minted."""
        peer = client(request, self._proxies)
        secure = await self._address.secure(peer)
        header = "; ".join(request.headers.getlist("cookie"))
        cookie = FORM.read(self._secrets, header, secure)
        if cookie is None:
            value, secret = FORM.mint(self._secrets)
            browser = Browser(secret, value, fresh=True)
        else:
            browser = Browser(FORM.verify(self._secrets, cookie) or b"", cookie, fresh=False)
        session = None
        login = LOGIN.read(self._secrets, header, secure)
        if login is not None:
            async with self._database.reading() as r:
                session = await self._sessions.find(r, login)
        if session is not None:
            self._sessions.touch(session.id, session.last_used)
        stale = session is None and bool(values(header, LOGIN.name(secure)))
        return Visit(request, peer, secure, browser, session, stale)

    def signed_in(self, visit: Visit) -> SignedIn | None:
        """The visit of a signed-in person, or None."""
        return None if visit.session is None else SignedIn(visit, visit.session)

    def to_sign_in(self, visit: Visit) -> Response:
        """Sends a stranger to the sign-in page and back here after it. Only a GET can come back."""
        path = visit.request.url.path
        if visit.request.method in ("GET", "HEAD") and visit.request.url.query:
            path += f"?{visit.request.url.query}"
        return see_other(self._sign_in_url(path, visit.look.authentication))
