"""Groups: named sets of people, one below another; whoever is in one is in those above it.

``users`` are all members by number; ``users_obj`` holds those whose accounts the caller may see.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic import Field
from sqlalchemy import ColumnElement, or_, select

from ostiary.directory import escalation
from ostiary.directory.groups import Groups as GroupVerbs
from ostiary.directory.membership import effective_groups, parents_of_all
from ostiary.directory.models import Group, GroupParent, Membership, RoleGroup, User
from ostiary.directory.roles import Roles
from ostiary.directory.usernames import folded
from ostiary.events.record import Actor
from ostiary.objects import people_shown
from ostiary.objects.attribute_filter import holds
from ostiary.objects.kind import DELETE, Caller, Fields, Filter, Key, Kind, UsedBy, Words, equals, permitted
from ostiary.objects.people import (
    UserIds,
    Uuids,
    members_of,
    num_pk,
    related_group,
    roles_of_groups,
    shown_role,
)
from ostiary.policies.models import PolicyBinding
from ostiary.storage.session import Reading

_VIEW_USER: Final = "authentik_core.view_user"


class GroupRequest(Fields):
    """What a client may set."""

    name: str = Field(min_length=1)
    is_superuser: bool = False
    parents: Uuids = Field([])
    users: UserIds = Field([])
    attributes: dict[str, Any] = Field({})
    roles: Uuids = Field([])


def _with_members(users: Any) -> Any:
    return Group.id.in_(select(Membership.group_id).where(Membership.user_id.in_(users)))


class Groups(Kind):
    """Kind of groups."""

    words = Words("authentik_core.group", "Group", "Groups", "ak-group-form")
    table = Group
    pk = Group.id
    key = Group.id
    fields = GroupRequest
    shown = people_shown.Group
    search = (Group.name,)
    ordering: ClassVar = {"name": Group.name, "is_superuser": Group.is_superuser}
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": equals(Group.name),
        "is_superuser": equals(Group.is_superuser, bool),
        "attributes": holds(Group.attributes),
        "members_by_pk": Filter(list[Key], _with_members),
        "members_by_username": Filter(
            list[str],
            lambda names: _with_members(select(User.id).where(User.username.in_([folded(name) for name in names]))),
        ),
    }
    flags: ClassVar = {
        "include_users": True,
        "include_children": False,
        "include_parents": False,
        "include_inherited_roles": False,
    }
    renamed: ClassVar = {"role": "roles", "group": "parents", "user": "users"}
    identifiers: ClassVar = {"name": Group.name}

    def __init__(self, *, groups: GroupVerbs, roles: Roles) -> None:
        self._groups = groups
        self._roles = roles

    async def looking(self, r: Reading, caller: Caller, given: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        names = given.get("members_by_username")
        if names is None:
            return []
        seen = or_(permitted(caller, _VIEW_USER, User.id), User.id == caller.user_id)
        return [_with_members(select(User.id).where(User.username.in_([folded(name) for name in names]), seen))]

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        wants = {**self.flags, **flags}
        ids = [row.id for row in rows]
        # Whoever may put people into groups would else read of everybody what stands in their accounts.
        whole = caller.may.may(_VIEW_USER)
        members = await members_of(r, ids) if wants["include_users"] else None
        above = await _neighbours(r, GroupParent.group_id, GroupParent.parent_id, ids)
        below = await _neighbours(r, GroupParent.parent_id, GroupParent.group_id, ids)
        roles = await roles_of_groups(r, ids)
        inherited = await _inherited(r, ids) if wants["include_inherited_roles"] else None
        shown = []
        for row in rows:
            people = None if members is None else members.get(row.id, [])
            seen = people if people is None or whole else [one for one in people if _sees(caller, one["pk"])]
            parents, children, own = above.get(row.id, []), below.get(row.id, []), roles.get(row.id, [])
            shown.append(
                {
                    "pk": row.id,
                    "num_pk": num_pk(row.id),
                    "name": row.name,
                    "is_superuser": row.is_superuser,
                    "parents": [group.id for group in parents],
                    "parents_obj": [related_group(one) for one in parents] if wants["include_parents"] else None,
                    "users": None if people is None else [one["pk"] for one in people],
                    "users_obj": seen,
                    "attributes": row.attributes,
                    "roles": [role.id for role in own],
                    "roles_obj": [shown_role(role) for role in own],
                    "inherited_roles_obj": None if inherited is None else inherited[row.id],
                    "children": [group.id for group in children],
                    "children_obj": [related_group(one) for one in children] if wants["include_children"] else None,
                }
            )
        return shown

    async def guard(self, r: Reading, caller: Caller, verb: str, row: Any | None, values: Mapping[str, Any]) -> None:
        old: dict[str, set[str]] = {"parents": set(), "roles": set()}
        if row is not None:
            await escalation.may_touch_groups(r, caller.may, [row.id])
            old["parents"] = set(await r.scalars(select(GroupParent.parent_id).where(GroupParent.group_id == row.id)))
            old["roles"] = set(await r.scalars(select(RoleGroup.role_id).where(RoleGroup.group_id == row.id)))
        if verb == DELETE:
            return
        before = row is not None and row.is_superuser
        if values.get("is_superuser", before) != before:
            escalation.may_make_superusers(caller.may)
        if "parents" in values:
            new = set(values["parents"])
            await escalation.may_give_groups(r, caller.may, sorted(new - old["parents"]), field="parents")
            await escalation.may_take_groups(r, caller.may, sorted(old["parents"] - new), field="parents")
        if "roles" in values:
            await escalation.may_give_roles(r, caller.may, sorted(set(values["roles"]) ^ old["roles"]))

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        group = await self._groups.create(
            values["name"],
            is_superuser=values.get("is_superuser", False),
            attributes=values.get("attributes"),
            by=by,
        )
        await self._belong(group.id, values, by)
        return group.id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        # The members first: whoever comes may be the superuser who stays when another goes.
        await self._belong(row.id, values, by)
        given = {name: values[name] for name in ("name", "is_superuser", "attributes") if name in values}
        if given:
            await self._groups.update(row.id, **given, by=by)

    async def _belong(self, group_id: str, values: Mapping[str, Any], by: Actor) -> None:
        if "parents" in values:
            await self._groups.set_parents(group_id, values["parents"], by=by)
        if "users" in values:
            await self._groups.set_members(group_id, values["users"], by=by)
        if "roles" in values:
            await self._roles.set_of_group(group_id, values["roles"], by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._groups.delete(row.id, by=by)

    async def used_by(self, r: Reading, row: Any) -> list[UsedBy]:
        bindings = await r.scalars(select(PolicyBinding.id).where(PolicyBinding.group_id == row.id).limit(_MOST))
        children = await r.execute(
            select(Group.id, Group.name)
            .join(GroupParent, GroupParent.group_id == Group.id)
            .where(GroupParent.parent_id == row.id)
            .limit(_MOST)
        )
        return [
            *(UsedBy("authentik_policies", "policybinding", pk, f"Binding {pk}", "set_null") for pk in bindings),
            *(UsedBy("authentik_core", "group", pk, name, "left_dangling") for pk, name in children),
        ]


_MOST = 1_000


def _sees(caller: Caller, user_id: int) -> bool:
    return user_id == caller.user_id or caller.may.may(_VIEW_USER, user_id)


async def _neighbours(r: Reading, here: Any, there: Any, ids: Sequence[str]) -> dict[str, list[Group]]:
    """Groups one step above or below, by name."""
    found: dict[str, list[Group]] = {}
    query = select(here, Group).join(Group, Group.id == there).where(here.in_(ids)).order_by(Group.name)
    for group_id, neighbour in await r.execute(query):
        found.setdefault(group_id, []).append(neighbour)
    return found


async def _inherited(r: Reading, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The roles that members hold by the groups above, not by the group itself."""
    graph = await parents_of_all(r)
    above = {group_id: effective_groups({group_id}, graph) - {group_id} for group_id in ids}
    roles = await roles_of_groups(r, set().union(*above.values()))
    shown = {}
    for group_id, groups in above.items():
        held = {role.id: role for group in groups for role in roles.get(group, ())}
        shown[group_id] = [shown_role(role) for role in sorted(held.values(), key=lambda role: role.name)]
    return shown
