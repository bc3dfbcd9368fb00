"""Numbers of the audit log: how much happened when, by whom and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, String, cast, func, select, type_coerce

from ostiary.events.catalog import Action
from ostiary.events.models import Event
from ostiary.storage.session import Reading

_HOUR, _DAY = 3_600_000_000, 86_400_000_000


@dataclass(frozen=True)
class Volume:
    """How often something happened within the hour or day that begins then."""

    action: str
    time: datetime
    count: int


@dataclass(frozen=True)
class Top:
    """How often an application was opened, and by how many people."""

    application: str
    events: int
    users: int


def _username() -> ColumnElement[str]:
    return cast(Event.user["username"].as_string(), String)


async def volume(r: Reading, conditions: Sequence[ColumnElement[bool]], *, now: datetime, days: int) -> list[Volume]:
    """By action and hour; by day for more than a week."""
    size = _HOUR if days <= 7 else _DAY
    created = type_coerce(Event.created, BigInteger)
    begins = (created - created % size).label("begins")
    query = (
        select(Event.action, begins, func.count())
        .where(Event.created > now - timedelta(days=days), *conditions)
        .group_by(Event.action, begins)
        .order_by(begins, Event.action)
    )
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return [Volume(action, epoch + timedelta(microseconds=at), count) for action, at, count in await r.execute(query)]


async def top_applications(r: Reading, conditions: Sequence[ColumnElement[bool]], *, most: int) -> list[Top]:
    """The applications that were opened most often, by slug."""
    slug = cast(Event.context["application"].as_string(), String).label("slug")
    query = (
        select(slug, func.count().label("events"), func.count(func.distinct(_username())))
        .where(Event.action == str(Action.AUTHORIZE_APPLICATION), slug.is_not(None), *conditions)
        .group_by(slug)
        .order_by(func.count().desc(), slug)
        .limit(most)
    )
    return [Top(*row) for row in await r.execute(query)]


async def people(r: Reading, conditions: Sequence[ColumnElement[bool]]) -> int:
    """How many different people caused these events."""
    return await r.scalar(select(func.count(func.distinct(_username()))).where(*conditions)) or 0


async def happened(r: Reading, conditions: Sequence[ColumnElement[bool]], *, since: datetime) -> int:
    """How many of these events there were since then."""
    return await r.scalar(select(func.count()).select_from(Event).where(Event.created > since, *conditions)) or 0
