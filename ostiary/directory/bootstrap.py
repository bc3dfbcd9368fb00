"""The first start: the first administrator and their group, and what the environment may say about them.

It happens once in the life of the data. A later start with other values changes nothing, so a forgotten variable in a
manifest is no way back in.
"""

import re
from dataclasses import dataclass

from sqlalchemy import select

from ostiary.directory import fields
from ostiary.directory.membership import one_at_a_time
from ostiary.directory.models import Group, Membership, User
from ostiary.directory.passwords import Passwords, check_imported
from ostiary.directory.tokens import Tokens
from ostiary.directory.users import ROOM, Users
from ostiary.events.catalog import Action
from ostiary.events.record import SYSTEM, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import InvalidInput
from ostiary.storage import installation
from ostiary.storage.session import Writing

USERNAME = "akadmin"
GROUP = "authentik Admins"
TOKEN = "authentik-bootstrap-token"  # noqa: S105 - its name

# Shorter ones can be guessed, and this one administers everything.
_TOKEN_SHAPE = re.compile(r"[\x21-\x7e]{20,255}")


@dataclass(frozen=True, slots=True)
class Given:
    """What the settings say: a password or a Django hash of one, the key of an API token, an email address."""

    password: str | None = None
    password_hash: str | None = None
    token: str | None = None
    email: str | None = None


class Bootstrap:
    """Makes the first administrator."""

    def __init__(self, *, clock: Clock, passwords: Passwords, users: Users, tokens: Tokens) -> None:
        self._clock = clock
        self._passwords = passwords
        self._users = users
        self._tokens = tokens

    async def first_start(self, w: Writing, given: Given) -> bool:
        """Makes user and group if this data never had any; True if it did. Call it after ``installation.ensure``.

        A password or a hash closes the set-up page; a token or an address alone does not. Two servers that start at
        once make one administrator. Raises what is wrong with the given values.
        """
        await one_at_a_time(w)
        row = await installation.read(w)
        if row.setup_completed is not None or await w.scalar(select(User.id).limit(1)) is not None:
            return False
        stored = await self._stored(given)
        user = await make_administrator(w, self._clock, self._users, email=given.email or "", password_hash=stored)
        if given.token:
            if not _TOKEN_SHAPE.fullmatch(given.token):
                raise InvalidInput(
                    "bootstrap.token_invalid",
                    "bootstrap.token: give 20 to 255 printable characters without spaces; make one with"
                    " `openssl rand -hex 30`.",
                    field="bootstrap.token",
                )
            await self._tokens.create_in(
                w, TOKEN, user=user, intent="api", key=given.token, description="Made at the first start.", by=SYSTEM
            )
        if stored is not None:
            row.setup_completed = self._clock.now()
            await record(w, self._clock, Action.SETUP_COMPLETED, ROOM, SYSTEM, how="bootstrap settings")
        return True

    async def _stored(self, given: Given) -> str | None:
        if given.password and given.password_hash:
            raise InvalidInput(
                "bootstrap.twice",
                "bootstrap.password: a password and a password hash are both given; keep one of the two.",
                field="bootstrap.password",
            )
        if given.password_hash:
            return check_imported(given.password_hash, field="bootstrap.password_hash")
        if given.password:
            await self._passwords.approve(given.password, username=USERNAME, field="bootstrap.password")
            return await self._passwords.hash(given.password)
        return None


async def make_administrator(w: Writing, clock: Clock, users: Users, *, email: str, password_hash: str | None) -> User:
    """The first administrator in the administrators' group, each made if it is missing."""
    group = await w.scalar(select(Group).where(Group.name == GROUP))
    if group is None:
        group = Group(name=fields.group_name(GROUP), is_superuser=True, attributes={})
        w.add(group)
        await w.flush()
        await record(w, clock, Action.MODEL_CREATED, ROOM, SYSTEM, model="group", name=GROUP, is_superuser=True)
    elif not group.is_superuser:
        group.is_superuser = True
        await record(w, clock, Action.MODEL_UPDATED, ROOM, SYSTEM, model="group", name=GROUP, is_superuser=True)
    user = await w.scalar(select(User).where(User.username == USERNAME))
    if user is None:
        user = await users.create_in(
            w,
            USERNAME,
            name="authentik Default Admin",
            email=email,
            password_hash=password_hash,
            groups=[GROUP],
            by=SYSTEM,
        )
    elif await w.get(Membership, (user.id, group.id)) is None:
        w.add(Membership(user_id=user.id, group_id=group.id))
        await record(w, clock, Action.MODEL_UPDATED, ROOM, SYSTEM, model="group", name=GROUP, added=user.username)
    return user
