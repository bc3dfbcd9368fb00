"""``/rbac/``: roles, what they permit, and who holds them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from starlette.responses import Response

from ostiary.api.generic import Generic, columns_ordered, found, ordered, ordering_unknown
from ostiary.api.operations import SIGNED_IN, Asking, Operations, able, holding
from ostiary.api.paging import Page, Sized, page_of
from ostiary.directory import codenames, escalation, models
from ostiary.kit.errors import InvalidInput, NotFound, Refused
from ostiary.objects.initial_permissions import Permission, permission_shown
from ostiary.objects.kind import CHANGE, Caller, Fields, Key, Kind
from ostiary.objects.kinds import Kinds
from ostiary.objects.permitted import check_exists, known_model, objects, one_model
from ostiary.objects.rooms import Rooms
from ostiary.storage.any_case import holds_text
from ostiary.storage.session import Reading

_ASSIGN: Final = "authentik_rbac.assign_role_permissions"
_UNASSIGN: Final = "authentik_rbac.unassign_role_permissions"

Text = Annotated[str | None, Query(max_length=1024)]


class RoleModelPermission(BaseModel):
    """A permission of a role for every object."""

    id: int
    codename: str
    model: str
    app_label: str
    name: str


class RoleObjectPermission(RoleModelPermission):
    """A permission of a role for one object."""

    object_pk: str


class ExtraRoleObjectPermission(RoleObjectPermission):
    """The same with words for people."""

    app_label_verbose: str
    model_verbose: str
    object_description: str | None


class RoleAssignedObjectPermission(BaseModel):
    """What a role permits of one model."""

    role_pk: str
    name: str
    object_permissions: list[RoleObjectPermission]
    model_permissions: list[RoleModelPermission]


class PermissionAssignRequest(Fields):
    """Permissions by codename; for the one object of ``object_pk``, else for every one."""

    permissions: list[Annotated[str, Field(min_length=1)]] = Field(max_length=1000)
    model: str | None = None
    object_pk: str | None = Field(default=None, min_length=1, max_length=255)


class PermissionAssignResult(BaseModel):
    """The number of one permission of the role."""

    id: str


class PatchedPermissionAssignRequest(PermissionAssignRequest):
    """The same, for taking away."""

    permissions: list[Annotated[str, Field(min_length=1)]] = Field(default=[], max_length=1000)


class UserAccountSerializerForRoleRequest(Fields):
    """Who is given a role, or loses it."""

    pk: Key


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    roles = kinds["authentik_rbac.role"]
    # Before `/rbac/permissions/{id}/`, which would take their names for numbers.
    _assigned(operations, kinds, rooms)
    _permissions(operations, kinds, rooms)
    _holders(operations, kinds, rooms)
    Generic(operations, rooms.database, roles, path="/rbac/roles/", prefix="rbac_roles", key="uuid")
    Generic(
        operations,
        rooms.database,
        kinds["authentik_rbac.initialpermissions"],
        path="/rbac/initial_permissions/",
        prefix="rbac_initial_permissions",
        key="id",
    )


def initial_permissions(rooms: Rooms) -> Callable[[Kind, Any, Caller], Awaitable[None]]:
    """Gives whoever made an object what their roles are to have on it."""

    async def made(kind: Kind, pk: Any, caller: Caller) -> None:
        if caller.user_id is not None:
            await rooms.initial.give(caller.user_id, kind.words.label, str(pk), by=caller.actor)

    return made


def _permissions(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    roles = kinds["authentik_rbac.role"]

    @operations.operation(
        "GET", "/rbac/permissions/", "rbac_permissions_list", who=SIGNED_IN, tag="rbac", answers=Page[Permission]
    )
    async def listed(
        asking: Asking,
        asked: Sized,
        codename: Text = None,
        content_type__app_label: Text = None,
        content_type__model: Text = None,
        role: Text = None,
        search: Text = None,
        ordering: Text = None,
    ) -> dict[str, Any]:
        wishes = {"codename": codename, "app_label": content_type__app_label, "model": content_type__model}
        rows = [permission_shown(one) for one in codenames.PERMISSIONS.values()]
        rows = [row for row in rows if all(want is None or row[name] == want for name, want in wishes.items())]
        if search:
            words = search.casefold()
            rows = [row for row in rows if any(words in str(row[name]).casefold() for name in _SEARCHED)]
        if role is not None:
            held = await _held_everywhere(rooms, roles, role, asking)
            rows = [row for row in rows if f"{row['app_label']}.{row['codename']}" in held]
        return page_of(_ordered(rows, ordering), asked)

    @operations.operation(
        "GET",
        "/rbac/permissions/{id}/",
        "rbac_permissions_retrieve",
        who=SIGNED_IN,
        tag="rbac",
        answers=Permission,
    )
    async def retrieve(id: Annotated[Key, Path()]) -> dict[str, Any]:  # noqa: A002 - the parameter's name
        try:
            return permission_shown(codenames.permission_numbered(id))
        except InvalidInput as error:
            raise NotFound("api.not_found", "There is no permission of that number.") from error


_SEARCHED: Final = ("name", "codename", "model", "app_label")


def _ordered(rows: list[dict[str, Any]], ordering: str | None) -> list[dict[str, Any]]:
    name = (ordering or "name").removeprefix("-")
    if name not in Permission.model_fields:
        raise ordering_unknown(Permission.model_fields)
    return sorted(rows, key=lambda row: (row[name], row["id"]), reverse=(ordering or "").startswith("-"))


async def _held_everywhere(rooms: Rooms, roles: Kind, role_id: str, asking: Caller) -> set[str]:
    async with rooms.database.reading() as r:
        try:
            role = await found(r, roles, role_id, asking)
        except (NotFound, Refused) as error:
            raise InvalidInput("role.not_found", "role: there is no role of that id.", field="role") from error
        query = select(models.RolePermission.codename).where(
            models.RolePermission.role_id == role.id, models.RolePermission.object_pk == ""
        )
        return set(await r.scalars(query))


def _assigned(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    roles = kinds["authentik_rbac.role"]
    path = "/rbac/permissions/assigned_by_roles/"

    @operations.operation(
        "GET",
        path,
        "rbac_permissions_assigned_by_roles_list",
        who=able(roles),
        tag="rbac",
        answers=Page[RoleAssignedObjectPermission],
    )
    async def of_model(
        asking: Asking,
        asked: Sized,
        model: Annotated[str, Query(max_length=255)],
        object_pk: Text = None,
        search: Text = None,
        ordering: Text = None,
    ) -> dict[str, Any]:
        label = known_model(model).label
        permitting = select(models.RolePermission).where(models.RolePermission.model == label)
        if object_pk is not None:
            permitting = permitting.where(models.RolePermission.object_pk.in_(["", object_pk]))
        query = select(models.Role).where(
            models.Role.id.in_(permitting.with_only_columns(models.RolePermission.role_id))
        )
        if search:
            query = query.where(holds_text(search, models.Role.name))
        async with rooms.database.reading() as r:
            visible = await roles.visible(r, asking)
            if visible is not None:
                query = query.where(visible)
            count = await r.scalar(select(func.count()).select_from(query.subquery())) or 0
            page = query.order_by(*ordered(roles, ordering)).limit(asked.page_size).offset(asked.offset)
            shown = (await r.scalars(page)).all()
            rows = (
                await r.scalars(
                    permitting.where(models.RolePermission.role_id.in_([role.id for role in shown])).order_by(
                        models.RolePermission.codename, models.RolePermission.object_pk
                    )
                )
            ).all()
        known = [row for row in rows if row.codename in codenames.PERMISSIONS]
        return {
            "pagination": asked.numbers(count),
            "results": [
                {
                    "role_pk": role.id,
                    "name": role.name,
                    "object_permissions": [_row(row) for row in known if row.role_id == role.id and row.object_pk],
                    "model_permissions": [_row(row) for row in known if row.role_id == role.id and not row.object_pk],
                }
                for role in shown
            ],
        }

    @operations.operation(
        "GET",
        "/rbac/permissions/roles/",
        "rbac_permissions_roles_list",
        who=able(roles),
        tag="rbac",
        answers=Page[ExtraRoleObjectPermission],
    )
    async def of_roles(
        asking: Asking, asked: Sized, uuid: Text = None, search: Text = None, ordering: Text = None
    ) -> dict[str, Any]:
        row = models.RolePermission
        query = select(row).where(row.object_pk != "", row.codename.in_(list(codenames.PERMISSIONS)))
        if uuid is not None:
            query = query.where(row.role_id == uuid)
        if search:
            query = query.where(holds_text(search, row.codename))
        columns = {"codename": row.codename, "id": row.id, "object_pk": row.object_pk, "model": row.model}
        async with rooms.database.reading() as r:
            seen = await roles.visible(r, asking)
            if seen is not None:
                query = query.where(row.role_id.in_(select(models.Role.id).where(seen)))
            count = await r.scalar(select(func.count()).select_from(query.subquery())) or 0
            page = (
                query.order_by(*columns_ordered(columns, ordering or "codename"), row.id)
                .limit(asked.page_size)
                .offset(asked.offset)
            )
            rows = (await r.scalars(page)).all()
            described = await _described(r, kinds, rows, asking)
        return {
            "pagination": asked.numbers(count),
            "results": [
                {
                    **_row(one),
                    "app_label_verbose": codenames.app_name(codenames.MODELS[one.model].app),
                    "model_verbose": codenames.MODELS[one.model].name,
                    "object_description": described.get((one.model, one.object_pk)),
                }
                for one in rows
            ],
        }

    @operations.operation(
        "POST",
        f"{path}{{uuid}}/assign/",
        "rbac_permissions_assigned_by_roles_assign",
        who=holding(_ASSIGN),
        tag="rbac",
        answers=list[PermissionAssignResult],
    )
    async def assign(asking: Asking, uuid: str, body: PermissionAssignRequest) -> list[dict[str, str]]:
        async with rooms.database.together() as w:
            role = await _role(w, roles, uuid, asking, _ASSIGN)
            label = one_model(body.permissions, model=body.model, object_pk=body.object_pk)
            if label is not None and body.object_pk is not None:
                await check_exists(w, kinds, label, body.object_pk, asking)
            escalation.may_give_permissions(asking.may, body.permissions, body.object_pk)
            rows = await rooms.roles.permit(role.id, body.permissions, object_pk=body.object_pk, by=asking.actor)
            return [{"id": str(row.id)} for row in rows]

    @operations.operation(
        "PATCH",
        f"{path}{{uuid}}/unassign/",
        "rbac_permissions_assigned_by_roles_unassign_partial_update",
        who=holding(_UNASSIGN),
        tag="rbac",
        status=204,
    )
    async def unassign(asking: Asking, uuid: str, body: PatchedPermissionAssignRequest) -> Response:
        async with rooms.database.together() as w:
            role = await _role(w, roles, uuid, asking, _UNASSIGN)
            one_model(body.permissions, model=body.model, object_pk=body.object_pk)
            await rooms.roles.forbid(role.id, body.permissions, object_pk=body.object_pk, by=asking.actor)
        return Response(status_code=204)


def _holders(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    roles = kinds["authentik_rbac.role"]

    def add(segment: str, change: Callable[..., Any]) -> None:
        @operations.operation(
            "POST",
            f"/rbac/roles/{{uuid}}/{segment}/",
            f"rbac_roles_{segment}_create",
            who=able(roles, CHANGE),
            tag="rbac",
            status=204,
        )
        async def handler(asking: Asking, uuid: str, body: UserAccountSerializerForRoleRequest) -> Response:
            async with rooms.database.together() as w:
                role = await found(w, roles, uuid, asking, CHANGE)
                user = await found(w, kinds["authentik_core.user"], body.pk, asking)
                await escalation.may_give_roles(w, asking.may, [role.id], field="role")
                await escalation.may_touch_user(w, asking.may, user.id, field="pk")
                await change(role.id, user.id, by=asking.actor)
            return Response(status_code=204)

    add("add_user", rooms.roles.add_user)
    add("remove_user", rooms.roles.remove_user)


async def _role(r: Reading, roles: Kind, uuid: str, asking: Caller, codename: str) -> models.Role:
    role: models.Role = await found(r, roles, uuid, asking)
    if not asking.may.may(codename, role.id):
        raise Refused("api.not_allowed", "You may see this role, but not change what it permits.")
    await escalation.may_touch_roles(r, asking.may, [role.id])
    return role


async def _described(
    r: Reading, kinds: Kinds, rows: Sequence[models.RolePermission], asking: Caller
) -> dict[tuple[str, str], str]:
    """What the objects are called that the caller may see."""
    described: dict[tuple[str, str], str] = {}
    for label in {row.model for row in rows} & set(kinds):
        kind = kinds[label]
        for one in await objects(r, kind, [row.object_pk for row in rows if row.model == label], asking):
            values = [getattr(one, name, None) for name in ("name", "username", "identifier")]
            name = next((value for value in values if isinstance(value, str) and value), None)
            if name is not None:
                described[label, str(kind.pk_of(one))] = f"{kind.words.name} {name}"
    return described


def _row(row: models.RolePermission) -> dict[str, Any]:
    one = codenames.PERMISSIONS[row.codename]
    shown = {"id": row.id, "codename": one.short, "model": one.model.word, "app_label": one.model.app, "name": one.name}
    return {**shown, "object_pk": row.object_pk} if row.object_pk else shown
