"""Reads the audit log: a page of it, or what is new since the last look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, literal, select, true
from sqlalchemy.types import UserDefinedType

from ostiary.events.catalog import Action
from ostiary.events.models import Event
from ostiary.kit.errors import InvalidInput
from ostiary.storage.session import Reading

_MOST = 1_000


class _Xid8(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **options: Any) -> str:
        return "xid8"


class _Snapshot(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **options: Any) -> str:
        return "pg_snapshot"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: of this action, done by this username; None means all."""

    action: Action | None = None
    username: str | None = None


def action(text: str) -> Action:
    """The action of that name. Raises `event.unknown_action`."""
    try:
        return Action(text)
    except ValueError as error:
        names = ", ".join(Action)
        raise InvalidInput(
            "event.unknown_action", f"action: there is no action of that name; it is one of {names}.", field="action"
        ) from error


async def events(
    r: Reading, wanted: Wanted | None = None, *, limit: int = 50, before: int | None = None
) -> Sequence[Event]:
    """The newest ``limit`` events (at most 1,000), newest first; with ``before``, those with a smaller id."""
    query = _filtered(select(Event), wanted or Wanted()).order_by(Event.id.desc()).limit(max(1, min(limit, _MOST)))
    if before is not None:
        query = query.where(Event.id < before)
    return (await r.scalars(query)).all()


class Follower:
    """Tells what is new since the last look, each event once and none left out.

    On SQLite the id is enough: writers commit one after another. On PostgreSQL an event with a smaller id may be
    committed later, so a look returns what was not visible in the snapshot of the look before.
    """

    def __init__(self, wanted: Wanted | None = None) -> None:
        self._wanted = wanted or Wanted()
        self._position: int | None = None
        self._snapshot: str | None = None

    async def begin(self, r: Reading, limit: int) -> Sequence[Event]:
        """Starts following; returns the last ``limit`` events before that, oldest first."""
        newest = _filtered(select(Event), self._wanted).order_by(Event.id.desc()).limit(max(0, min(limit, _MOST)))
        if r.get_bind().dialect.name == "postgresql":
            chosen = newest.subquery()
            found = await self._with_snapshot(r, Event.id.in_(select(chosen.c.id)))
        else:
            self._position = await r.scalar(select(func.coalesce(func.max(Event.id), 0)))
            found = list((await r.scalars(newest)).all())
        return sorted(found, key=lambda event: event.id)

    async def new(self, r: Reading) -> Sequence[Event]:
        """The events that were committed since the last call, in the order of their ids."""
        if self._snapshot is not None:
            last = cast(literal(self._snapshot), _Snapshot())
            first = cast(cast(func.pg_snapshot_xmin(last), Text), Event.xid.type)
            seen = func.pg_visible_in_snapshot(cast(cast(Event.xid, Text), _Xid8()), last)
            return await self._with_snapshot(r, and_(Event.xid >= first, ~seen, *_conditions(self._wanted)))
        if self._position is None:
            raise RuntimeError("begin() comes first")
        newest = await r.scalar(select(func.max(Event.id)))
        query = _filtered(select(Event), self._wanted).where(Event.id > self._position).order_by(Event.id)
        found = (await r.scalars(query)).all()
        self._position = max(self._position, newest or 0)
        return found

    async def _with_snapshot(self, r: Reading, condition: ColumnElement[bool]) -> list[Event]:
        # One statement has one snapshot: the events and the snapshot they were seen in belong together.
        one = select(cast(func.pg_current_snapshot(), Text).label("snapshot")).subquery()
        query = select(one.c.snapshot, Event).select_from(one).outerjoin(Event, condition).order_by(Event.id)
        rows = (await r.execute(query)).all()
        self._snapshot = rows[0].snapshot
        return [row.Event for row in rows if row.Event is not None]


def _filtered(query: Select[Event], wanted: Wanted) -> Select[Event]:
    return query.where(true(), *_conditions(wanted))


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.action is not None:
        conditions.append(Event.action == str(wanted.action))
    if wanted.username is not None:
        conditions.append(Event.user["username"].as_string() == wanted.username)
    return conditions
