"""``start``: where a refused visitor comes to, first on the application's host and then on ours.

On an application's host it binds an attempt to the browser and sends it to our host. On our host it takes the attempt,
lets the flow engine sign the person in, asks `authorize()`, and sends them back with a ticket, or explains.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from starlette.responses import JSONResponse, Response

from ostiary.access.freshness import Freshness
from ostiary.access.served import Ambiguous, Rules, Served
from ostiary.access.table import AccessTable
from ostiary.flows.intent import Intent
from ostiary.flows.start import Start
from ostiary.forwardauth import tickets
from ostiary.forwardauth.circle import SESSION_LIVE, look
from ostiary.forwardauth.entrance import Entrance
from ostiary.forwardauth.explain import Explain, prefix_of
from ostiary.forwardauth.handoff import Handoff, origin_of
from ostiary.forwardauth.identify import Identify
from ostiary.forwardauth.judge import Judge
from ostiary.forwardauth.loops import MOST, Loops
from ostiary.forwardauth.tickets import CALLBACK, CLEAN, IN_PLACE, Attempt
from ostiary.kit.errors import InvalidInput
from ostiary.kit.urls import location, parse_origin, return_target
from ostiary.sessions.lifecycle import LiveSession
from ostiary.storage.secrets import Secrets
from ostiary.web.redirects import see_as_written
from ostiary.web.visits import Visit

_ATTEMPT = re.compile(rb"(?:^|&)attempt=([A-Za-z0-9_-]+)(?:&|$)")
_METHOD = re.compile(rb"(?:^|&)method=([A-Z]{1,20})(?:&|$)")
_NOT_OURS = "The address to return to does not belong to this application."


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where a visitor was going: an application, the host it was asked at, path and query."""

    served: Served
    host: str
    target: bytes

    @property
    def origin(self) -> str:
        return origin_of(self.served, self.host)

    @property
    def url(self) -> str:
        return location(self.origin, self.target)


