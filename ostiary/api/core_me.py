"""``/core/users/me/``: who asks."""

from typing import Any

from fastapi import Request
from pydantic import BaseModel
from sqlalchemy import or_, select

from ostiary.api.operations import SIGNED_IN, Asking, Operations
from ostiary.directory.codenames import MODELS
from ostiary.directory.membership import effective
from ostiary.directory.models import Group, Membership, Role, RoleGroup, RoleUser, User
from ostiary.directory.permissions import permissions_of
from ostiary.directory.users import existing
from ostiary.objects.rooms import Rooms
from ostiary.storage.session import Reading
from ostiary.system.avatars import avatar
from ostiary.system.registry import current

_SYSTEM = MODELS["authentik_rbac.systempermission"]
# No role can hold it, but whoever may do everything may do this too.
_SUPERUSERS = "edit_system_settings"


class UserSelfGroups(BaseModel):
    """A group of the caller."""

    name: str
    pk: str


class UserSelfRoles(BaseModel):
    """A role of the caller."""

    name: str
    pk: str


class UserSelf(BaseModel):
    """What somebody is told of themselves. ``groups`` are direct ones, ``roles`` all that count."""

    pk: int
    username: str
    name: str
    is_active: bool
    is_superuser: bool
    is_current: bool
    groups: list[UserSelfGroups]
    roles: list[UserSelfRoles]
    email: str
    avatar: str
    uid: str
    settings: dict[str, Any]
    type: str
    system_permissions: list[str]


class SessionUser(BaseModel):
    """Who asks; ``original`` is the administrator who acts as ``user``."""

    user: UserSelf
    original: UserSelf | None = None
    users: list[UserSelf]


def mount(operations: Operations, rooms: Rooms) -> None:
    """Adds the operation."""

    @operations.operation(
        "GET", "/core/users/me/", "core_users_me_retrieve", who=SIGNED_IN, tag="core", answers=SessionUser
    )
    async def me(request: Request, asking: Asking) -> SessionUser:
        visit = request.state.visit
        session = None if visit is None else visit.session
        async with rooms.database.reading() as r:
            user = await _oneself(r, await existing(r, asking.user_id or 0), is_current=True)
            original = None
            if session is not None and session.impersonator is not None:
                administrator = await existing(r, session.impersonator.user_id)
                original = await _oneself(r, administrator, is_current=False)
        return SessionUser(user=user, original=original, users=[user])


async def _oneself(r: Reading, user: User, *, is_current: bool) -> UserSelf:
    may = await permissions_of(r, user.id)
    direct = select(Membership.group_id).where(Membership.user_id == user.id)
    groups = await r.execute(select(Group.name, Group.id).where(Group.id.in_(direct)).order_by(Group.name))
    held = or_(
        Role.id.in_(select(RoleUser.role_id).where(RoleUser.user_id == user.id)),
        Role.id.in_(select(RoleGroup.role_id).where(RoleGroup.group_id.in_(effective(direct)))),
    )
    roles = await r.execute(select(Role.name, Role.id).where(held).order_by(Role.name))
    system = [short for short in _SYSTEM.special if may.may(f"{_SYSTEM.app}.{short}")]
    return UserSelf(
        pk=user.id,
        username=user.username,
        name=user.name,
        is_active=user.is_active,
        is_superuser=may.superuser,
        is_current=is_current,
        groups=[UserSelfGroups(name=name, pk=pk) for name, pk in groups],
        roles=[UserSelfRoles(name=name, pk=pk) for name, pk in roles],
        email=user.email,
        avatar=avatar((await current(r)).avatars, name=user.name, username=user.username, attributes=user.attributes),
        uid=user.uuid,
        settings={},
        type=user.type,
        system_permissions=sorted([*system, _SUPERUSERS] if may.superuser else system),
    )
