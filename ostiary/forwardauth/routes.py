"""The forward-auth endpoints below both prefixes."""

import re
from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.access.freshness import Freshness
from ostiary.access.served import Served
from ostiary.access.table import AccessTable
from ostiary.forwardauth.dialects.addresses import PREFIXES
from ostiary.forwardauth.entrance import Entrance
from ostiary.forwardauth.explain import Explain
from ostiary.forwardauth.handoff import Handoff
from ostiary.forwardauth.judge import Judge
from ostiary.forwardauth.responder import Responder
from ostiary.forwardauth.sign_out import SignOutPage
from ostiary.forwardauth.start import StartPage
from ostiary.forwardauth.tickets import CALLBACK
from ostiary.forwardauth.wire import head_of
from ostiary.web.redirects import see_as_written
from ostiary.web.routes import Routes, Who
from ostiary.web.visits import Visit

_EVERY_METHOD = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "ACL",
    "BIND",
    "CHECKOUT",
    "COPY",
    "LINK",
    "LOCK",
    "M-SEARCH",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "NOTIFY",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
)
"""All that the HTTP parser knows but CONNECT: some proxies ask with the visitor's own method."""
# Much less than a key is published before it signs.
_KEYS_SECONDS = 300
_APP = re.compile(rb"(?:^|&)app=([0-9a-f]{8})(?:&|$)")
_TICKET = re.compile(rb"(?:^|&)ticket=([A-Za-z0-9_-]{1,128})(?:&|$)")


class ForwardAuth:
    """Speaks HTTP for this room."""

    def __init__(
        self,
        *,
        table: AccessTable,
        freshness: Freshness,
        judge: Judge,
        responder: Responder,
        handoff: Handoff,
        entrance: Entrance,
        start: StartPage,
        explain: Explain,
        sign_out: SignOutPage,
    ) -> None:
        self._table = table
        self._freshness = freshness
        self._judge = judge
        self._responder = responder
        self._handoff = handoff
        self._entrance = entrance
        self._start = start
        self._explain = explain
        self._sign_out = sign_out

    def mount(self, routes: Routes) -> None:
        for prefix in PREFIXES:
            routes.route(f"{prefix}/auth/{{rest:any}}", self.auth, who=Who.PROXY, methods=_EVERY_METHOD)
            routes.route(f"{prefix}/start", self._start, who=Who.ANYONE)
            routes.route(f"{prefix}/callback", self.callback, who=Who.ANYONE)
            routes.route(f"{prefix}/sign_out", self._sign_out, who=Who.ANYONE)
            routes.route(f"{prefix}/ping", self.ping, who=Who.MACHINE, methods=_EVERY_METHOD)
            routes.route(f"{prefix}/jwks.json", self.jwks, who=Who.MACHINE)

    async def auth(self, request: Request) -> Response:
        """A check that did not come by the short way, such as one with a body: the same function answers it."""
        scope = request.scope
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        head = head_of(request.method, target, scope["headers"])
        peer = request.client.host if request.client else ""
        found = self._responder.answer(head, request.method.encode("ascii"), target, peer)
        raw = await found if isinstance(found, Awaitable) else found
        if raw is None:
            return Response(status_code=404)
        top, _, body = raw.partition(b"\r\n\r\n")
        lines = top.split(b"\r\n")
        response = Response(body, status_code=int(lines[0].split(b" ")[1]))
        response.raw_headers = [
            (name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines[1:])
        ]
        return response

    async def callback(self, visit: Visit) -> Response:
        """Redeems a ticket on the application's host and goes on to where the person wanted to be."""
        closed = await self._entrance.address(visit)
        if isinstance(closed, Response):
            return closed
        query = visit.request.scope["query_string"]
        served = self._door(visit.client.host, query)
        if served is None or served.rules is None or served.host_key != visit.client.host:
            return self._explain.unknown_host(visit, visit.client.host)
        found = _TICKET.search(query)
        seated = None
        if found is not None and not served.in_place:
            seated = await self._handoff.seat(
                served,
                kind=CALLBACK,
                host=visit.client.host,
                cookies=visit.cookies,
                ticket=found[1].decode("ascii"),
                now=self._judge.now(),
            )
        if seated is None:
            return self._explain.ticket_gone(visit, served)
        set_cookie, return_url = seated
        response = see_as_written(return_url)
        response.headers.append("Set-Cookie", set_cookie)
        return response

    async def jwks(self, request: Request) -> Response:
        """The key set (RFC 7517) that signed identities are verified with. Nobody need ask for it at each request."""
        await self._freshness.believed()
        return JSONResponse(
            {"keys": self._table.signing.published},
            headers={"Cache-Control": f"public, max-age={_KEYS_SECONDS}", "X-Content-Type-Options": "nosniff"},
            media_type="application/jwk-set+json",
        )

    async def ping(self, request: Request) -> Response:
        """We are here; authentik's outposts answer so."""
        return Response(status_code=204)

    def _door(self, host: str, query: bytes) -> Served | None:
        """The application at a host that a ticket came for; told apart only where a host has several."""
        doors = self._table.rules.at(host)
        named = _APP.search(query)
        if len(doors) > 1 and named is not None:
            return next((served for served in doors if served.provider_uuid.encode().startswith(named[1])), None)
        return doors[0] if doors else None
