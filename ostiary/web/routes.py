"""Every route says who may call it; one that does not cannot be built."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, overload

from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from ostiary.web.visits import SignedIn, Visit, Visits


class _Anything(PathConvertor):
    """``{rest:any}``: all that follows. Starlette's own ``path`` ends at an encoded line break."""

    regex = "(?s:.*)"


register_url_convertor("any", _Anything())

RawHandler = Callable[[Request], Awaitable[Response]]
VisitHandler = Callable[[Visit], Awaitable[Response]]
SignedInHandler = Callable[[SignedIn], Awaitable[Response]]


class Who(StrEnum):
    """Who may call a route. The handler's signature follows from it."""

    ANYONE = "anyone"
    """A browser, signed in or not; the handler gets a ``Visit``."""
    SIGNED_IN = "signed in"
    """A browser with a live login; the handler gets a ``SignedIn``. Everyone else is sent to the sign-in page."""
    PROXY = "proxy"
    """A reverse proxy that asks; the handler gets the raw request and judges the peer itself."""
    MACHINE = "machine"
    """Public and about nobody: health, static files. No cookie is read; the handler gets the raw request."""
    API = "as its operation says"
    """The management API, an application of its own: each of its operations says who may call it."""


@dataclass(frozen=True)
class Entry:
    """One line of the authorization matrix."""

    path: str
    methods: tuple[str, ...]
    who: Who


class Routes:
    """Collects the routes of all features and builds each with its guard."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._routes: list[Route] = []
        self._matrix: list[Entry] = []

    @overload
    def route(
        self,
        path: str,
        handler: RawHandler,
        *,
        who: Literal[Who.PROXY, Who.MACHINE],
        methods: Sequence[str] = ...,
    ) -> None: ...

    @overload
    def route(
        self, path: str, handler: VisitHandler, *, who: Literal[Who.ANYONE], methods: Sequence[str] = ...
    ) -> None: ...

    @overload
    def route(
        self, path: str, handler: SignedInHandler, *, who: Literal[Who.SIGNED_IN], methods: Sequence[str] = ...
    ) -> None: ...

    def route(
        self,
        path: str,
        handler: RawHandler | VisitHandler | SignedInHandler,
        *,
        who: Who,
        methods: Sequence[str] = ("GET",),
    ) -> None:
        """Adds a route. ``who`` decides what the handler is given, so that a handler cannot be mounted wider than it
        is.
        """
        self._routes.append(Route(path, self._guarded(handler, Who(who)), methods=list(methods)))
        self._matrix.append(Entry(path, tuple(methods), Who(who)))
        if path.endswith("/") and path != "/" and "GET" in methods:
            self._routes.append(Route(path[:-1], _with_slash, methods=["GET"]))

    def api(self, path: str, app: ASGIApp) -> None:
        """Adds an application that guards its own operations, at every address that begins with ``path``."""
        # What is no function is to Starlette an application, which gets every method.
        self._routes.append(Route(path + "{rest:any}", app))
        self._matrix.append(Entry(path, (), Who.API))

    def _guarded(self, handler: RawHandler | VisitHandler | SignedInHandler, who: Who) -> RawHandler:
        visits = self._visits

        async def anyone(request: Request) -> Response:
            return await handler(await visits.of(request))  # type: ignore[arg-type]  # `who` says which

        async def signed_in(request: Request) -> Response:
            visit = await visits.of(request)
            person = visits.signed_in(visit)
            return visits.to_sign_in(visit) if person is None else await handler(person)  # type: ignore[arg-type]

        if who is Who.ANYONE:
            return anyone
        if who is Who.SIGNED_IN:
            return signed_in
        return handler  # type: ignore[return-value]  # `who` says which kind it is

    def built(self) -> list[Route]:
        """What the application mounts."""
        return list(self._routes)

    def matrix(self) -> list[Entry]:
        """Every route with who may call it."""
        return list(self._matrix)


async def _with_slash(request: Request) -> Response:
    # Relative to the last segment, so that neither the Host header nor the path can make this lead elsewhere.
    last = request.url.path.rsplit("/", 1)[-1]
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"./{last}/{query}", status_code=307)
