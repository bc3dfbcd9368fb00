"""Roles: made, renamed, deleted; what they permit, and who holds them."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ostiary.directory import codenames, fields
from ostiary.directory.membership import one_at_a_time
from ostiary.directory.models import Group, Role, RoleGroup, RolePermission, RoleUser, User
from ostiary.directory.users import ROOM, existing
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.session import Database, Reading, Writing

_LONGEST_KEY = 255
_MOST_AT_ONCE = 1_000


class Roles:
    """The verbs. Who may ask for what is :mod:`ostiary.directory.escalation`'s matter."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, name: str, *, by: Actor) -> Role:
        """A new role, which permits nothing yet. Raises `role.name_taken`."""
        async with self._database.writing() as w:
            role = Role(name=fields.role_name(name))
            w.add(role)
            await _flush(w)
            await self._record(w, Action.MODEL_CREATED, role, by)
            return role

    async def rename(self, role_id: str, name: str, *, by: Actor) -> Role:
        """Gives a role another name. Raises `role.name_taken`."""
        async with self._database.writing() as w:
            role = await self._held(w, role_id)
            new = fields.role_name(name)
            if new != role.name:
                changes = {"name": [role.name, new]}
                role.name = new
                await _flush(w)
                await self._record(w, Action.MODEL_UPDATED, role, by, changes=changes)
            return role

    async def delete(self, role_id: str, *, by: Actor) -> None:
        """Deletes a role; what it alone permitted, nobody may any more."""
        async with self._database.writing() as w:
            role = await self._held(w, role_id)
            await self._record(w, Action.MODEL_DELETED, role, by)
            await w.delete(role)

    async def permit(
        self, role_id: str, names: Sequence[str], *, object_pk: str | None = None, by: Actor
    ) -> list[RolePermission]:
        """Adds permissions, for every object or for the one of that primary key; answers one row for each.

        Raises what :func:`codenames.permission` refuses.
        """
        single = object_pk is not None
        given = [codenames.permission(name, of_one_object=single) for name in _few(names)]
        pk = _key(object_pk)
        async with self._database.writing() as w:
            role = await self._held(w, role_id)
            held = {row.codename: row for row in await _rows(w, role.id, names, pk)}
            new = [permission for permission in given if permission.codename not in held]
            for permission in new:
                held[permission.codename] = RolePermission(
                    role_id=role.id, model=permission.model.label, codename=permission.codename, object_pk=pk
                )
                w.add(held[permission.codename])
            await w.flush()
            if new:
                await self._record(
                    w,
                    Action.MODEL_UPDATED,
                    role,
                    by,
                    permitted=[permission.codename for permission in new],
                    object_pk=object_pk,
                )
            return [held[permission.codename] for permission in given]

    async def forbid(self, role_id: str, names: Sequence[str], *, object_pk: str | None = None, by: Actor) -> list[str]:
        """Takes permissions away again and answers which; what the role does not hold, and unknown ones, are none.

        A permission for every object is not narrowed: taking one object of it away needs it taken away whole.
        """
        async with self._database.writing() as w:
            role = await self._held(w, role_id)
            rows = await _rows(w, role.id, _few(names), _key(object_pk))
            for row in rows:
                await w.delete(row)
            gone = sorted(row.codename for row in rows)
            if gone:
                await self._record(w, Action.MODEL_UPDATED, role, by, forbidden=gone, object_pk=object_pk)
            return gone

    async def set_permissions(self, role_id: str, names: Sequence[str], *, by: Actor) -> None:
        """Makes these the permissions for every object, exactly; those for single objects stay."""
        async with self._database.together() as w:
            role = await self._held(w, role_id)
            held = select(RolePermission.codename).where(
                RolePermission.role_id == role.id, RolePermission.object_pk == ""
            )
            await self.permit(role.id, names, by=by)
            await self.forbid(role.id, sorted({*await w.scalars(held)} - {*names}), by=by)

    async def add_user(self, role_id: str, user_id: int, *, by: Actor) -> bool:
        """Gives a person the role; False if they held it."""
        return await self._change(role_id, user_id=user_id, add=True, by=by)

    async def remove_user(self, role_id: str, user_id: int, *, by: Actor) -> bool:
        """Takes the role from a person; False if they did not hold it. What their groups hold stays."""
        return await self._change(role_id, user_id=user_id, add=False, by=by)

    async def add_group(self, role_id: str, group_id: str, *, by: Actor) -> bool:
        """Gives the members of a group the role, those of groups below it too; False if they held it."""
        return await self._change(role_id, group_id=group_id, add=True, by=by)

    async def remove_group(self, role_id: str, group_id: str, *, by: Actor) -> bool:
        """Takes the role from a group; False if it did not hold it."""
        return await self._change(role_id, group_id=group_id, add=False, by=by)

    async def set_of_user(self, user_id: int, role_ids: Iterable[str], *, by: Actor) -> None:
        """Makes these the roles that a person holds themselves, exactly."""
        async with self._database.together() as w:
            await one_at_a_time(w)
            held = set(await w.scalars(select(RoleUser.role_id).where(RoleUser.user_id == user_id)))
            for role_id in sorted({*role_ids} ^ held):
                await self._change(role_id, user_id=user_id, add=role_id not in held, by=by)

    async def set_of_group(self, group_id: str, role_ids: Iterable[str], *, by: Actor) -> None:
        """Makes these the roles of a group, exactly."""
        async with self._database.together() as w:
            await one_at_a_time(w)
            held = set(await w.scalars(select(RoleGroup.role_id).where(RoleGroup.group_id == group_id)))
            for role_id in sorted({*role_ids} ^ held):
                await self._change(role_id, group_id=group_id, add=role_id not in held, by=by)

    async def _change(
        self, role_id: str, *, user_id: int | None = None, group_id: str | None = None, add: bool, by: Actor
    ) -> bool:
        async with self._database.writing() as w:
            role = await self._held(w, role_id)
            who: dict[str, Any]
            holder: RoleUser | RoleGroup | None
            new: RoleUser | RoleGroup
            if user_id is not None:
                user = await existing(w, user_id)
                who = {"user": user.username, "pk": user.id}
                holder, new = await w.get(RoleUser, (role.id, user.id)), RoleUser(role_id=role.id, user_id=user.id)
            else:
                group = await _group(w, group_id or "")
                who = {"group": group.name, "pk": group.id}
                holder = await w.get(RoleGroup, (role.id, group.id))
                new = RoleGroup(role_id=role.id, group_id=group.id)
            if (holder is not None) == add:
                return False
            if holder is None:
                w.add(new)
            else:
                await w.delete(holder)
            await self._record(w, Action.MODEL_UPDATED, role, by, **{"added" if add else "removed": who})
            return True

    async def _held(self, w: Writing, role_id: str) -> Role:
        # Neither the role nor a person or group may be deleted between being found and being written.
        await one_at_a_time(w)
        return await found(w, role_id)

    async def _record(self, w: Writing, action: Action, role: Role, by: Actor, **context: Any) -> None:
        await record(w, self._clock, action, ROOM, by, model="role", name=role.name, **context)


