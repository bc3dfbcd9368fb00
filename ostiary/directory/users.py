"""People and service accounts: made, changed, disabled, deleted."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ostiary.directory import fields
from ostiary.directory.membership import PEOPLE, one_at_a_time
from ostiary.directory.models import Group, Membership, User
from ostiary.directory.naming import ANY_NAME, EMAIL, USERNAME, Naming
from ostiary.directory.passwords import Passwords, check_imported
from ostiary.directory.superusers import superuser_kept
from ostiary.directory.usernames import canonical
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.events.retention import forget_person
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.any_case import holds_text
from ostiary.storage.session import Database, Reading, Writing
from ostiary.system.registry import current

ROOM = "directory"
TYPES = ("internal", "external", "service_account", "internal_service_account")

# (transaction, user id, id of the session to keep or None): called when a person's sessions must end.
SessionsEnd = Callable[[Writing, int, str | None], Awaitable[None]]


class Users:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together."""

    def __init__(self, *, database: Database, clock: Clock, passwords: Passwords) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self.on_credentials_changed: list[SessionsEnd] = []

    async def create(
        self,
        username: str,
        *,
        name: str = "",
        email: str = "",
        type: str = "internal",  # noqa: A002 - authentik's word
        path: str = "users",
        attributes: Any = None,
        password: str | None = None,
        groups: Sequence[str] = (),
        is_active: bool = True,
        by: Actor,
    ) -> User:
        """A new user in the groups of these names. Raises `user.username_taken` and what :mod:`fields` refuses."""
        stored = None
        if password is not None:
            await self._passwords.approve(password, username=canonical(username))
            stored = await self._passwords.hash(password)
        async with self._database.writing() as w:
            return await self.create_in(
                w,
                username,
                name=name,
                email=email,
                type=type,
                path=path,
                attributes=attributes,
                password_hash=stored,
                groups=groups,
                is_active=is_active,
                by=by,
            )

    async def create_in(
        self,
        w: Writing,
        username: str,
        *,
        name: str = "",
        email: str = "",
        type: str = "internal",  # noqa: A002 - the field's name
        path: str = "users",
        attributes: Any = None,
        password_hash: str | None = None,
        groups: Sequence[str] = (),
        is_active: bool = True,
        by: Actor,
    ) -> User:
        """The same within the caller's transaction, with a password that is hashed already."""
        now = self._clock.now()
        user = User(
            username=canonical(username),
            name=fields.person_name(name),
            email=fields.email(email),
            type=_type(type),
            path=fields.path(path),
            attributes=fields.attributes({} if attributes is None else attributes),
            password_hash=password_hash,
            password_changed=now if password_hash else None,
            is_active=is_active,
            created=now,
            last_updated=now,
        )
        if password_hash and user.type not in PEOPLE:
            raise _no_password_for_service_accounts()
        if groups:
            # None of them may be deleted between being found and being joined.
            await one_at_a_time(w)
        w.add(user)
        await _flush(w, user.username)
        for group_name in dict.fromkeys(groups):
            w.add(Membership(user_id=user.id, group_id=(await group_named(w, group_name)).id))
        await record(
            w,
            self._clock,
            Action.USER_WRITE,
            ROOM,
            by,
            created=True,
            pk=user.id,
            username=user.username,
            type=user.type,
            groups=list(groups),
        )
        return user

    async def update(
        self,
        user_id: int,
        *,
        username: str | None = None,
        name: str | None = None,
        email: str | None = None,
        type: str | None = None,  # noqa: A002 - the field's name
        path: str | None = None,
        attributes: Any = None,
        is_active: bool | None = None,
        force: bool = False,
        by: Actor,
    ) -> User:
        """Changes what is given, leaves what is None. ``force`` as in :meth:`disable`."""
        new: dict[str, Any] = {}
        if username is not None:
            new["username"] = canonical(username)
        if name is not None:
            new["name"] = fields.person_name(name)
        if email is not None:
            new["email"] = fields.email(email)
        if type is not None:
            new["type"] = _type(type)
        if path is not None:
            new["path"] = fields.path(path)
        if attributes is not None:
            new["attributes"] = fields.attributes(attributes)
        if is_active is not None:
            new["is_active"] = is_active
        harmless = type is None and is_active is not False
        async with self._database.writing() as w, superuser_kept(w, force=force or harmless):
            user = await held(w, user_id)
            if new.get("type", user.type) not in PEOPLE and user.password_hash is not None:
                raise _no_password_for_service_accounts()
            await self._change(w, user, new, by)
            if is_active is False:
                # Else the old sessions would come back to life when the account does.
                await self._end_sessions(w, user_id, None)
            return user

    async def rename(self, user_id: int, username: str, *, by: Actor) -> User:
        """Gives a user another username. Raises `user.username_taken`."""
        return await self.update(user_id, username=username, by=by)

    async def disable(self, user_id: int, *, force: bool = False, by: Actor) -> User:
        """Ends all sessions of a user and lets nobody in as them. Raises `user.last_superuser` unless ``force``."""
        return await self.update(user_id, is_active=False, force=force, by=by)

    async def enable(self, user_id: int, *, by: Actor) -> User:
        """Lets a disabled user sign in again."""
        return await self.update(user_id, is_active=True, by=by)

    async def delete(self, user_id: int, *, force: bool = False, by: Actor) -> None:
        """Deletes a user and all that hangs on them. Raises `user.last_superuser` unless ``force``."""
        async with self._database.writing() as w, superuser_kept(w, force=force):
            user = await held(w, user_id)
            await self._end_sessions(w, user_id, None)
            await w.delete(user)
            if (await current(w)).gdpr_compliance:
                await forget_person(w, user_id)
            await record(
                w, self._clock, Action.MODEL_DELETED, ROOM, by, model="user", pk=user.id, username=user.username
            )

    async def set_password(
        self,
        user_id: int,
        password: str,
        *,
        keep_session: str | None = None,
        if_allowed: Callable[[Reading], Awaitable[None]] | None = None,
        by: Actor,
        field: str = "password",
    ) -> None:
        """Sets a password and ends the person's sessions, except ``keep_session``, which the caller rotates.

        ``if_allowed`` is asked in the transaction that sets it, and refuses by raising.
        """
        async with self._database.reading() as r:
            username = (await existing(r, user_id)).username
        await self._passwords.approve(password, username=username, field=field)
        stored = await self._passwords.hash(password)
        async with self._database.writing() as w:
            if if_allowed is not None:
                await if_allowed(w)
            await self.set_password_in(w, user_id, stored, keep_session=keep_session, by=by)

    async def password_is(self, user_id: int, password: str) -> bool:
        """Whether that is the person's password already. It signs nobody in."""
        async with self._database.reading() as r:
            stored = (await existing(r, user_id)).password_hash
        return (await self._passwords.verify(stored, password)).ok

    async def set_password_hash(self, user_id: int, stored: str, *, by: Actor, field: str = "password") -> None:
        """The same with a hash that another system made; sign-in makes it anew. Raises `password.hash_unknown`."""
        check_imported(stored, field=field)
        async with self._database.writing() as w:
            await self.set_password_in(w, user_id, stored, by=by)

    async def set_password_in(
        self,
        w: Writing,
        user_id: int,
        stored: str,
        *,
        keep_session: str | None = None,
        how: str | None = None,
        by: Actor,
    ) -> User:
        """The same in the caller's transaction, with a password that is hashed already; ``how`` is for its event."""
        user = await held(w, user_id)
        if user.type not in PEOPLE:
            raise _no_password_for_service_accounts()
        user.password_hash = stored
        user.password_changed = user.last_updated = self._clock.now()
        await self._end_sessions(w, user_id, keep_session)
        about = {"how": how} if how else {}
        await record(w, self._clock, Action.PASSWORD_SET, ROOM, by, pk=user.id, username=user.username, **about)
        return user

    async def _end_sessions(self, w: Writing, user_id: int, keep: str | None) -> None:
        for end in self.on_credentials_changed:
            await end(w, user_id, keep)

    async def _change(self, w: Writing, user: User, new: dict[str, Any], by: Actor) -> None:
        changes: dict[str, Any] = {}
        for name, value in new.items():
            old = getattr(user, name)
            if old == value:
                continue
            setattr(user, name, value)
            # Attributes may hold what nobody should read in a log, so only their names are recorded.
            changes[name] = _changed_names(old, value) if name == "attributes" else [old, value]
        if not changes:
            return
        user.last_updated = self._clock.now()
        await _flush(w, user.username)
        await record(w, self._clock, Action.USER_WRITE, ROOM, by, pk=user.id, username=user.username, changes=changes)


