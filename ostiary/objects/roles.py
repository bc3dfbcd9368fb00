"""Roles: what delegated administrators may do.

``permissions`` are those for every object, by codename; where they are given, they become exactly these. authentik's
blueprints know the field; its API shows permissions at addresses of their own.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field
from sqlalchemy import ColumnElement, Select, false, select, true

from ostiary.directory import escalation, models
from ostiary.directory.membership import effective
from ostiary.directory.roles import Roles as RoleVerbs
from ostiary.directory.roles import groups_of_role, users_of
from ostiary.events.record import Actor
from ostiary.objects.kind import Caller, Fields, Filter, Key, Kind, Shown, UsedBy, Words, equals
from ostiary.storage.session import Reading


class RoleRequest(Fields):
    """What a client may set."""

    name: str = Field(min_length=1)
    permissions: list[str] = Field(default=[], max_length=1000)


class Role(Shown):
    """What a client receives."""

    pk: str
    name: str


class Roles(Kind):
    """Kind of roles."""

    words = Words("authentik_rbac.role", "Role", "Roles", "ak-rbac-role-form")
    table = models.Role
    pk = models.Role.id
    key = models.Role.id
    fields = RoleRequest
    shown = Role
    search = (models.Role.name,)
    ordering: ClassVar = {"name": models.Role.name}
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": equals(models.Role.name),
        "users": Filter(Key, lambda user_id: models.Role.id.in_(_of_user(user_id))),
        "groups": Filter(str, lambda group_id: models.Role.id.in_(_of_groups([group_id]))),
        # Says how far `users` and `groups` look.
        "inherited": Filter(bool, lambda _: true()),
        # None of ours is managed by anything.
        "managed": Filter(list[str], lambda _: false()),
        "managed__isnull": Filter(bool, lambda wanted: true() if wanted else false()),
    }
    identifiers: ClassVar = {"name": models.Role.name}

    def __init__(self, roles: RoleVerbs) -> None:
        self._roles = roles

    def narrowing(self, given: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        if not given.get("inherited"):
            return super().narrowing(given)
        rest = super().narrowing({name: value for name, value in given.items() if name not in ("users", "groups")})
        if given.get("users") is not None:
            groups = effective(select(models.Membership.group_id).where(models.Membership.user_id == given["users"]))
            rest.append(models.Role.id.in_(_of_user(given["users"])) | models.Role.id.in_(_of_groups(groups)))
        if given.get("groups") is not None:
            above = effective(select(models.Group.id).where(models.Group.id == given["groups"]))
            rest.append(models.Role.id.in_(_of_groups(above)))
        return rest

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return [{"pk": row.id, "name": row.name} for row in rows]

    async def unshown(self, r: Reading, rows: Sequence[Any]) -> list[dict[str, Any]]:
        held: dict[str, list[str]] = {row.id: [] for row in rows}
        query = select(models.RolePermission.role_id, models.RolePermission.codename).where(
            models.RolePermission.role_id.in_(held), models.RolePermission.object_pk == ""
        )
        for role_id, codename in await r.execute(query.order_by(models.RolePermission.codename)):
            held[role_id].append(codename)
        return [{"permissions": held[row.id]} for row in rows]

    async def guard(self, r: Reading, caller: Caller, verb: str, row: Any | None, values: Mapping[str, Any]) -> None:
        if row is not None:
            await escalation.may_touch_roles(r, caller.may, [row.id], field="name")
        escalation.may_give_permissions(caller.may, values.get("permissions", ()))

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        role = await self._roles.create(values["name"], by=by)
        await self._roles.permit(role.id, values.get("permissions", ()), by=by)
        return role.id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        if "name" in values:
            await self._roles.rename(row.id, values["name"], by=by)
        if "permissions" in values:
            await self._roles.set_permissions(row.id, values["permissions"], by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._roles.delete(row.id, by=by)

    async def used_by(self, r: Reading, row: Any) -> list[UsedBy]:
        users = [
            UsedBy("authentik_core", "user", str(user.id), user.username, "cascade_many")
            for user in await users_of(r, row.id)
        ]
        groups = [
            UsedBy("authentik_core", "group", group.id, group.name, "cascade_many")
            for group in await groups_of_role(r, row.id)
        ]
        initial = await r.scalars(
            select(models.InitialPermissions)
            .where(models.InitialPermissions.role_id == row.id)
            .order_by(models.InitialPermissions.name)
        )
        return [
            *users,
            *groups,
            *(UsedBy("authentik_rbac", "initialpermissions", str(one.id), one.name, "cascade") for one in initial),
        ]


def _of_user(user_id: int) -> Select[str]:
    return select(models.RoleUser.role_id).where(models.RoleUser.user_id == user_id)


def _of_groups(group_ids: Any) -> Select[str]:
    return select(models.RoleGroup.role_id).where(models.RoleGroup.group_id.in_(group_ids))
