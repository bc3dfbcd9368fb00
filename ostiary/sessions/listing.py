"""Lists logins for those who look after them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from ostiary.directory.models import User
from ostiary.kit.errors import NotFound
from ostiary.sessions.models import AppSession, Session
from ostiary.storage.session import Reading

_IMPERSONATOR = aliased(User)


@dataclass(frozen=True)
class Listed:
    """A login as a list shows it. ``applications`` counts the application sessions that hang on it."""

    id: str
    user_id: int
    username: str
    created: datetime
    authenticated: datetime
    last_used: datetime
    expires: datetime
    method: str
    client_ip: str | None
    user_agent: str
    applications: int
    impersonator: str | None = None
    """The username of the administrator who acts as this person there."""


async def listed(r: Reading, *, user_id: int | None = None, limit: int = 100) -> Sequence[Listed]:
    """The latest used logins first, of one person or of everybody."""
    query = _query().order_by(Session.last_used.desc(), Session.id).limit(limit)
    if user_id is not None:
        query = query.where(Session.user_id == user_id)
    return [Listed(**row) for row in (await r.execute(query)).mappings()]


async def shown(r: Reading, session_id: str) -> Listed:
    """One login. Raises `session.not_found`."""
    row = (await r.execute(_query().where(Session.id == session_id))).mappings().first()
    if row is None:
        raise NotFound("session.not_found", f"There is no session {session_id}; `ostiary session list` shows them.")
    return Listed(**row)


def _query() -> Select[*tuple[Any, ...]]:
    applications = (
        select(func.count())
        .select_from(AppSession)
        .where(AppSession.session_id == Session.id)
        .scalar_subquery()
        .label("applications")
    )
    query = select(
        Session.id,
        Session.user_id,
        User.username,
        Session.created,
        Session.authenticated,
        Session.last_used,
        Session.expires,
        Session.method,
        Session.client_ip,
        Session.user_agent,
        applications,
        _IMPERSONATOR.username.label("impersonator"),
    )
    return query.join(User, User.id == Session.user_id).outerjoin(
        _IMPERSONATOR, _IMPERSONATOR.id == Session.impersonator_id
    )
