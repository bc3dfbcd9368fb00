"""A kind for the tests of this room, so that they do not change with the real ones: groups, and notes about them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field
from sqlalchemy import select

from ostiary.blueprints.registry import Blueprints
from ostiary.directory.groups import Groups
from ostiary.directory.models import Group, GroupParent
from ostiary.directory.roles import Roles
from ostiary.events.record import Actor
from ostiary.objects.kind import Caller, Fields, Kind, Shown, Words
from ostiary.objects.roles import Roles as RoleKind
from ostiary.storage.session import Database, Reading
from tests.clock import FakeClock


class GroupFields(Fields):
    """What may be set."""

    name: str
    is_superuser: bool = False
    parents: Annotated[list[str], Field(default_factory=list)]
    attributes: Annotated[dict[str, Any], Field(default_factory=dict)]


class GroupShown(Shown):
    """What is seen."""

    pk: str
    name: str
    is_superuser: bool
    parents: list[str]
    attributes: dict[str, Any]
    num_pk: int


class GroupKind(Kind):
    """Groups over their verbs."""

    words = Words("authentik_core.group", "Group", "Groups")
    table = Group
    pk = Group.id
    key = Group.id
    fields = GroupFields
    shown = GroupShown
    identifiers: ClassVar = {"name": Group.name}

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self._groups = Groups(database=database, clock=clock)

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        parents: dict[str, list[str]] = {}
        query = select(GroupParent).where(GroupParent.group_id.in_([row.id for row in rows]))
        for edge in await r.scalars(query.order_by(GroupParent.parent_id)):
            parents.setdefault(edge.group_id, []).append(edge.parent_id)
        return [
            {
                "pk": row.id,
                "name": row.name,
                "is_superuser": row.is_superuser,
                "parents": parents.get(row.id, []),
                "attributes": row.attributes,
                "num_pk": 1,
            }
            for row in rows
        ]

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        group = await self._groups.create(
            values["name"],
            is_superuser=values.get("is_superuser", False),
            attributes=values.get("attributes"),
            by=by,
        )
        await self._groups.set_parents(group.id, values.get("parents", []), force=True, by=by)
        return group.id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        await self._groups.update(
            row.id,
            name=values.get("name"),
            is_superuser=values.get("is_superuser"),
            attributes=values.get("attributes"),
            by=by,
        )
        if "parents" in values:
            await self._groups.set_parents(row.id, values["parents"], by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._groups.delete(row.id, by=by)


def kinds(database: Database, clock: FakeClock) -> dict[str, Kind]:
    """That kind, and roles."""
    return {
        "authentik_core.group": GroupKind(database, clock),
        "authentik_rbac.role": RoleKind(Roles(database=database, clock=clock)),
    }


def blueprints(database: Database, clock: FakeClock) -> Blueprints:
    """The room over those kinds alone."""
    roles = Roles(database=database, clock=clock)
    return Blueprints(database=database, clock=clock, roles=roles, kinds=kinds(database, clock))