async def found(r: Reading, role_id: str) -> Role:
    """The role of that id. Raises `role.not_found`."""
    role = await r.get(Role, role_id)
    if role is None:
        raise NotFound("role.not_found", "There is no role of that id.", field="role")
    return role


async def named(r: Reading, name: str) -> Role:
    """The role of exactly that name. Raises `role.not_found`."""
    role = await r.scalar(select(Role).where(Role.name == fields.role_name(name)))
    if role is None:
        raise NotFound("role.not_found", "role: there is no role of that name.", field="role")
    return role


async def listed(r: Reading) -> Sequence[Role]:
    """All roles, by name."""
    return (await r.scalars(select(Role).order_by(Role.name))).all()


async def permissions_of_role(r: Reading, role_id: str) -> Sequence[RolePermission]:
    """What a role permits, by codename."""
    return (
        await r.scalars(
            select(RolePermission)
            .where(RolePermission.role_id == role_id)
            .order_by(RolePermission.codename, RolePermission.object_pk)
        )
    ).all()


async def users_of(r: Reading, role_id: str) -> Sequence[User]:
    """Who holds a role themselves, by username."""
    holders = select(RoleUser.user_id).where(RoleUser.role_id == role_id)
    return (await r.scalars(select(User).where(User.id.in_(holders)).order_by(User.username))).all()


async def groups_of_role(r: Reading, role_id: str) -> Sequence[Group]:
    """Which groups hold a role, by name."""
    holders = select(RoleGroup.group_id).where(RoleGroup.role_id == role_id)
    return (await r.scalars(select(Group).where(Group.id.in_(holders)).order_by(Group.name))).all()


async def _rows(r: Reading, role_id: str, names: Sequence[str], pk: str) -> Sequence[RolePermission]:
    return (
        await r.scalars(
            select(RolePermission).where(
                RolePermission.role_id == role_id,
                RolePermission.codename.in_(names),
                RolePermission.object_pk == pk,
            )
        )
    ).all()


async def _group(r: Reading, group_id: str) -> Group:
    group = await r.get(Group, group_id)
    if group is None:
        raise NotFound("group.not_found", "There is no group of that id.", field="group")
    return group


async def _flush(w: Writing) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict("role.name_taken", "name: another role has it already; choose another.", field="name") from error


def _few(names: Sequence[str]) -> list[str]:
    if len(names) > _MOST_AT_ONCE:
        raise InvalidInput(
            "permission.too_many", f"permissions: give at most {_MOST_AT_ONCE} at once.", field="permissions"
        )
    return list(dict.fromkeys(names))


def _key(object_pk: str | None) -> str:
    if object_pk is None:
        return ""
    if not object_pk or len(object_pk) > _LONGEST_KEY or not object_pk.isprintable():
        raise InvalidInput(
            "permission.object_invalid",
            "object_pk: give the primary key of one object, or leave it out for all of them.",
            field="object_pk",
        )
    return object_pk
