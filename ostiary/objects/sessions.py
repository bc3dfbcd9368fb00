"""Logins: where people are signed in. They are seen and ended here, never made."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Select, select

from ostiary.directory import escalation
from ostiary.directory.models import User
from ostiary.directory.usernames import folded
from ostiary.events.record import Actor
from ostiary.objects.kind import Caller, Fields, Filter, Kind, Shown, Words, equals
from ostiary.objects.user_agents import parsed
from ostiary.sessions.lifecycle import Sessions as SessionVerbs
from ostiary.sessions.models import Session
from ostiary.storage.session import Reading


class _Family(Shown):
    family: str


class _Browser(Shown):
    family: str
    major: str
    minor: str
    patch: str


class SessionUserAgent(Shown):
    """What the browser says of itself."""

    device: _Family
    os: _Family
    user_agent: _Browser
    string: str


class AuthenticatedSession(Shown):
    """What a client receives. Where an address lies is looked up nowhere."""

    uuid: str
    current: bool
    user_agent: SessionUserAgent
    geo_ip: None
    asn: None
    user: int
    last_ip: str
    last_user_agent: str
    last_used: datetime
    expires: datetime


class NoFields(Fields):
    """Nothing of a login can be written."""


class Sessions(Kind):
    """Kind of logins. Everybody may see and end their own."""

    words = Words("authentik_core.authenticatedsession", "Authenticated Session", "Authenticated Sessions")
    table = Session
    pk = Session.id
    key = Session.id
    owner = Session.user_id
    fields = NoFields
    shown = AuthenticatedSession
    search = (User.username, Session.client_ip, Session.user_agent)
    ordering: ClassVar = {
        "user__username": User.username,
        "session__last_used": Session.last_used,
        "last_used": Session.last_used,
        "expires": Session.expires,
        "session__expires": Session.expires,
        "session__last_ip": Session.client_ip,
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "session__last_ip": equals(Session.client_ip),
        "session__last_user_agent": equals(Session.user_agent),
        "user__username": Filter(str, lambda name: User.username == folded(name)),
    }

    def __init__(self, sessions: SessionVerbs) -> None:
        self._sessions = sessions

    def every(self) -> Select[Any]:
        return select(Session).join(User, User.id == Session.user_id)

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return [
            {
                "uuid": row.id,
                "current": row.id == caller.session_id,
                "user_agent": parsed(row.user_agent),
                "geo_ip": None,
                "asn": None,
                "user": row.user_id,
                "last_ip": row.client_ip or "",
                "last_user_agent": row.user_agent,
                "last_used": row.last_used,
                "expires": row.expires,
            }
            for row in rows
        ]

    async def guard(self, r: Reading, caller: Caller, verb: str, row: Any | None, values: Mapping[str, Any]) -> None:
        if row is not None and row.user_id != caller.user_id:
            await escalation.may_touch_user(r, caller.may, row.user_id)

    async def delete(self, row: Any, by: Actor) -> None:
        own = row.user_id == by.user_id
        await self._sessions.end(
            row.id, by=by, reason="signed out by its owner" if own else "ended by an administrator"
        )
