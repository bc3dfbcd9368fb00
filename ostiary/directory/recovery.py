"""Recovery links: whoever holds one sets that person's password, once, within a while.

The key in the link is stored as a hash. A new link ends the one before, and so does another password.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select

from ostiary.directory.lockout import Lockout
from ostiary.directory.membership import PEOPLE
from ostiary.directory.models import Token, User
from ostiary.directory.passwords import Passwords
from ostiary.directory.tokens import RECOVERY, Tokens
from ostiary.directory.users import Users, held
from ostiary.events.record import Actor
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.base import new_id
from ostiary.storage.session import Database, Reading, Writing

PATH: Final = "/if/recovery/"
"""Where a link leads on our own host; ``?key=`` holds its key."""

LIFETIME: Final = timedelta(hours=1)
LONGEST: Final = timedelta(days=7)


class Recovery:
    """The verbs. Whoever calls `make` has asked whether the caller may get in as that person."""

    def __init__(
        self, *, database: Database, clock: Clock, passwords: Passwords, users: Users, tokens: Tokens, lockout: Lockout
    ) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._users = users
        self._tokens = tokens
        self._lockout = lockout

    async def make(self, user_id: int, *, lifetime: timedelta = LIFETIME, by: Actor) -> str:
        """The key of a new link, for the only time; the person's earlier link ends.

        Raises `user.service_account_password`, `user.disabled`, `recovery.lifetime`.
        """
        if not timedelta(minutes=1) <= lifetime <= LONGEST:
            raise InvalidInput(
                "recovery.lifetime",
                f"token_duration: a recovery link lasts a minute at least and {LONGEST.days} days at most.",
                field="token_duration",
            )
        async with self._database.writing() as w:
            user = await held(w, user_id)
            if user.type not in PEOPLE:
                raise InvalidInput(
                    "user.service_account_password",
                    "password: a service account has none and proves itself with tokens; make a token instead.",
                    field="password",
                )
            if not user.is_active:
                raise Conflict("user.disabled", "This account is disabled; enable it first, then make a link.")
            await forget(w, user.id)
            _, key = await self._tokens.create_in(
                w,
                f"recovery-{new_id()}",
                user=user,
                intent=RECOVERY,
                expires=self._clock.now() + lifetime,
                description="A recovery link.",
                by=by,
            )
            return key

    async def whose(self, r: Reading, key: str) -> User:
        """Whose password a link sets. Raises `recovery.link_over` for one that is used, over, or none of ours."""
        found = await self._tokens.find(r, key, intent=RECOVERY)
        if found is None or found[1].type not in PEOPLE:
            raise _over()
        return found[1]

    async def complete(self, key: str, password: str, *, client_ip: str | None) -> User:
        """Sets the password, opens the account if failed attempts had locked it, and ends link and all sessions."""
        async with self._database.reading() as r:
            user = await self.whose(r, key)
        await self._passwords.approve(password, username=user.username)
        stored = await self._passwords.hash(password)
        async with self._database.writing() as w:
            # Of two at once, the second finds no link any more.
            now = await held(w, user.id)
            await self.whose(w, key)
            by = Actor(now.id, now.username, client_ip)
            await forget(w, now.id)
            await self._lockout.unlock(w, now)
            return await self._users.set_password_in(w, now.id, stored, how="recovery link", by=by)


async def forget(w: Writing, user_id: int, _keep: str | None = None) -> None:
    """Ends a person's link, as a new one does, and another password."""
    mine = select(Token.id).where(Token.user_id == user_id, Token.intent == RECOVERY)
    await w.execute(delete(Token).where(Token.id.in_(mine)).execution_options(synchronize_session=False))


def _over() -> NotFound:
    return NotFound("recovery.link_over", "This link was used already, or its time is over. Ask for another one.")