async def existing(r: Reading, user_id: int) -> User:
    """The user of that id. Raises `user.not_found`."""
    user = await r.get(User, user_id)
    if user is None:
        raise NotFound("user.not_found", "There is no user of that id.", field="user")
    return user


async def held(w: Writing, user_id: int) -> User:
    """The user of that id, held against changes by other transactions. Raises `user.not_found`."""
    # FOR NO KEY UPDATE on PostgreSQL: sessions that begin meanwhile refer to the row without waiting for it.
    user = await w.get(User, user_id, with_for_update={"key_share": True}, populate_existing=True)
    if user is None:
        raise NotFound("user.not_found", "There is no user of that id.", field="user")
    return user


async def by_username(r: Reading, username: str) -> User:
    """The user of that name in any spelling. Raises `user.not_found`."""
    user = await r.scalar(select(User).where(User.username == canonical(username)))
    if user is None:
        raise NotFound("user.not_found", "user: there is no user of that name.", field="user")
    return user


async def find_for_sign_in(r: Reading, identifier: str, naming: Naming = ANY_NAME) -> User | None:
    """Whom a person means who types this: the username, else the email address if exactly one account has it."""
    for by, find in ((USERNAME, _by_name), (EMAIL, _by_address)):
        user = await find(r, identifier) if by in naming.by else None
        if user is not None and (naming.any_case or getattr(user, by) == identifier.strip()):
            return user
    return None


