"""What the answers of users, groups and tokens show of people and groups, read for many at once."""

import json
from collections.abc import Collection, Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field
from sqlalchemy import Select, String, select, type_coerce

from ostiary.directory.models import Group, GroupParent, Membership, Role, RoleGroup, RoleUser, User
from ostiary.objects.kind import Key
from ostiary.objects.people_shown import PartialUser
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
            "groups_obj": [partial_group(group) for group in groups.get(user.id, ())] if groups_obj else None,
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


def partial_user(user: User) -> dict[str, Any]:
    """A user within another object."""
    return {
        "pk": user.id,
        "username": user.username,
        "name": user.name,
        "is_active": user.is_active,
        "last_login": user.last_login,
        "email": user.email,
        "attributes": user.attributes,
        "uid": user.uuid,
    }


def partial_group(group: Group) -> dict[str, Any]:
    """A group within another object."""
    return {**_group(group), "num_pk": num_pk(group.id)}


def related_group(group: Group) -> dict[str, Any]:
    """A group within the one above or below it."""
    return {**_group(group), "group_uuid": group.id}


def _group(group: Group) -> dict[str, Any]:
    return {"pk": group.id, "name": group.name, "is_superuser": group.is_superuser, "attributes": group.attributes}


async def members_of(r: Reading, group_ids: Collection[str]) -> dict[str, list[PartialUser]]:
    """All direct members of these groups by username, in one statement."""
    # Plain columns: there may be many thousand rows, and objects of the ORM would cost more than all the rest.
    users, memberships = User.__table__.c, Membership.__table__.c
    query = (
        select(
            memberships.group_id,
            users.id,
            users.username,
            users.name,
            users.is_active,
            users.last_login,
            users.email,
            type_coerce(users.attributes, String),
            users.uuid,
        )
        .join_from(Membership.__table__, User.__table__, users.id == memberships.user_id)
        .where(memberships.group_id.in_(group_ids))
        .order_by(users.username)
    )
    found: dict[str, list[PartialUser]] = {}
    for group_id, pk, username, name, is_active, last_login, email, attributes, uid in await r.execute(query):
        found.setdefault(group_id, []).append(
            {
                "pk": pk,
                "username": username,
                "name": name,
                "is_active": is_active,
                "last_login": last_login,
                "email": email,
                "attributes": _decoded(attributes),
                "uid": uid,
            }
        )
    return found


def _decoded(stored: Any) -> dict[str, Any]:
    """JSON as the driver gives it: asyncpg's is decoded, SQLite's is the text, which is mostly empty."""
    if stored == "{}":
        return {}
    decoded: dict[str, Any] = json.loads(stored) if isinstance(stored, str) else stored
    return decoded


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
