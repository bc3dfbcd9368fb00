"""Users: people and service accounts.

A username has one form and an address too, so what comes back may be spelled otherwise than what was sent.
``last_login`` is written by sign-ins alone; a value that a client sends is passed over.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field
from sqlalchemy import select

from ostiary.directory import escalation
from ostiary.directory.groups import Groups
from ostiary.directory.impersonation import CODENAME as IMPERSONATE
from ostiary.directory.membership import PEOPLE
from ostiary.directory.models import Group, Membership, Role, RoleUser, Token, User
from ostiary.directory.roles import Roles
from ostiary.directory.usernames import folded
from ostiary.directory.users import Users as UserVerbs
from ostiary.events.record import Actor
from ostiary.kit.errors import Refused
from ostiary.objects import people_shown
from ostiary.objects.attribute_filter import holds
from ostiary.objects.kind import DELETE, Caller, Fields, Filter, Kind, UsedBy, Words, equals, one_of
from ostiary.objects.moments import Moment
from ostiary.objects.people import Uuids, shown_users, superuser_ids
from ostiary.policies.models import PolicyBinding
from ostiary.sessions.models import Session
from ostiary.storage.session import Reading

UserType = Literal["internal", "external", "service_account", "internal_service_account"]


class UserRequest(Fields):
    """What a client may set."""

    username: str = Field(min_length=1, max_length=150)
    name: str
    is_active: bool = True
    last_login: Moment | None = None
    groups: Uuids = Field([])
    roles: Uuids = Field([])
    email: str = Field("", max_length=254)
    attributes: dict[str, Any] = Field({})
    path: str = Field("users", min_length=1)
    type: UserType = "internal"


class DeclaredUser(UserRequest):
    """What a blueprint may set: the password too, which the API takes at an address of its own."""

    password: str | None = None


_PLAIN = ("username", "name", "is_active", "email", "attributes", "path", "type")


def _between(column: Any, name: str) -> dict[str, Filter]:
    return {
        name: equals(column, Moment),
        f"{name}__gt": Filter(Moment, lambda moment: column > moment),
        f"{name}__lt": Filter(Moment, lambda moment: column < moment),
    }


def _in_groups(groups: Any) -> Any:
    return User.id.in_(select(Membership.user_id).where(Membership.group_id.in_(groups)))


def _with_roles(roles: Any) -> Any:
    return User.id.in_(select(RoleUser.user_id).where(RoleUser.role_id.in_(roles)))


class Users(Kind):
    """Kind of users."""

    words = Words("authentik_core.user", "User", "Users", "ak-user-form")
    table = User
    pk = User.id
    key = User.id
    fields = UserRequest
    declared = DeclaredUser
    secrets = frozenset({"password"})
    shown = people_shown.User
    search = (User.username, User.name, User.email)
    ordering: ClassVar = {
        "username": User.username,
        "name": User.name,
        "email": User.email,
        "is_active": User.is_active,
        "last_login": User.last_login,
        "date_joined": User.created,
        "last_updated": User.last_updated,
        "type": User.type,
        "path": User.path,
        "pk": User.id,
        "id": User.id,
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "username": Filter(str, lambda name: User.username == folded(name)),
        "email": Filter(str, lambda address: User.email == address.strip().lower()),
        "name": equals(User.name),
        "uuid": equals(User.uuid),
        "type": one_of(User.type, list[UserType]),
        "path": equals(User.path),
        "path_startswith": Filter(str, lambda start: User.path.startswith(start, autoescape=True)),
        "is_active": equals(User.is_active, bool),
        "is_superuser": Filter(
            bool, lambda wanted: User.id.in_(superuser_ids()) if wanted else User.id.not_in(superuser_ids())
        ),
        "attributes": holds(User.attributes),
        "groups_by_name": Filter(list[str], lambda names: _in_groups(select(Group.id).where(Group.name.in_(names)))),
        "groups_by_pk": Filter(list[str], _in_groups),
        "roles_by_name": Filter(list[str], lambda names: _with_roles(select(Role.id).where(Role.name.in_(names)))),
        "roles_by_pk": Filter(list[str], _with_roles),
        **_between(User.created, "date_joined"),
        **_between(User.last_login, "last_login"),
        **_between(User.last_updated, "last_updated"),
        "last_login__isnull": Filter(
            bool, lambda wanted: User.last_login.is_(None) if wanted else User.last_login.is_not(None)
        ),
    }
    flags: ClassVar = {"include_groups": True, "include_roles": True}
    unsteady: ClassVar = frozenset({"last_login"})
    renamed: ClassVar = {"role": "roles", "group": "groups"}
    identifiers: ClassVar = {"username": User.username, "uuid": User.uuid}

    def __init__(self, *, users: UserVerbs, groups: Groups, roles: Roles) -> None:
        self._users = users
        self._groups = groups
        self._roles = roles

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return await shown_users(
            r, rows, groups_obj=flags.get("include_groups", True), roles_obj=flags.get("include_roles", True)
        )

    async def guard(self, r: Reading, caller: Caller, verb: str, row: Any | None, values: Mapping[str, Any]) -> None:
        if row is not None:
            await escalation.may_touch_user(r, caller.may, row.id)
        if verb == DELETE:
            return
        if row is not None and row.type in PEOPLE and values.get("type", row.type) not in PEOPLE:
            _may_make_no_person(caller, row.id)
        if "groups" in values:
            mine = select(Membership.group_id).where(Membership.user_id == row.id) if row is not None else None
            old = set() if mine is None else set(await r.scalars(mine))
            await escalation.may_give_groups(r, caller.may, sorted(set(values["groups"]) - old))
            await escalation.may_take_groups(r, caller.may, sorted(old - set(values["groups"])))
        if "roles" in values:
            held = select(RoleUser.role_id).where(RoleUser.user_id == row.id) if row is not None else None
            before = set() if held is None else set(await r.scalars(held))
            await escalation.may_give_roles(r, caller.may, sorted(set(values["roles"]) ^ before))

    async def create(self, values: Mapping[str, Any], by: Actor) -> int:
        given = {name: values[name] for name in _PLAIN if name in values}
        user = await self._users.create(**given, by=by)
        await self._belong(user.id, values, by)
        if values.get("password"):
            await self._users.set_password(user.id, values["password"], by=by)
        return user.id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        given = {name: values[name] for name in _PLAIN if name in values}
        if given:
            await self._users.update(row.id, **given, by=by)
        await self._belong(row.id, values, by)
        if values.get("password"):
            await self._users.set_password(row.id, values["password"], by=by)

    async def holds(self, r: Reading, row: Any, name: str, value: Any) -> bool:
        return not value or await self._users.password_is(row.id, value)

    async def _belong(self, user_id: int, values: Mapping[str, Any], by: Actor) -> None:
        if "groups" in values:
            await self._groups.set_groups_of(user_id, values["groups"], by=by)
        if "roles" in values:
            await self._roles.set_of_user(user_id, values["roles"], by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._users.delete(row.id, by=by)

    async def used_by(self, r: Reading, row: Any) -> list[UsedBy]:
        tokens = await r.execute(select(Token.id, Token.identifier).where(Token.user_id == row.id).limit(_MOST))
        sessions = await r.scalars(select(Session.id).where(Session.user_id == row.id).limit(_MOST))
        bindings = await r.scalars(select(PolicyBinding.id).where(PolicyBinding.user_id == row.id).limit(_MOST))
        return [
            *(UsedBy("authentik_core", "token", pk, name, "cascade") for pk, name in tokens),
            *(UsedBy("authentik_core", "authenticatedsession", pk, f"Session {pk}", "cascade") for pk in sessions),
            *(UsedBy("authentik_policies", "policybinding", pk, f"Binding {pk}", "set_null") for pk in bindings),
        ]


def _may_make_no_person(caller: Caller, user_id: int) -> None:
    """Whoever makes tokens for service accounts acts as them, also after they are people again."""
    if not caller.may.may(IMPERSONATE, user_id):
        raise Refused(
            escalation.CODE,
            f"type: whoever makes a service account's tokens acts as it; of a person that needs {IMPERSONATE}.",
            field="type",
        )


_MOST = 1_000
