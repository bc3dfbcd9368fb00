"""The first administrator, for whoever holds the set-up code.

The code is shown to whoever can read the server's log or run its commands. It ends after an hour, after ten wrong
tries, or when another is made. Completion is one conditional write: of two at once one wins, and nothing reopens it.
"""

import hmac
import secrets as random
from datetime import timedelta

from sqlalchemy import ColumnElement, or_, select, true, update

from ostiary.directory import fields
from ostiary.directory.bootstrap import USERNAME, make_administrator
from ostiary.directory.models import User
from ostiary.directory.passwords import Passwords
from ostiary.directory.users import ROOM, Users
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput
from ostiary.kit.urls import parse_origin
from ostiary.storage import installation
from ostiary.storage.models import Installation
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database

LIFETIME = timedelta(minutes=60)
TRIES = 10

_PURPOSE = "setup-code"
_BYTES = 16

# What people read for a digit that the code can hold.
_READINGS = str.maketrans("oil", "011")


class Setup:
    """Makes, checks and uses the code."""

    def __init__(
        self, *, database: Database, clock: Clock, secrets: Secrets, passwords: Passwords, users: Users
    ) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets
        self._passwords = passwords
        self._users = users

    async def is_open(self) -> bool:
        """Whether nobody has completed it."""
        async with self._database.reading() as r:
            return (await installation.read(r)).setup_completed is None

    async def new_code(self) -> str:
        """Another code, printed in groups; the one before it stops working. Raises `setup.completed`."""
        code = await self._make(true())
        if code is None:
            raise _completed()
        return code

    async def first_code(self) -> str | None:
        """A code for a server's start: None while set-up is completed or an earlier code still works.

        Of servers that start together one prints a code, and no other makes it worthless.
        """
        return await self._make(
            or_(
                Installation.setup_code_hash.is_(None),
                Installation.setup_expires <= self._clock.now(),
                Installation.setup_failures >= TRIES,
            )
        )

    async def check(self, code: str) -> None:
        """Raises `setup.code_wrong` or `setup.code_expired` unless this is the code. Wrong ones are counted."""
        async with self._database.reading() as r:
            row = await installation.read(r)
        if row.setup_completed is not None:
            raise _completed()
        if not self._works(row):
            raise _expired()
        if hmac.compare_digest(row.setup_code_hash or "", self._hash(_read(code))):
            return
        async with self._database.writing() as w:
            await w.execute(
                update(Installation)
                .where(Installation.id == 1, Installation.setup_code_hash == row.setup_code_hash)
                .values(setup_failures=Installation.setup_failures + 1)
            )
        raise InvalidInput(
            "setup.code_wrong",
            "code: this is not the code that the server printed; copy it from the log or run `ostiary setup-code`.",
            field="code",
        )

    async def complete(self, *, code: str, email: str, password: str, base_url: str, by: Actor) -> User:
        """Sets the first administrator's password and our own address, and closes the set-up page for good.

        Raises what :meth:`check` raises, what is wrong with a field, and `setup.completed` for whoever comes second.
        """
        await self.check(code)
        address = fields.email(email)
        if not address:
            raise InvalidInput(
                "user.email_invalid",
                "email: enter the administrator's address, such as jane@example.com.",
                field="email",
            )
        origin = str(parse_origin(base_url, field="base_url"))
        await self._passwords.approve(password, username=USERNAME)
        stored = await self._passwords.hash(password)
        now = self._clock.now()
        async with self._database.writing() as w:
            won = await w.scalar(
                update(Installation)
                .where(
                    Installation.id == 1,
                    Installation.setup_completed.is_(None),
                    Installation.setup_code_hash == self._hash(_read(code)),
                    Installation.setup_expires > now,
                    Installation.setup_failures < TRIES,
                )
                .values(setup_completed=now, base_url=origin, setup_code_hash=None, setup_expires=None)
                .returning(Installation.id)
            )
            if won is None:
                completed = await w.scalar(select(Installation.setup_completed))
                raise _expired() if completed is None else _completed()
            user = await make_administrator(w, self._clock, self._users, email=address, password_hash=stored)
            user.email, user.is_active, user.type = address, True, "internal"
            await self._users.set_password_in(w, user.id, stored, by=by)
            await record(w, self._clock, Action.SETUP_COMPLETED, ROOM, by, how="set-up page", base_url=origin)
            return user

    async def _make(self, condition: ColumnElement[bool]) -> str | None:
        raw = random.token_bytes(_BYTES).hex()
        async with self._database.writing() as w:
            made = await w.scalar(
                update(Installation)
                .where(Installation.id == 1, Installation.setup_completed.is_(None), condition)
                .values(
                    setup_code_hash=self._hash(raw),
                    setup_expires=self._clock.now() + LIFETIME,
                    setup_failures=0,
                )
                .returning(Installation.id)
            )
        return None if made is None else "-".join(raw[start : start + 4] for start in range(0, len(raw), 4))

    def _works(self, row: Installation) -> bool:
        return (
            row.setup_code_hash is not None
            and row.setup_expires is not None
            and row.setup_expires > self._clock.now()
            and row.setup_failures < TRIES
        )

    def _hash(self, code: str) -> str:
        return self._secrets.hash(_PURPOSE, code.encode("utf-8", "replace"))


def _read(typed: str) -> str:
    return "".join(typed[:200].split()).replace("-", "").lower().translate(_READINGS)


def _completed() -> Conflict:
    return Conflict("setup.completed", "This installation is set up already; sign in instead.")


def _expired() -> InvalidInput:
    return InvalidInput(
        "setup.code_expired",
        "code: there is no code that works any more; run `ostiary setup-code` to print another.",
        field="code",
    )
