"""Groups: made, changed, deleted; who belongs to them, and which groups they belong to."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from ostiary.directory import fields
from ostiary.directory.membership import effective_groups, one_at_a_time, parents_of_all
from ostiary.directory.models import Group, GroupParent, Membership, User
from ostiary.directory.superusers import superuser_kept
from ostiary.directory.users import ROOM, existing, group_named, held
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.session import Database, Reading, Writing


class Groups:
    """The verbs. ``force`` lets a change happen that leaves no active superuser; without it, `user.last_superuser`."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self,
        name: str,
        *,
        is_superuser: bool = False,
        parents: Sequence[str] = (),
        attributes: Any = None,
        by: Actor,
    ) -> Group:
        """A new group below the groups of these names. Raises `group.name_taken`."""
        async with self._database.writing() as w:
            return await self.create_in(
                w, name, is_superuser=is_superuser, parents=parents, attributes=attributes, by=by
            )

    async def create_in(
        self,
        w: Writing,
        name: str,
        *,
        is_superuser: bool = False,
        parents: Sequence[str] = (),
        attributes: Any = None,
        by: Actor,
    ) -> Group:
        """The same within the caller's transaction."""
        group = Group(
            name=fields.group_name(name),
            is_superuser=is_superuser,
            attributes=fields.attributes({} if attributes is None else attributes),
        )
        w.add(group)
        await _flush(w)
        # A new group has no children yet, so its parents cannot close a circle.
        for parent in dict.fromkeys(parents):
            w.add(GroupParent(group_id=group.id, parent_id=(await group_named(w, parent)).id))
        await self._record(
            w, Action.MODEL_CREATED, group, by, is_superuser=is_superuser, parents=list(dict.fromkeys(parents))
        )
        return group

    async def update(
        self,
        group_id: str,
        *,
        name: str | None = None,
        is_superuser: bool | None = None,
        attributes: Any = None,
        force: bool = False,
        by: Actor,
    ) -> Group:
        """Changes what is given, leaves what is None. Raises `group.name_taken`, `user.last_superuser`."""
        async with self._database.writing() as w, superuser_kept(w, force=force):
            group = await found(w, group_id)
            changes: dict[str, Any] = {}
            if name is not None and fields.group_name(name) != group.name:
                changes["name"] = [group.name, fields.group_name(name)]
                group.name = fields.group_name(name)
            if is_superuser is not None and is_superuser != group.is_superuser:
                changes["is_superuser"] = [group.is_superuser, is_superuser]
                group.is_superuser = is_superuser
            if attributes is not None and fields.attributes(attributes) != group.attributes:
                changes["attributes"] = True
                group.attributes = fields.attributes(attributes)
            await _flush(w)
            if changes:
                await self._record(w, Action.MODEL_UPDATED, group, by, changes=changes)
            return group

    async def delete(self, group_id: str, *, force: bool = False, by: Actor) -> None:
        """Deletes a group with its memberships and bindings; what it alone opened stays shut."""
        async with self._database.writing() as w, superuser_kept(w, force=force):
            group = await found(w, group_id)
            await self._record(w, Action.MODEL_DELETED, group, by)
            await w.delete(group)

    async def add_member(self, group_id: str, user_id: int, *, by: Actor) -> bool:
        """Makes a user a direct member; False if they were one."""
        async with self._database.writing() as w:
            await one_at_a_time(w)
            group, user = await found(w, group_id), await existing(w, user_id)
            if await w.get(Membership, (user.id, group.id)) is not None:
                return False
            w.add(Membership(user_id=user.id, group_id=group.id))
            await self._record(w, Action.MODEL_UPDATED, group, by, added=user.username, pk=user.id)
            return True

    async def remove_member(self, group_id: str, user_id: int, *, force: bool = False, by: Actor) -> bool:
        """Ends a direct membership; False if there was none. What is inherited from another group stays."""
        async with self._database.writing() as w, superuser_kept(w, force=force):
            group, user = await found(w, group_id), await existing(w, user_id)
            membership = await w.get(Membership, (user.id, group.id))
            if membership is None:
                return False
            await w.delete(membership)
            await self._record(w, Action.MODEL_UPDATED, group, by, removed=user.username, pk=user.id)
            return True

    async def set_members(self, group_id: str, user_ids: Sequence[int], *, force: bool = False, by: Actor) -> None:
        """Makes exactly these users direct members. Raises `user.not_found` (field ``users``)."""
        async with self._database.writing() as w, superuser_kept(w, force=force):
            group = await found(w, group_id)
            new = set(user_ids)
            old = set(await w.scalars(select(Membership.user_id).where(Membership.group_id == group.id)))
            names = await _usernames(w, new ^ old)
            if missing := sorted((new - old) - names.keys()):
                raise InvalidInput("user.not_found", f"users: there is no user {missing[0]}.", field="users")
            for some in batched(old - new):
                gone = delete(Membership).where(Membership.group_id == group.id, Membership.user_id.in_(some))
                await w.execute(gone.execution_options(synchronize_session=False))
            w.add_all([Membership(user_id=user_id, group_id=group.id) for user_id in sorted(new - old)])
            if new != old:
                added = sorted(names[user_id] for user_id in new - old)
                removed = sorted(names[user_id] for user_id in old - new)
                await self._record(w, Action.MODEL_UPDATED, group, by, added=added, removed=removed)

    async def set_groups_of(self, user_id: int, group_ids: Sequence[str], *, force: bool = False, by: Actor) -> None:
        """Makes a user a direct member of exactly these groups. Raises `group.not_found` (field ``groups``)."""
        async with self._database.writing() as w, superuser_kept(w, force=force):
            user = await held(w, user_id)
            old = await _names(
                w, set(await w.scalars(select(Membership.group_id).where(Membership.user_id == user.id)))
            )
            new = await _names(w, set(group_ids))
            if missing := sorted(set(group_ids) - new.keys()):
                raise InvalidInput("group.not_found", f"groups: there is no group {missing[0]}.", field="groups")
            if new.keys() == old.keys():
                return
            for some in batched(old.keys() - new.keys()):
                gone = delete(Membership).where(Membership.user_id == user.id, Membership.group_id.in_(some))
                await w.execute(gone.execution_options(synchronize_session=False))
            w.add_all([Membership(user_id=user.id, group_id=group_id) for group_id in sorted(new.keys() - old.keys())])
            user.last_updated = self._clock.now()
            changes = {"groups": [sorted(old.values()), sorted(new.values())]}
            await record(
                w, self._clock, Action.USER_WRITE, ROOM, by, pk=user.id, username=user.username, changes=changes
            )

    async def set_parents(self, group_id: str, parents: Sequence[str], *, force: bool = False, by: Actor) -> None:
        """Puts a group below the groups of exactly these ids. Raises `group.circle`.

        Seen and written in one transaction that no other change of the graph overlaps, so two halves of a circle
        cannot be added at once.
        """
        async with self._database.writing() as w, superuser_kept(w, force=force):
            group = await found(w, group_id)
            above = [await found(w, parent) for parent in dict.fromkeys(parents)]
            graph = await parents_of_all(w)
            new = {parent.id for parent in above}
            if group.id in effective_groups(new, graph):
                raise Conflict(
                    "group.circle",
                    "parents: a group cannot be above itself; leave out the one below it.",
                    field="parents",
                )
            old = graph.get(group.id, set())
            if new == old:
                return
            await w.execute(
                delete(GroupParent).where(GroupParent.group_id == group.id, GroupParent.parent_id.in_(old - new))
            )
            w.add_all([GroupParent(group_id=group.id, parent_id=parent) for parent in sorted(new - old)])
            await self._record(w, Action.MODEL_UPDATED, group, by, parents=sorted(parent.name for parent in above))

    async def _record(self, w: Writing, action: Action, group: Group, by: Actor, **context: Any) -> None:
        await record(w, self._clock, action, ROOM, by, model="group", name=group.name, **context)


