"""``/if/user/sessions/``: where a person is signed in, and a way out of each place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import func, select
from starlette.responses import Response

from ostiary.access.openable import openable
from ostiary.applications.models import Application
from ostiary.kit.clock import Clock
from ostiary.kit.errors import NotFound
from ostiary.sessions.leaving import Leaving
from ostiary.sessions.lifecycle import Sessions
from ostiary.sessions.listing import listed, shown
from ostiary.sessions.models import AppSession
from ostiary.storage.session import Database, Reading
from ostiary.web.forms import Forms
from ostiary.web.redirects import see_other
from ostiary.web.routes import Routes, Who
from ostiary.web.visits import SignedIn

PATH = "/if/user/sessions/"
_MOST = 50


@dataclass(frozen=True)
class Opened:
    """An application that this login has opened."""

    provider_id: int
    slug: str
    name: str
    hosts: str
    since: datetime


@dataclass(frozen=True)
class Elsewhere:
    """Another login of the same person, or of an administrator who acts as them."""

    id: str
    browser: str
    address: str
    last_used: datetime
    applications: int
    impersonator: str | None


class SessionsPage:
    """Shows and ends; ``leaving`` and ``sessions`` are the verbs."""

    def __init__(self, *, database: Database, clock: Clock, forms: Forms, sessions: Sessions, leaving: Leaving) -> None:
        self._database = database
        self._clock = clock
        self._forms = forms
        self._sessions = sessions
        self._leaving = leaving

    def mount(self, routes: Routes) -> None:
        routes.route(PATH, self.page, who=Who.SIGNED_IN, methods=("GET", "POST"))

    async def page(self, person: SignedIn) -> Response:
        """All places; or, sent here by a link that names an application, the question whether to leave that one."""
        if person.visit.request.method == "POST":
            return await self._end(person)
        session = person.session
        async with self._database.reading() as r:
            opened = await _opened(r, session.id)
            named = person.visit.request.query_params.get("application")
            asked = next((one for one in opened if one.slug == named), None)
            left = await self._name_of_left(r, person, opened)
            if asked is not None:
                return self._forms.page(person.visit, "portal/leave.html", application=asked, path=PATH)
            others = [one for one in await listed(r, user_id=session.user_id, limit=_MOST) if one.id != session.id]
        elsewhere = [
            Elsewhere(
                one.id,
                browser_name(one.user_agent),
                one.client_ip or "",
                one.last_used,
                one.applications,
                one.impersonator,
            )
            for one in others
        ]
        return self._forms.page(
            person.visit,
            "portal/sessions.html",
            opened=opened,
            elsewhere=elsewhere,
            path=PATH,
            left=left,
            not_open=bool(named),
        )

    async def _end(self, person: SignedIn) -> Response:
        fields = await self._forms.checked(person.visit)
        session = person.session
        by = session.actor(person.visit.client.ip or None)
        if "application" in fields:
            async with self._database.reading() as r:
                opened = await _opened(r, session.id)
            for one in opened:
                if one.slug == fields["application"]:
                    await self._leaving.leave(session.id, one.provider_id, application=one.slug, by=by)
                    return see_other(f"{PATH}?{urlencode({'left': one.slug})}")
        else:
            async with self._database.reading() as r:
                theirs = await shown(r, fields.get("session", ""))
            if theirs.user_id != session.user_id:
                raise NotFound("session.not_found", "This session has ended already.")
            await self._sessions.end(theirs.id, by=by, reason="signed out by its owner")
        return see_other(PATH)

    async def _name_of_left(self, r: Reading, person: SignedIn, opened: Sequence[Opened]) -> str:
        """What an application is called that has just been left; "" for one that is still open, that there is not, or
        that the person may not open: anybody can write an address.
        """
        slug = person.visit.request.query_params.get("left")
        if slug is None or any(one.slug == slug for one in opened):
            return ""
        left = await r.scalar(select(Application).where(Application.slug == slug))
        if left is None:
            return ""
        mine = await openable(r, person.session.user_id, self._clock.now(), person.visit.client.visitor)
        return left.name if left.id in mine else ""


async def _opened(r: Reading, session_id: str) -> Sequence[Opened]:
    """By name. A host appears once, however often it was opened."""
    rows = await r.execute(
        select(
            AppSession.provider_id, Application.slug, Application.name, AppSession.host, func.min(AppSession.created)
        )
        .join(Application, Application.provider_id == AppSession.provider_id)
        .where(AppSession.session_id == session_id)
        .group_by(AppSession.provider_id, Application.slug, Application.name, AppSession.host)
        .order_by(Application.name, Application.slug, AppSession.host)
    )
    found: dict[str, Opened] = {}
    for provider_id, slug, name, host, since in rows:
        before = found.get(slug)
        hosts = host if before is None else f"{before.hosts}, {host}"
        found[slug] = Opened(provider_id, slug, name, hosts, since if before is None else min(since, before.since))
    return list(found.values())


def browser_name(user_agent: str) -> str:
    """A few words for a browser, such as "Firefox on Linux"; what it says of itself decides nothing."""
    browsers = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrom", "Chrome"), ("Safari/", "Safari"))
    systems = (
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    )
    browser = next((name for mark, name in browsers if mark in user_agent), "")
    system = next((name for mark, name in systems if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or re.split(r"[/ (]", user_agent)[0][:40] or "Unknown browser"
