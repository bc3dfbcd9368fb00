"""The forward-auth endpoints below both prefixes."""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.access.freshness import Freshness
from ostiary.access.served import Served
from ostiary.access.table import AccessTable, Entry
from ostiary.flows.intent import Intent
from ostiary.flows.start import INVALIDATION, Start
from ostiary.forwardauth.dialects.addresses import PREFIXES
from ostiary.forwardauth.explain import Explain
from ostiary.forwardauth.handoff import Handoff
from ostiary.forwardauth.identify import Identify
from ostiary.forwardauth.judge import Judge
from ostiary.forwardauth.responder import Responder
from ostiary.forwardauth.start import StartPage, cookie_header, redirect
from ostiary.forwardauth.tickets import CALLBACK
from ostiary.forwardauth.wire import head_of
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
    """Speaks HTTP for this room. ``sign_out_ticket`` makes the text that lets our own sign-out skip its question."""

    def __init__(
        self,
        *,
        table: AccessTable,
        freshness: Freshness,
        identify: Identify,
        judge: Judge,
        responder: Responder,
        handoff: Handoff,
        start: StartPage,
        explain: Explain,
        flows: Start,
        sign_out_ticket: Callable[[str], str],
    ) -> None:
        self._table = table
        self._freshness = freshness
        self._identify = identify
        self._judge = judge
        self._responder = responder
        self._handoff = handoff
        self._start = start
        self._explain = explain
        self._flows = flows
        self._sign_out_ticket = sign_out_ticket

    def mount(self, routes: Routes) -> None:
        for prefix in PREFIXES:
            routes.route(f"{prefix}/auth/{{rest:any}}", self.auth, who=Who.PROXY, methods=_EVERY_METHOD)
            routes.route(f"{prefix}/start", self._start, who=Who.ANYONE)
            routes.route(f"{prefix}/callback", self.callback, who=Who.ANYONE)
            routes.route(f"{prefix}/sign_out", self.sign_out, who=Who.ANYONE)
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
        if visit.client.undeclared is not None:
            return self._explain.undeclared(visit, visit.client.undeclared)
        await self._freshness.believed()
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
                cookies=cookie_header(visit),
                ticket=found[1].decode("ascii"),
                now=self._judge.now(),
            )
        if seated is None:
            return self._explain.ticket_gone(visit, served)
        set_cookie, return_url = seated
        response = redirect(return_url)
        response.headers.append("Set-Cookie", set_cookie)
        return response

    async def sign_out(self, visit: Visit) -> Response:
        """Sends the person to our host, where the login ends and with it every application.

        If they asked for it on the application's own pages, a ticket goes along, so that nobody asks twice; another
        site's link leads to a question instead.
        """
        if visit.client.undeclared is not None:
            return self._explain.undeclared(visit, visit.client.undeclared)
        await self._freshness.believed()
        base_url = self._table.rules.base_url
        if base_url is None:
            return self._explain.not_ready(visit)
        served, entry = await self._signed_in_at(visit)
        intent = Intent()
        if served is not None and served.invalidation_flow != INVALIDATION:
            # First every door is closed; then the provider's own flow says its word.
            name = served.rules.name if served.rules else ""
            intent = Intent(resume=f"/if/flow/{served.invalidation_flow}/", application_name=name)
        url = base_url + self._flows.url(intent, INVALIDATION)
        if served is None or entry is None or not _own_wish(visit):
            return redirect(url)
        ticket = urlencode({"ticket": self._sign_out_ticket(entry.login.id)})
        response = redirect(f"{url}{'&' if '?' in url else '?'}{ticket}")
        response.headers.append("Set-Cookie", served.cookie.cleared(served.secure))
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

    async def _signed_in_at(self, visit: Visit) -> tuple[Served | None, Entry | None]:
        """(an application of this host, its live session here): one with a session if there is any."""
        doors = self._table.rules.at(visit.client.host)
        cookies, now = cookie_header(visit), self._judge.now()
        for served in doors:
            found = await self._freshness.ask(self._identify.session(served, visit.client.host, cookies, now))
            if not isinstance(found, str):
                return served, found
        return (doors[0] if doors else None), None


def _own_wish(visit: Visit) -> bool:
    """Whether the person asked on this host's own pages or typed the address.

    Fetch Metadata cannot be forged by a page; over plain http, where browsers leave it out, the Referer has to name
    this host.
    """
    headers = visit.request.headers
    if headers.get("sec-fetch-dest", "document") != "document" or "sec-purpose" in headers:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = f"{visit.client.scheme}://{headers.get('host', '')}/"
    return headers.get("referer", "").startswith(origin)
