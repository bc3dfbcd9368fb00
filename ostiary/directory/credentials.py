"""Is this the person? Lock-out, name, password and what is written about the attempt, in one place.

Whoever fails learns nothing: an unknown name, a disabled account and a wrong password take the same steps and end in
the same sentence.
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import update

from ostiary.directory.devices import Devices
from ostiary.directory.lockout import Counted, LockedUntil, Lockout, Subject
from ostiary.directory.membership import PEOPLE
from ostiary.directory.models import User
from ostiary.directory.naming import ANY_NAME, Naming
from ostiary.directory.passwords import Passwords
from ostiary.directory.usernames import LONGEST, folded
from ostiary.directory.users import ROOM, find_for_sign_in
from ostiary.events.catalog import Action
from ostiary.events.record import SYSTEM, Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Refused, Unavailable
from ostiary.storage.session import Database, Writing

# (transaction, whose account it is or None, what was typed, where from, whether it was right)
Counting = Callable[[Writing, User | None, str, "Attempt", bool], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where an attempt comes from.

    ``client_ip``: the client's address as far as it can be trusted, else the peer's. ``shared_peer``: the peer sent
    forwarded headers but is not declared as a proxy. ``device``: what the browser's device cookie holds, unchecked.
    """

    client_ip: str | None
    shared_peer: bool = False
    device: str | None = None


class Credentials:
    """Checks names and passwords."""

    def __init__(
        self, *, database: Database, clock: Clock, passwords: Passwords, lockout: Lockout, devices: Devices
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._lockout = lockout
        self._devices = devices
        self.on_attempt: list[Counting] = []
        """Told of each attempt whose password was checked, in the transaction that records it."""

    async def named(self, typed_name: str, attempt: Attempt, naming: Naming = ANY_NAME) -> User | None:
        """The active person of that name, for a page that says whether there is one.

        Raises `login.locked`: each name that nobody has counts against the client's address, as a failed sign-in does.
        """
        typed_name = typed_name[: 4 * LONGEST]
        peer = self._lockout.peer(attempt.client_ip, shared=attempt.shared_peer)
        async with self._database.reading() as r:
            user = await find_for_sign_in(r, typed_name, naming)
            locked = await self._lockout.locked(r, [peer])
        if locked is not None:
            raise self._locked(locked)
        if user is not None and user.is_active and user.type in PEOPLE:
            return user
        async with self._database.writing() as w:
            counted = await self._lockout.count(w, [peer])
            if not isinstance(counted, LockedUntil):
                await self._failed(w, user, counted, attempt, proof="name")
        if isinstance(counted, LockedUntil):
            raise self._locked(counted)
        return None

    async def check(self, typed_name: str, password: str, attempt: Attempt, naming: Naming = ANY_NAME) -> User:
        """The active person whose name (or email address) and password these are.

        Raises `login.failed`, `login.locked`, `passwords.busy`. It records failures and locks; the sign-in itself is
        recorded by whoever begins the session.
        """
        typed_name = typed_name[: 4 * LONGEST]
        async with self._database.reading() as r:
            user = await find_for_sign_in(r, typed_name, naming)
            subjects = self._subjects(user, typed_name, attempt)
            # Asked before anything is written, so that hammering at a lock costs no write.
            locked = await self._lockout.locked(r, subjects)
        if locked is not None:
            raise self._locked(locked)
        async with self._database.writing() as w:
            counted = await self._lockout.count(w, subjects)
            if not isinstance(counted, LockedUntil):
                await self._warn_of_undeclared_proxy(w, counted, attempt)
        if isinstance(counted, LockedUntil):
            raise self._locked(counted)
        stored = user.password_hash if user is not None else None
        try:
            right = await self._passwords.verify(stored, password)
            fresh = await self._passwords.hash(password) if right.needs_rehash else None
        except Unavailable:
            async with self._database.writing() as w:
                await self._lockout.give_back(w, counted)
            raise
        async with self._database.writing() as w:
            if right.ok and user is not None and stored is not None:
                known = await w.get(User, user.id)
                # Disabled or changed while the password was being checked: then it was not right after all.
                if (
                    known is not None
                    and known.is_active
                    and known.type in PEOPLE
                    and hmac.compare_digest(known.password_hash or "", stored)
                ):
                    await self._succeeded(w, known, counted, stored, fresh)
                    await self._tell(w, known, typed_name, attempt, good=True)
                    return known
            await self._failed(w, user, counted, attempt)
            await self._tell(w, user, typed_name, attempt, good=False)
        raise Refused("login.failed", "The name or the password is not right. Check both, then try again.")

    async def unlock(self, user: User, *, by: Actor) -> None:
        """Opens an account at once that was locked, as an administrator may."""
        async with self._database.writing() as w:
            await self._lockout.unlock(w, user)
            await record(w, self._clock, Action.USER_WRITE, ROOM, by, unlocked=True, pk=user.id, username=user.username)

    async def _tell(self, w: Writing, user: User | None, typed: str, attempt: Attempt, *, good: bool) -> None:
        for listener in self.on_attempt:
            await listener(w, user, typed, attempt, good)

    def _subjects(self, user: User | None, typed_name: str, attempt: Attempt) -> list[Subject]:
        # Always in this order, the widest first: transactions that lock rows in one order never wait in a circle.
        device = self._devices.recognise(user, attempt.device) if user is not None else None
        if user is not None and device is not None:
            return [self._lockout.device(user, device)]
        return [
            self._lockout.peer(attempt.client_ip, shared=attempt.shared_peer),
            self._lockout.account(user, folded(typed_name)),
        ]

    def _locked(self, locked: LockedUntil) -> Refused:
        seconds = (locked.moment - self._clock.now()).total_seconds()
        minutes = max(1, -int(-seconds // 60))
        wait = "a minute" if minutes == 1 else f"{minutes} minutes"
        return Refused("login.locked", f"There were too many failed attempts. Wait {wait}, then try again.")

    async def _succeeded(
        self, w: Writing, user: User, counted: Sequence[Counted], stored: str, fresh: str | None
    ) -> None:
        await self._lockout.succeeded(w, counted)
        if fresh is not None:
            await w.execute(
                update(User).where(User.id == user.id, User.password_hash == stored).values(password_hash=fresh)
            )

    async def _failed(
        self, w: Writing, user: User | None, counted: Sequence[Counted], attempt: Attempt, proof: str = "password"
    ) -> None:
        # The typed name is kept out unless an account has it: people type passwords into the wrong field.
        who = {"pk": user.id, "username": user.username} if user is not None else {}
        reason = "unknown name" if user is None else f"wrong {proof}" if user.is_active else "disabled account"
        actor = Actor(None, None, attempt.client_ip)
        await record(w, self._clock, Action.LOGIN_FAILED, ROOM, actor, reason=reason, **who)
        for one in counted:
            if one.last:
                about = {} if one.subject.kind == "peer" else who
                await record(w, self._clock, Action.LOCKOUT, ROOM, actor, locked=one.subject.kind, **about)

    async def _warn_of_undeclared_proxy(self, w: Writing, counted: Sequence[Counted], attempt: Attempt) -> None:
        if attempt.shared_peer and any(one.first and one.subject.kind == "peer" for one in counted):
            await record(
                w,
                self._clock,
                Action.CONFIGURATION_WARNING,
                ROOM,
                SYSTEM,
                setting="proxies",
                peer=attempt.client_ip,
                message="This peer sends forwarded headers but is not declared; everybody behind it shares one budget"
                " of failed sign-ins. Add its address to the setting proxies.",
            )
