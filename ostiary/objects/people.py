"""What the answers of users, groups and tokens show of people and groups, read for many at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field
from sqlalchemy import Select, select

from ostiary.directory.models import Group, GroupParent, Membership, Role, RoleGroup, RoleUser, User
from ostiary.objects.kind import Key, Shown
from ostiary.objects.roles import Role as RoleShown
from ostiary.storage.session import Reading
from ostiary.system.avatars import avatar
from ostiary.system.registry import current

Uuid = Annotated[
    str,
    Field(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"),
    AfterValidator(str.lower),
]
"""A primary key that is a UUID."""
Uuids = Annotated[list[Uuid], Field(max_length=1_000)]
UserIds = Annotated[list[Key], Field(max_length=200_000)]


class PartialGroup(Shown):
    """A group within a user."""

    pk: str
    num_pk: int
    name: str
    is_superuser: bool
    attributes: dict[str, Any]


class RelatedGroup(Shown):
    """A group above or below another."""

    pk: str
    name: str
    is_superuser: bool
    attributes: dict[str, Any]
    group_uuid: str


class PartialUser(Shown):
    """A user within a group."""

    pk: int
    username: str
    name: str
    is_active: bool
    last_login: datetime | None
    email: str
    attributes: dict[str, Any]
    uid: str


class UserShown(Shown):
    """What a client receives of a user."""

    pk: int
    username: str
    name: str
    is_active: bool
    last_login: datetime | None
    date_joined: datetime
    is_superuser: bool
    groups: list[str]
    groups_obj: list[PartialGroup] | None
    roles: list[str]
    roles_obj: list[RoleShown] | None
    email: str
    avatar: str
    attributes: dict[str, Any]
    uid: str
    path: str
    type: str
    uuid: str
    password_change_date: datetime
    last_updated: datetime


UserShown.__name__ = UserShown.__qualname__ = "User"


def num_pk(group_id: str) -> int:
    """A number for a group where a system wants one; 31 bits of its UUID."""
    return UUID(group_id).int >> 97


def powerful_groups() -> Select[str]:
    """The groups whose members are superusers: those so marked, and all below them."""
    # Members of a child are members of its parents, so from a superuser group the way leads down to its children.
    reached = select(Group.id).where(Group.is_superuser).cte("powerful", recursive=True)
    reached = reached.union(select(GroupParent.group_id).join(reached, GroupParent.parent_id == reached.c.id))
    return select(reached.c.id)


def superuser_ids() -> Select[int]:
    """Who is a superuser, by id."""
    return select(Membership.user_id).where(Membership.group_id.in_(powerful_groups()))


async def shown_users(
    r: Reading, users: Sequence[User], *, groups_obj: bool = True, roles_obj: bool = True
) -> list[dict[str, Any]]:
    """Users as clients receive them, in five statements however many they are (up to a thousand)."""
    ids = [user.id for user in users]
    groups: dict[int, list[Any]] = {}
    for user_id, group in await r.execute(
        select(Membership.user_id, Group)
        .join(Group, Group.id == Membership.group_id)
        .where(Membership.user_id.in_(ids))
        .order_by(Group.name)
    ):
        groups.setdefault(user_id, []).append(group)
    roles: dict[int, list[Any]] = {}
    for user_id, role in await r.execute(
        select(RoleUser.user_id, Role)
        .join(Role, Role.id == RoleUser.role_id)
        .where(RoleUser.user_id.in_(ids))
        .order_by(Role.name)
    ):
        roles.setdefault(user_id, []).append(role)
    powerful = set(await r.scalars(superuser_ids().where(Membership.user_id.in_(ids))))
    modes = (await current(r)).avatars
    return [
        {
            "pk": user.id,
            "username": user.username,
            "name": user.name,
            "is_active": user.is_active,
            "last_login": user.last_login,
            "date_joined": user.created,
            "is_superuser": user.id in powerful,
            "groups": [group.id for group in groups.get(user.id, ())],
            "groups_obj": [_partial_group(group) for group in groups.get(user.id, ())] if groups_obj else None,
            "roles": [role.id for role in roles.get(user.id, ())],
            "roles_obj": [shown_role(role) for role in roles.get(user.id, ())] if roles_obj else None,
            "email": user.email,
            "avatar": avatar(modes, name=user.name, username=user.username, attributes=user.attributes),
            "attributes": user.attributes,
            "uid": user.uuid,
            "path": user.path,
            "type": user.type,
            "uuid": user.uuid,
            "password_change_date": user.password_changed or user.created,
            "last_updated": max(user.last_updated, user.created),
        }
        for user in users
    ]


def shown_role(role: Role) -> dict[str, Any]:
    """A role within another object."""
    return {"pk": role.id, "name": role.name}


def _partial_group(group: Group) -> dict[str, Any]:
    return {
        "pk": group.id,
        "num_pk": num_pk(group.id),
        "name": group.name,
        "is_superuser": group.is_superuser,
        "attributes": group.attributes,
    }


def related_group(group: Group) -> dict[str, Any]:
    """A group within the one above or below it."""
    return {
        "pk": group.id,
        "name": group.name,
        "is_superuser": group.is_superuser,
        "attributes": group.attributes,
        "group_uuid": group.id,
    }


@dataclass(frozen=True)
class Members:
    """The direct members of groups: ids and, by group, whole rows."""

    by_group: Mapping[str, list[dict[str, Any]]]

    def of(self, group_id: str) -> list[dict[str, Any]]:
        """By username."""
        return self.by_group.get(group_id, [])


async def members_of(r: Reading, group_ids: Collection[str]) -> Members:
    """All direct members of these groups, in one statement; the columns alone, for there may be many."""
    columns = (User.id, User.username, User.name, User.is_active, User.last_login, User.email, User.attributes)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in await r.execute(
        select(Membership.group_id, User.uuid, *columns)
        .join(User, User.id == Membership.user_id)
        .where(Membership.group_id.in_(group_ids))
        .order_by(User.username)
    ):
        found.setdefault(row.group_id, []).append(
            {
                "pk": row.id,
                "username": row.username,
                "name": row.name,
                "is_active": row.is_active,
                "last_login": row.last_login,
                "email": row.email,
                "attributes": row.attributes,
                "uid": row.uuid,
            }
        )
    return Members(found)


async def roles_of_groups(r: Reading, group_ids: Collection[str]) -> dict[str, list[Role]]:
    """The roles that groups hold themselves, by name."""
    found: dict[str, list[Role]] = {}
    for group_id, role in await r.execute(
        select(RoleGroup.group_id, Role)
        .join(Role, Role.id == RoleGroup.role_id)
        .where(RoleGroup.group_id.in_(group_ids))
        .order_by(Role.name)
    ):
        found.setdefault(group_id, []).append(role)
    return found
