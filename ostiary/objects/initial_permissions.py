"""Initial permissions: what a role may do to each object that somebody makes who holds it.

``permissions`` are numbers of permissions, as ``/rbac/permissions/`` lists them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from ostiary.directory import codenames, escalation, models
from ostiary.directory.initial_permissions import Initial
from ostiary.events.record import Actor
from ostiary.objects.kind import Caller, Fields, Filter, Kind, Shown, Words, equals
from ostiary.storage.session import Reading


class Permission(Shown):
    """A permission, as a client receives it. ``codename`` stands without its app."""

    id: int
    name: str
    codename: str
    model: str
    app_label: str
    app_label_verbose: str
    model_verbose: str


def permission_shown(one: codenames.Permission) -> dict[str, Any]:
    """The fields of `Permission`."""
    return {
        "id": one.id,
        "name": one.name,
        "codename": one.short,
        "model": one.model.word,
        "app_label": one.model.app,
        "app_label_verbose": codenames.app_name(one.model.app),
        "model_verbose": one.model.name,
    }


class InitialPermissionsRequest(Fields):
    """What a client may set."""

    name: str = Field(min_length=1, max_length=150)
    role: str
    permissions: list[int] = Field(default=[], max_length=1000)


class InitialPermissions(Shown):
    """What a client receives."""

    pk: int
    name: str
    role: str
    permissions: list[int]
    permissions_obj: list[Permission]


class InitialPermissionsKind(Kind):
    """Kind of initial permissions."""

    words = Words(
        "authentik_rbac.initialpermissions",
        "Initial Permissions",
        "Initial Permissions",
        "ak-initial-permissions-form",
    )
    table = models.InitialPermissions
    pk = models.InitialPermissions.id
    key = models.InitialPermissions.id
    fields = InitialPermissionsRequest
    shown = InitialPermissions
    search = (models.InitialPermissions.name,)
    ordering: ClassVar = {"name": models.InitialPermissions.name, "pk": models.InitialPermissions.id}
    filters: ClassVar[Mapping[str, Filter]] = {"name": equals(models.InitialPermissions.name)}
    identifiers: ClassVar = {"name": models.InitialPermissions.name}

    def __init__(self, initial: Initial) -> None:
        self._initial = initial

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return [_shown(row) for row in rows]

    async def guard(self, r: Reading, caller: Caller, verb: str, row: Any | None, values: Mapping[str, Any]) -> None:
        names = _names(values.get("permissions", ()))
        if row is not None:
            await escalation.may_touch_roles(r, caller.may, [row.role_id])
        if "role" in values and (row is None or values["role"] != row.role_id):
            await escalation.may_give_roles(r, caller.may, [values["role"]], field="role")
            if row is not None and "permissions" not in values:
                names = row.codenames
        # They will hold for objects that nobody knows yet, so one must hold them for all.
        escalation.may_give_permissions(caller.may, names)

    async def create(self, values: Mapping[str, Any], by: Actor) -> int:
        made = await self._initial.create(
            values["name"], role_id=values["role"], names=_names(values.get("permissions", ())), by=by
        )
        return made.id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        await self._initial.update(
            row.id,
            name=values.get("name"),
            role_id=values.get("role"),
            names=_names(values["permissions"]) if "permissions" in values else None,
            by=by,
        )

    async def delete(self, row: Any, by: Actor) -> None:
        await self._initial.delete(row.id, by=by)


def _names(numbers: Sequence[int]) -> list[str]:
    return [codenames.permission_numbered(number).codename for number in numbers]


def _shown(row: models.InitialPermissions) -> dict[str, Any]:
    # What an earlier release stored and this one no longer has means nothing any more.
    known = [codenames.PERMISSIONS[name] for name in row.codenames if name in codenames.PERMISSIONS]
    return {
        "pk": row.id,
        "name": row.name,
        "role": row.role_id,
        "permissions": [one.id for one in known],
        "permissions_obj": [permission_shown(one) for one in known],
    }
