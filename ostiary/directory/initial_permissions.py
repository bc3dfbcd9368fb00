"""Initial permissions: what a role may do to each object that somebody makes who holds it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ostiary.directory import codenames, fields
from ostiary.directory.membership import one_at_a_time
from ostiary.directory.models import InitialPermissions
from ostiary.directory.permissions import roles_of
from ostiary.directory.roles import Roles, found
from ostiary.directory.users import ROOM
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, NotFound
from ostiary.storage.session import Database, Reading, Writing


class Initial:
    """The verbs, and :meth:`give`, which whoever makes objects for people calls for each."""

    def __init__(self, *, database: Database, clock: Clock, roles: Roles) -> None:
        self._database = database
        self._clock = clock
        self._roles = roles

    async def create(self, name: str, *, role_id: str, names: Sequence[str], by: Actor) -> InitialPermissions:
        """New initial permissions. Raises `initial_permissions.name_taken` and what codenames refuse."""
        given = _single(names)
        async with self._database.writing() as w:
            await one_at_a_time(w)
            role = await found(w, role_id)
            row = InitialPermissions(name=fields.role_name(name), role_id=role.id, codenames=given)
            w.add(row)
            await _flush(w)
            await self._record(w, Action.MODEL_CREATED, row, by, role=role.name, permissions=given)
            return row

    async def update(
        self,
        pk: int,
        *,
        name: str | None = None,
        role_id: str | None = None,
        names: Sequence[str] | None = None,
        by: Actor,
    ) -> InitialPermissions:
        """Changes what is given, leaves what is None. What was given to objects before stays."""
        new: dict[str, Any] = {}
        if name is not None:
            new["name"] = fields.role_name(name)
        if names is not None:
            new["codenames"] = _single(names)
        async with self._database.writing() as w:
            await one_at_a_time(w)
            row = await existing(w, pk)
            if role_id is not None:
                new["role_id"] = (await found(w, role_id)).id
            changes = {one: [getattr(row, one), value] for one, value in new.items() if getattr(row, one) != value}
            for one, (_, value) in changes.items():
                setattr(row, one, value)
            await _flush(w)
            if changes:
                await self._record(w, Action.MODEL_UPDATED, row, by, changes=changes)
            return row

    async def delete(self, pk: int, *, by: Actor) -> None:
        """Deletes them; what was given to objects stays."""
        async with self._database.writing() as w:
            await one_at_a_time(w)
            row = await existing(w, pk)
            await self._record(w, Action.MODEL_DELETED, row, by)
            await w.delete(row)

    async def give(self, user_id: int, model: str, object_pk: str, *, by: Actor) -> None:
        """Permits the roles of this person what is set for objects of that model, such as ``authentik_core.user``, on
        the object that they just made; within the transaction that made it.
        """
        async with self._database.together() as w:
            held = select(InitialPermissions).where(InitialPermissions.role_id.in_(await roles_of(w, user_id)))
            for row in await w.scalars(held.order_by(InitialPermissions.id)):
                names = [name for name in row.codenames if _of(name, model)]
                if names:
                    await self._roles.permit(row.role_id, names, object_pk=object_pk, by=by)

    async def _record(self, w: Writing, action: Action, row: InitialPermissions, by: Actor, **context: Any) -> None:
        await record(w, self._clock, action, ROOM, by, model="initialpermissions", name=row.name, pk=row.id, **context)


async def existing(r: Reading, pk: int) -> InitialPermissions:
    """Those of that id. Raises `initial_permissions.not_found`."""
    row = await r.get(InitialPermissions, pk)
    if row is None:
        raise NotFound("initial_permissions.not_found", "There are no initial permissions of that id.")
    return row


def _single(names: Sequence[str]) -> list[str]:
    return sorted({codenames.permission(name, of_one_object=True).codename for name in names})


def _of(name: str, model: str) -> bool:
    # A later release may not know what an earlier one stored.
    known = codenames.PERMISSIONS.get(name)
    return known is not None and known.single and known.model.label == model


async def _flush(w: Writing) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(
            "initial_permissions.name_taken", "name: others have it already; choose another.", field="name"
        ) from error