async def _by_name(r: Reading, identifier: str) -> User | None:
    try:
        name = canonical(identifier)
    except InvalidInput:
        return None
    found: User | None = await r.scalar(select(User).where(User.username == name))
    return found


async def _by_address(r: Reading, identifier: str) -> User | None:
    try:
        address = fields.email(identifier)
    except InvalidInput:
        return None
    if not address:
        return None
    found = (await r.scalars(select(User).where(User.email == address).limit(2))).all()
    return found[0] if len(found) == 1 else None


async def listed(
    r: Reading, *, search: str = "", group: str | None = None, after: str = "", limit: int = 100
) -> Sequence[User]:
    """Users by username, from the one after ``after``; ``search`` looks into username, name and email."""
    query = select(User).where(User.username > after).order_by(User.username).limit(max(1, min(limit, 1_000)))
    if search:
        query = query.where(holds_text(search, User.username, User.name, User.email))
    if group is not None:
        members = select(Membership.user_id).where(Membership.group_id == (await group_named(r, group)).id)
        query = query.where(User.id.in_(members))
    return (await r.scalars(query)).all()


async def group_named(r: Reading, name: str) -> Group:
    """The group of exactly that name. Raises `group.not_found`."""
    group = await r.scalar(select(Group).where(Group.name == fields.group_name(name)))
    if group is None:
        raise NotFound("group.not_found", "group: there is no group of that name.", field="group")
    return group


async def _flush(w: Writing, username: str) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(
            "user.username_taken", "username: another user has it already; choose another.", field="username"
        ) from error


def _type(text: str) -> str:
    if text not in TYPES:
        raise InvalidInput("user.type_invalid", f"type: it is one of {', '.join(TYPES)}.", field="type")
    return text


def _no_password_for_service_accounts() -> InvalidInput:
    return InvalidInput(
        "user.service_account_password",
        "password: a service account has none and proves itself with tokens; make a token instead.",
        field="password",
    )


def _changed_names(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