async def found(r: Reading, group_id: str) -> Group:
    """The group of that id. Raises `group.not_found`."""
    group = await r.get(Group, group_id)
    if group is None:
        raise NotFound("group.not_found", "There is no group of that id.", field="group")
    return group


async def listed(r: Reading) -> Sequence[Group]:
    """All groups, by name."""
    return (await r.scalars(select(Group).order_by(Group.name))).all()


async def parents_of(r: Reading, group_id: str) -> Sequence[Group]:
    """The groups directly above one."""
    above = select(GroupParent.parent_id).where(GroupParent.group_id == group_id)
    return (await r.scalars(select(Group).where(Group.id.in_(above)).order_by(Group.name))).all()


async def members(r: Reading, group_id: str, *, inherited: bool = False) -> Sequence[User]:
    """Direct members by username; with ``inherited``, members of the groups below too."""
    groups = {group_id}
    if inherited:
        below: dict[str, set[str]] = {}
        for child, parents in (await parents_of_all(r)).items():
            for parent in parents:
                below.setdefault(parent, set()).add(child)
        groups = effective_groups({group_id}, below)
    inside = select(Membership.user_id).where(Membership.group_id.in_(groups))
    return (await r.scalars(select(User).where(User.id.in_(inside)).order_by(User.username))).all()


async def _names(r: Reading, group_ids: AbstractSet[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for some in batched(group_ids):
        rows = await r.execute(select(Group.id, Group.name).where(Group.id.in_(some)))
        names |= {row[0]: row[1] for row in rows}
    return names


async def _usernames(r: Reading, user_ids: AbstractSet[int]) -> dict[int, str]:
    names: dict[int, str] = {}
    for some in batched(user_ids):
        rows = await r.execute(select(User.id, User.username).where(User.id.in_(some)))
        names |= {row[0]: row[1] for row in rows}
    return names


Key = TypeVar("Key", int, str)


def batched(ids: AbstractSet[Key]) -> Iterator[list[Key]]:
    """In lists of a thousand: databases take no more than some ten thousand values in one statement."""
    waiting = iter(sorted(ids))
    while some := list(islice(waiting, 1_000)):
        yield some


async def _flush(w: Writing) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(
            "group.name_taken", "name: another group has it already; choose another.", field="name"
        ) from error
