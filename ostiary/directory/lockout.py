"""Counts failed sign-ins per account, known device and client address, and refuses more for a while.

An attempt is counted before its password is checked and given back when it was right. So fifty attempts at once are no
more than fifty in a row, however many processes share the database. Names that no account has are counted alike, so a
lock tells nobody whether the name exists.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, case, delete, literal, null, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from ostiary.directory.models import Lockout as Row
from ostiary.directory.models import User
from ostiary.kit.clock import Clock
from ostiary.storage.base import Instant
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Reading, Writing

_PURPOSE = "lockout"
UNREADABLE: Final = "unreadable"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is counted. ``kind``: account, device or peer; ``key``: a keyed hash; ``attempts``: the budget."""

    kind: str
    key: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Counted:
    """One attempt in one budget. ``first``: it opened the window. ``last``: if it fails, the subject is locked."""

    subject: Subject
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class LockedUntil:
    """No attempt is heard before ``moment``."""

    moment: datetime


class Lockout:
    """The counters: ``attempts`` failures within ``window`` lock for ``duration``.

    ``peer_attempts`` is the budget of one client address (of one /64 in IPv6). ``shared_peer_attempts`` is that of a
    peer which sends forwarded headers without being declared: a proxy, then, with a house full of people behind it.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        secrets: Secrets,
        attempts: int = 5,
        window: timedelta = timedelta(minutes=15),
        duration: timedelta = timedelta(minutes=15),
        peer_attempts: int = 100,
        shared_peer_attempts: int = 1_000,
    ) -> None:
        self._clock = clock
        self._secrets = secrets
        self._attempts = attempts
        self._window = window
        self._duration = duration
        self._peer_attempts = peer_attempts
        self._shared_peer_attempts = shared_peer_attempts

    def account(self, user: User | None, folded_name: str) -> Subject:
        """The account, or the name that nobody has."""
        value = f"user:{user.id}" if user is not None else f"name:{folded_name}"
        return Subject("account", self._key(value), self._attempts)

    def device(self, user: User, device: str) -> Subject:
        """A browser in which this person signed in before; strangers' failures do not touch its budget."""
        return Subject("device", self._key(f"device:{user.id}:{device}"), self._attempts)

    def peer(self, address: str | None, *, shared: bool) -> Subject:
        """A client address; whoever has none that can be read shares one."""
        value = f"{'shared' if shared else 'peer'}:{network_of(address)}"
        return Subject("peer", self._key(value), self._shared_peer_attempts if shared else self._peer_attempts)

    async def locked(self, r: Reading, subjects: Sequence[Subject]) -> LockedUntil | None:
        """Whether one of them is locked now, without counting anything."""
        now = self._clock.now()
        budgets = {subject.key: subject.attempts for subject in subjects}
        rows = (await r.scalars(select(Row).where(Row.subject.in_(budgets)))).all()
        ends = [self._end(row.locked_until, row.window_started) for row in rows if row.failures >= budgets[row.subject]]
        return LockedUntil(max(ends)) if ends and max(ends) > now else None

    async def count(self, w: Writing, subjects: Sequence[Subject]) -> list[Counted] | LockedUntil:
        """Counts an attempt in each budget, in the order given, and stops at the first that is spent."""
        counted: list[Counted] = []
        for subject in subjects:
            one = await self._count(w, subject)
            if isinstance(one, LockedUntil):
                await self.give_back(w, counted)
                return one
            counted.append(one)
        return counted

    async def give_back(self, w: Writing, counted: Sequence[Counted]) -> None:
        """Uncounts an attempt whose password nobody checked."""
        for one in counted:
            await w.execute(
                update(Row)
                .where(Row.subject == one.subject.key, Row.failures > 0)
                .values(
                    failures=Row.failures - 1,
                    # The attempt that spent the budget brought the lock, and takes it away again.
                    locked_until=case((Row.failures == one.subject.attempts, null()), else_=Row.locked_until),
                )
            )

    async def succeeded(self, w: Writing, counted: Sequence[Counted]) -> None:
        """Forgets the failures of account and device. An address only gets this attempt back: else whoever has one
        account could go on guessing at the others'."""
        await self.give_back(w, [one for one in counted if one.subject.kind == "peer"])
        own = [one.subject.key for one in counted if one.subject.kind != "peer"]
        await w.execute(delete(Row).where(Row.subject.in_(own)))

    async def unlock(self, w: Writing, user: User) -> None:
        """Opens an account at once, as an administrator may."""
        await w.execute(delete(Row).where(Row.subject == self.account(user, "").key))

    async def forget_old(self, database: Database) -> None:
        """Deletes counters whose window and lock are over. Running it twice does no harm."""
        now = self._clock.now()
        async with database.writing() as w:
            await w.execute(
                delete(Row).where(
                    Row.window_started <= now - self._window, or_(Row.locked_until.is_(None), Row.locked_until <= now)
                )
            )

    async def _count(self, w: Writing, subject: Subject) -> Counted | LockedUntil:
        now = self._clock.now()
        until = now + self._duration
        now_, until_ = literal(now, Instant()), literal(until, Instant())
        over: ColumnElement[bool] = or_(
            Row.locked_until <= now, and_(Row.locked_until.is_(None), Row.window_started <= now - self._window)
        )
        # One past the budget is where the counting stops; that number says "refused".
        failures = case((over, 1), (Row.failures > subject.attempts, Row.failures), else_=Row.failures + 1)
        insert = postgresql.insert if w.get_bind().dialect.name == "postgresql" else sqlite.insert
        statement = (
            insert(Row)
            .values(
                subject=subject.key,
                failures=1,
                window_started=now,
                locked_until=until if subject.attempts <= 1 else None,
            )
            .on_conflict_do_update(
                index_elements=[Row.subject],
                set_={
                    "failures": failures,
                    "window_started": case((over, now_), else_=Row.window_started),
                    "locked_until": case(
                        (failures == subject.attempts, until_), (over, null()), else_=Row.locked_until
                    ),
                },
            )
            .returning(Row.failures, Row.window_started, Row.locked_until)
        )
        number, started, locked_until = (await w.execute(statement)).one()
        if number > subject.attempts:
            return LockedUntil(self._end(locked_until, started))
        return Counted(subject, first=number == 1 and started == now, last=number == subject.attempts)

    def _end(self, locked_until: datetime | None, window_started: datetime) -> datetime:
        # No lock although the budget is spent: it was wider when the failures were counted.
        return locked_until or window_started + self._window

    def _key(self, value: str) -> str:
        return self._secrets.hash(_PURPOSE, value.encode("utf-8", "replace"))


def network_of(address: str | None) -> str:
    """What counts as one address: itself, or in IPv6 the /64 that one house has."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return UNREADABLE
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip), 64), strict=False))
