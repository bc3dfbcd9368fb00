"""``sign_out``: of everything, or of one application.

It is a link, and links are followed from everywhere. What the person asked for on a page of that host, or typed, is
done; another site's link leads to a question on our host.
"""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

from starlette.responses import Response

from ostiary.access.freshness import Freshness
from ostiary.access.served import Served
from ostiary.access.table import AccessTable
from ostiary.events.record import Actor
from ostiary.flows.intent import Intent
from ostiary.flows.start import INVALIDATION, Start
from ostiary.forwardauth.entrance import Entrance
from ostiary.forwardauth.explain import Explain
from ostiary.forwardauth.identify import Identify
from ostiary.forwardauth.judge import Judge
from ostiary.kit.urls import parse_origin
from ostiary.sessions.leaving import Leaving
from ostiary.web.redirects import see_as_written
from ostiary.web.visits import Visit

ASKING = "/if/user/sessions/"
"""Where a signed-in person is asked whether they mean it; ``?application=`` names which."""


class SignOutPage:
    """The endpoint ``sign_out``. ``ticket`` makes the text that lets our own sign-out skip its question."""

    def __init__(
        self,
        *,
        table: AccessTable,
        freshness: Freshness,
        identify: Identify,
        judge: Judge,
        entrance: Entrance,
        explain: Explain,
        flows: Start,
        leaving: Leaving,
        ticket: Callable[[str], str],
    ) -> None:
        self._table = table
        self._freshness = freshness
        self._identify = identify
        self._judge = judge
        self._entrance = entrance
        self._explain = explain
        self._flows = flows
        self._leaving = leaving
        self._ticket = ticket

    async def __call__(self, visit: Visit) -> Response:
        base_url = await self._entrance.address(visit)
        if isinstance(base_url, Response):
            return base_url
        if visit.at_home and visit.client.host != parse_origin(base_url).key:
            # Another host of ours, with a login of its own.
            base_url = ""
        query = visit.request.query_params
        slug = query.get("application")
        if slug is not None or query.get("scope") == "application":
            return await self._of_one(visit, base_url, slug)
        return await self._of_all(visit, base_url)

    async def _of_all(self, visit: Visit, base_url: str) -> Response:
        """Sends the person to our host, where the login ends and with it every application.

        If they asked for it on the application's own pages, a ticket goes along, so that nobody asks twice.
        """
        served, login_id, _ = await self._signed_in_at(visit, None)
        intent = Intent()
        ours = visit.look.invalidation
        if served is not None and served.invalidation_flow not in (ours, INVALIDATION):
            # First every door is closed; then the provider's own flow says its word.
            name = served.rules.name if served.rules else ""
            intent = Intent(resume=f"/if/flow/{served.invalidation_flow}/", application_name=name)
        url = base_url + self._flows.url(intent, ours)
        if served is None or login_id is None or not _own_wish(visit):
            return see_as_written(url)
        ticket = urlencode({"ticket": self._ticket(login_id)})
        response = see_as_written(f"{url}{'&' if '?' in url else '?'}{ticket}")
        response.headers.append("Set-Cookie", served.cookie.cleared(served.secure))
        return response

    async def _of_one(self, visit: Visit, base_url: str, slug: str | None) -> Response:
        """Ends one application's sessions of this login. Named, or else the one that this host is signed in at."""
        ours = visit.at_home
        if ours and visit.session is not None:
            served = self._table.rules.of_slug(slug or "")
            login_id, by = visit.session.id, visit.session.actor(None)
        else:
            served, found, person = await self._signed_in_at(visit, slug)
            login_id, by = found or "", person
        if served is None or served.rules is None or not login_id or not _own_wish(visit):
            # Only our host knows whether they are signed in at all, and asks before anything ends. What an application
            # is called is told to nobody who is not in it.
            mine = served.rules.slug if served and served.rules and login_id else ""
            name = mine if slug is None else slug
            return see_as_written(f"{base_url}{ASKING}?{urlencode({'application': name})}")
        by = replace(by, client_ip=visit.client.ip or None)
        await self._leaving.leave(login_id, served.provider_id, application=served.rules.slug, by=by)
        # Said on our host: on the application's, nothing of ours but this address may be routed.
        response = see_as_written(f"{base_url}{ASKING}?{urlencode({'left': served.rules.slug})}")
        if not ours:
            response.headers.append("Set-Cookie", served.cookie.cleared(served.secure))
        return response

    async def _signed_in_at(self, visit: Visit, slug: str | None) -> tuple[Served | None, str | None, Actor]:
        """(an application of this host, the login that is live there, whose it is): one with a login if there is any;
        only the one called ``slug`` if one is asked for."""
        doors = [
            served
            for served in self._table.rules.at(visit.client.host)
            if slug is None or (served.rules is not None and served.rules.slug == slug)
        ]
        cookies, now = visit.cookies, self._judge.now()
        for served in doors:
            found = await self._freshness.ask(self._identify.session(served, visit.client.host, cookies, now))
            if not isinstance(found, str):
                return served, found.login.id, found.login.actor("")
        return (doors[0] if doors else None), None, Actor(None, None)


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
