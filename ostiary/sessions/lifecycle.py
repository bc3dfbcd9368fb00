"""The life of a login: start, use, rotation, end.

A login's cookie changes with every sign-in, so that a planted or copied one dies. A login ends when its absolute time
is up, when it lay idle too long, when somebody ends it, or with its person; its application sessions and tickets go
with it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.orm import aliased

from ostiary.directory.impersonation import may_impersonate
from ostiary.directory.models import User
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import NotFound
from ostiary.sessions.cookie import LOGIN
from ostiary.sessions.models import Session
from ostiary.storage.last_use import LastUse
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Reading, Writing

_ROOM = "sessions"
_HASH = "session"
_USED_SECONDS = 60
_IMPERSONATOR = aliased(User)


@dataclass(frozen=True)
class Impersonator:
    """The administrator who signed in and acts as somebody else."""

    user_id: int
    username: str
    name: str


@dataclass(frozen=True)
class LiveSession:
    """A login that is good right now, and whose it is: with ``impersonator``, as whom that one acts."""

    id: str
    user_id: int
    username: str
    name: str
    email: str
    authenticated: datetime
    method: str
    created: datetime
    last_used: datetime
    expires: datetime
    impersonator: Impersonator | None = None

    def actor(self, client_ip: str | None) -> Actor:
        """Who did it, for events: an administrator who acts as somebody is named, and as whom they act."""
        if self.impersonator is None:
            return Actor(self.user_id, self.username, client_ip)
        who = self.impersonator
        return Actor(who.user_id, who.username, client_ip, (self.user_id, self.username))


@dataclass(frozen=True)
class Ended:
    """A login that has just ended."""

    session_id: str
    user_id: int
    reason: str


Listener = Callable[[Writing, Ended], Awaitable[None]]


class Sessions:
    """Starts, finds and ends logins. ``idle`` and ``absolute`` are seconds.

    ``listeners`` are told of every end inside the transaction that ends it; the composition root fills the list.
    Whoever acts as somebody else is asked about at every sight of their login: whether they still may.
    """

    def __init__(self, *, database: Database, clock: Clock, secrets: Secrets, idle: int, absolute: int) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets
        self._idle = timedelta(seconds=idle)
        self._absolute = timedelta(seconds=absolute)
        self._use = LastUse(database=database, model=Session)
        self.listeners: list[Listener] = []

    async def start(
        self,
        w: Writing,
        *,
        user_id: int,
        method: str,
        client_ip: str | None,
        user_agent: str,
        replaces: str | None,
        lasts: timedelta | None = None,
    ) -> str:
        """Starts a login and returns its cookie value, always a new one. One that ``lasts`` so long does not end
        because it lay idle.

        ``replaces`` is the id of the browser's login so far. Another person's ends, with its applications. The same
        person's goes on under the new value, so that a second tab does not close what the first has just opened.
        """
        value, token_hash = self.mint()
        now = self._clock.now()
        length = {"expires": now + (lasts or self._absolute), "ends_when_idle": lasts is None}
        if replaces is not None:
            renewed = (
                update(Session)
                .where(Session.id == replaces, Session.user_id == user_id, Session.impersonator_id.is_(None))
                .values(
                    token_hash=token_hash,
                    authenticated=now,
                    method=method,
                    last_used=now,
                    **length,
                )
                .returning(Session.id)
            )
            if await w.scalar(renewed) is not None:
                return value
            for one in await self._end(w, [replaces], "replaced"):
                about = {"session": one.session_id, "user_id": one.user_id}
                by = Actor(user_id, None, client_ip)
                await record(w, self._clock, Action.LOGOUT, _ROOM, by, reason="another person signed in", **about)
        w.add(
            Session(
                token_hash=token_hash,
                user_id=user_id,
                created=now,
                authenticated=now,
                method=method,
                last_used=now,
                **length,
                client_ip=client_ip,
                user_agent=user_agent[:512],
            )
        )
        await w.flush()
        return value

    async def rotate(self, w: Writing, session_id: str) -> str:
        """Gives a login a new cookie value, as after a password change; the old value is dead from here on."""
        value, token_hash = self.mint()
        rotated = update(Session).where(Session.id == session_id).values(token_hash=token_hash).returning(Session.id)
        if await w.scalar(rotated) is None:
            raise NotFound("session.not_found", "This session has ended.")
        return value

    async def find(self, r: Reading, cookie: str) -> LiveSession | None:
        """The login of a cookie value, unless it has ended, lay idle too long, or its person is disabled."""
        secret = LOGIN.verify(self._secrets, cookie)
        if secret is None:
            return None
        row = (
            await r.execute(
                select(Session, User, _IMPERSONATOR)
                .join(User, User.id == Session.user_id)
                .outerjoin(_IMPERSONATOR, _IMPERSONATOR.id == Session.impersonator_id)
                .where(Session.token_hash.in_(self._secrets.hashes(_HASH, secret)), User.is_active)
            )
        ).first()
        if row is None:
            return None
        session, user = row[0], row[1]
        other: User | None = row[2]
        now = self._clock.now()
        last_used = self._use.noted(session.id, session.last_used)
        if now >= session.expires or (session.ends_when_idle and now - last_used >= self._idle):
            return None
        if other is not None and not await may_impersonate(r, other.id, user.id):
            return None
        return LiveSession(
            id=session.id,
            user_id=user.id,
            username=user.username,
            name=user.name,
            email=user.email,
            authenticated=session.authenticated,
            method=session.method,
            created=session.created,
            last_used=last_used,
            expires=session.expires,
            impersonator=None if other is None else Impersonator(other.id, other.username, other.name),
        )

    def touch(self, session_id: str, last_used: datetime) -> None:
        """Notes that a login is in use; ``last_used`` is what the caller knows. Written by ``flush``, once a minute
        at most.
        """
        now = self._clock.now()
        if now - last_used >= timedelta(seconds=_USED_SECONDS):
            self._use.note(session_id, now)

    async def flush(self) -> None:
        """Writes the noted uses in one transaction. A use never moves backwards."""
        await self._use.flush()

    async def end(self, session_id: str, *, by: Actor, reason: str) -> bool:
        """Ends one login, with its event. Whether there was one."""
        async with self._database.writing() as w:
            return await self.end_in(w, session_id, by=by, reason=reason)

    async def end_in(self, w: Writing, session_id: str, *, by: Actor, reason: str) -> bool:
        """``end`` inside the caller's transaction."""
        ended = await self._end(w, [session_id], reason)
        for one in ended:
            await record(
                w, self._clock, Action.LOGOUT, _ROOM, by, session=one.session_id, user_id=one.user_id, reason=reason
            )
        return bool(ended)

    async def end_all(self, user_id: int, *, by: Actor, reason: str) -> int:
        """Ends every login of a person; how many there were."""
        async with self._database.writing() as w:
            ids = list(await w.scalars(select(Session.id).where(_of(user_id))))
            ended = await self._end(w, ids, reason)
            if ended:
                await record(
                    w, self._clock, Action.LOGOUT, _ROOM, by, user_id=user_id, sessions=len(ended), reason=reason
                )
            return len(ended)

    async def end_others(self, w: Writing, user_id: int, keep: str | None) -> None:
        """Ends a person's logins except ``keep``, inside the transaction that changes their credentials."""
        await self._end(w, await _others(w, user_id, keep), "credentials changed")

    async def end_elsewhere(self, w: Writing, user_id: int, keep: str | None, *, by: Actor) -> None:
        """Ends a person's logins except ``keep``, with an event, inside the transaction that signs them in anew."""
        ended = await self._end(w, await _others(w, user_id, keep), "signed in elsewhere")
        if ended:
            about = {"user_id": user_id, "sessions": len(ended), "reason": "signed in elsewhere"}
            await record(w, self._clock, Action.LOGOUT, _ROOM, by, **about)

    async def expire(self) -> int:
        """Ends the logins whose time is up; a job calls it. How many there were."""
        await self.flush()
        now = self._clock.now()
        async with self._database.writing() as w:
            idle = and_(Session.ends_when_idle, Session.last_used <= now - self._idle)
            over = or_(Session.expires <= now, idle)
            return len(await self._end(w, list(await w.scalars(select(Session.id).where(over).limit(1000))), "expired"))

    async def end_unallowed(self) -> int:
        """Ends the logins of administrators who act as somebody and may not any more; a job calls it. How many."""
        async with self._database.writing() as w:
            acting = await w.execute(
                select(Session.id, Session.impersonator_id, Session.user_id).where(Session.impersonator_id.is_not(None))
            )
            over = [one for one, who, whom in acting.all() if who and not await may_impersonate(w, who, whom)]
            return len(await self._end(w, over, "may not act as that person any more"))

    def mint(self) -> tuple[str, str]:
        """A new cookie value, and the hash under which a login with it is found."""
        value, secret = LOGIN.mint(self._secrets)
        return value, self._secrets.hash(_HASH, secret)

    async def _end(self, w: Writing, ids: list[str], reason: str) -> list[Ended]:
        if not ids:
            return []
        gone = await w.execute(
            delete(Session)
            .where(Session.id.in_(ids))
            .returning(Session.id, Session.user_id)
            .execution_options(synchronize_session=False)
        )
        ended = [Ended(session_id, user_id, reason) for session_id, user_id in gone]
        for one in ended:
            self._use.forget(one.session_id)
            for listener in self.listeners:
                await listener(w, one)
        return ended


def _of(user_id: int) -> ColumnElement[bool]:
    """A person's logins, and those in which they act as somebody else."""
    return or_(Session.user_id == user_id, Session.impersonator_id == user_id)


async def _others(w: Writing, user_id: int, keep: str | None) -> list[str]:
    theirs = select(Session.id).where(_of(user_id))
    if keep is not None:
        theirs = theirs.where(Session.id != keep)
    return list(await w.scalars(theirs))