class StartPage:
    """The endpoint ``start``."""

    def __init__(
        self,
        *,
        table: AccessTable,
        freshness: Freshness,
        identify: Identify,
        judge: Judge,
        handoff: Handoff,
        loops: Loops,
        secrets: Secrets,
        flows: Start,
        entrance: Entrance,
        explain: Explain,
    ) -> None:
        self._table = table
        self._freshness = freshness
        self._identify = identify
        self._judge = judge
        self._handoff = handoff
        self._loops = loops
        self._secrets = secrets
        self._flows = flows
        self._entrance = entrance
        self._explain = explain

    async def __call__(self, visit: Visit) -> Response:
        base_url = await self._entrance.address(visit)
        if isinstance(base_url, Response):
            return base_url
        mode = visit.request.headers.get("sec-fetch-mode", "navigate")
        if mode != "navigate":
            # A program, an image: nobody would see the sign-in page, and no page's attempt may be disturbed.
            message = "Sign in first: open the application in a browser window."
            return JSONResponse(
                {"error": "forward_auth.sign_in", "message": message}, 401, {"Cache-Control": "no-store"}
            )
        query: bytes = visit.request.scope["query_string"]
        own = parse_origin(base_url).key
        rd = query.find(b"rd=")
        found = _ATTEMPT.search(query if rd < 0 else query[:rd])
        if found is None:
            return await self._begin(visit, query, base_url, own)
        if visit.client.host != own:
            return see_as_written(base_url + prefix_of(visit) + location("/start?", query))
        return await self._continue(visit, query, found[1].decode("ascii"))

    # Without an attempt

    async def _begin(self, visit: Visit, query: bytes, base_url: str, own: str) -> Response:
        try:
            rd = return_target(query) or _redirected_by_proxy(visit)
        except InvalidInput as error:
            return self._explain.bad_return(visit, error.code, error.message)
        here = visit.client.host
        doors = self._table.rules.at(here)
        host, target = rd or (None, doors[0].path.encode() + b"/" if len(doors) == 1 else b"/")
        host = host or here
        served = _found(self._table.rules, host, target)
        if not doors and here != own:
            return self._explain.unknown_host(visit, here)
        if doors and served not in doors:
            if served is None and host == here:
                return self._explain.unknown_host(visit, here)
            return self._explain.bad_return(visit, "forward_auth.return_elsewhere", _NOT_OURS)
        if served is None or served.rules is None:
            return self._explain.unknown_host(visit, host)
        wanted = Wanted(served, host, target)
        if here == own and visit.session is not None and (refusal := await self._refused(visit, wanted, visit.session)):
            return refusal
        if served.in_place:
            return self._explain.page(
                visit,
                "forward_auth.attempt_missing",
                "Please open the application again",
                "This sign-in did not begin with a check of the application's proxy, so it cannot be finished.",
                "If it always ends here, auth-signin has to pass the attempt on: …/start?attempt=$authHeader0, with"
                " X-Ostiary-Attempt as the first of auth-response-headers.",
                actions=(("Open the application", wanted.url),),
                contact=served.contact,
            )
        if here != served.host_key:
            # The attempt has to be bound where the ticket will come back.
            start = f"{served.origin}{prefix_of(visit)}/start?rd="
            return see_as_written(start + wanted.url)
        method = _METHOD.search(query[: query.find(b"rd=")] if b"rd=" in query else query)
        return await self._bind(visit, wanted, base_url, method[1].decode("ascii") if method else "")

    async def _bind(self, visit: Visit, wanted: Wanted, base_url: str, method: str) -> Response:
        cookies = visit.cookies
        now = self._judge.now()
        found = await self._freshness.ask(self._identify.session(wanted.served, wanted.served.host_key, cookies, now))
        attempt, set_cookie = self._handoff.begin(
            wanted.served,
            kind=CALLBACK,
            host=wanted.host,
            target=wanted.target,
            method=method,
            cookies=cookies,
            seen=found if isinstance(found, str) else SESSION_LIVE,
            saw=look(visit.client.scheme, "", cookies),
            now=now,
        )
        # The address goes last and unescaped: escaping what is escaped already would make it outgrow buffers.
        response = see_as_written(f"{base_url}{prefix_of(visit)}/start?attempt={attempt}&rd={wanted.url}")
        if set_cookie is not None:
            response.headers.append("Set-Cookie", set_cookie)
        return response

    # With an attempt, on our host

    async def _continue(self, visit: Visit, query: bytes, text: str) -> Response:
        now = self._judge.now()
        try:
            attempt = tickets.read(self._secrets, text, now)
            target = tickets.address(attempt, return_target(query))
        except InvalidInput as error:
            return self._explain.bad_return(visit, error.code, error.message)
        served = self._table.rules.of_provider(attempt.provider_id)
        if target is None or served is None or served.rules is None:
            return self._explain.bad_return(visit, "forward_auth.return_elsewhere", _NOT_OURS)
        if (
            _found(self._table.rules, attempt.host, target) is not served
            or (attempt.kind == CALLBACK) is served.in_place
        ):
            return self._explain.bad_return(
                visit, "forward_auth.changed", "The application was changed while you were signing in."
            )
        wanted = Wanted(served, attempt.host, target)
        if attempt.kind == CLEAN:
            return see_as_written(wanted.url)
        session = visit.session
        if session is None:
            return see_as_written(self._flows.url(*self._intent(visit, wanted, text)))
        refusal = await self._refused(visit, wanted, session)
        if refusal is not None:
            return refusal
        if attempt.method not in ("", "GET", "HEAD"):
            return self._explain.lost_form(visit, served, attempt.method, wanted.url)
        return await self._send_back(visit, wanted, attempt, session, now)

    def _intent(self, visit: Visit, wanted: Wanted, attempt: str) -> tuple[Intent, str]:
        rules = wanted.served.rules
        intent = Intent(
            # Written anew, and not as it came: escaped twice, a long address would outgrow a proxy's buffer.
            resume=f"{prefix_of(visit)}/start?attempt={attempt}&rd={wanted.url}",
            application_name=rules.name if rules else "",
            application_slug=rules.slug if rules else "",
            return_origin=wanted.served.origin,
        )
        return intent, wanted.served.authentication_flow or visit.look.authentication

    async def _refused(self, visit: Visit, wanted: Wanted, session: LiveSession) -> Response | None:
        """The page for a person who may not enter, with its event; None for one who may."""
        person = await self._freshness.ask(self._table.load_person(session.user_id))
        if person is None:
            return self._explain.unknown_host(visit, wanted.host)
        client_ip = visit.client.visitor
        standing = await self._freshness.ask(self._judge.standing(wanted.served, person, client_ip))
        opinion = self._judge.opinion(
            wanted.served,
            person,
            host=wanted.host,
            target=wanted.target,
            method="GET",
            client_ip=client_ip,
            standing=standing,
        )
        if opinion.refusal is None:
            return None
        self._judge.note(wanted.served, session.id, session.actor(visit.client.ip or None), wanted.host, opinion)
        return self._explain.forbidden(visit, wanted.served, person, opinion, wanted.host)

    async def _send_back(
        self, visit: Visit, wanted: Wanted, attempt: Attempt, session: LiveSession, now: datetime
    ) -> Response:
        before, counted = self._loops.count(
            visit.cookies,
            visit.secure,
            session_id=session.id,
            provider_id=wanted.served.provider_id,
            url_hash=attempt.url_hash,
            now=now,
        )
        if before >= MOST:
            person = await self._freshness.ask(self._table.load_person(session.user_id))
            if person is not None:
                return self._explain.loop(visit, wanted.served, person, attempt, wanted.url)
        ticket = await self._handoff.issue(
            attempt,
            served=wanted.served,
            session=session,
            client_ip=visit.client.ip,
            return_url=wanted.url,
            now=now,
        )
        if attempt.kind == IN_PLACE:
            response = see_as_written(location(wanted.origin, tickets.with_ticket(wanted.target, ticket)))
        else:
            app = wanted.served.provider_uuid[:8]
            response = see_as_written(f"{wanted.served.origin}{prefix_of(visit)}/callback?app={app}&ticket={ticket}")
        response.headers.append("Set-Cookie", counted)
        return response


def _found(rules: Rules, host: str, target: bytes) -> Served | None:
    """The application of an address, None too if its path can be read in two ways."""
    try:
        return rules.find(host, target)
    except Ambiguous:
        return None


def _redirected_by_proxy(visit: Visit) -> tuple[str | None, bytes] | None:
    """Where a proxy says that the visitor was going, if it cannot write it into our address.

    No more is believed of it than of ``rd``: it leads somewhere only if it is an address of the application.
    """
    told = visit.request.headers.get("x-auth-request-redirect", "")
    return return_target(b"rd=" + told.encode("latin-1")) if told.startswith("/") and visit.client.declared else None
