"""Kept blueprints as the API knows them.

Whoever stores a blueprint can do everything, so only superusers do. Roles may give sight of them, but not of what is in
them, which may be a password.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field
from sqlalchemy import select

from ostiary.blueprints.models import BlueprintInstance, BlueprintObject
from ostiary.blueprints.stored import Stored
from ostiary.events.record import Actor
from ostiary.objects.kind import Caller, Fields, Filter, Kind, Shown, Words, equals
from ostiary.storage.session import Reading


class BlueprintInstanceRequest(Fields):
    """What a client may set."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    path: Annotated[str, Field(max_length=1024)] = ""
    context: dict[str, Any] = Field(default={})
    enabled: bool = True
    content: str = ""


class BlueprintInstanceShown(Shown):
    """What a client receives."""

    pk: str
    name: str
    path: str
    context: dict[str, Any]
    last_applied: datetime
    last_applied_hash: str
    status: str
    enabled: bool
    managed_models: list[str]
    metadata: dict[str, Any]
    content: str


class Instances(Kind):
    """Kind of blueprints."""

    words = Words(
        "authentik_blueprints.blueprintinstance", "Blueprint Instance", "Blueprint Instances", "ak-blueprint-form"
    )
    table = BlueprintInstance
    pk = BlueprintInstance.id
    key = BlueprintInstance.id
    fields = BlueprintInstanceRequest
    shown = BlueprintInstanceShown
    search = (BlueprintInstance.name, BlueprintInstance.path)
    ordering: ClassVar = {
        "name": BlueprintInstance.name,
        "path": BlueprintInstance.path,
        "last_applied": BlueprintInstance.last_applied,
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": equals(BlueprintInstance.name),
        "path": equals(BlueprintInstance.path),
    }
    identifiers: ClassVar = {"name": BlueprintInstance.name}
    superusers_only = True
    secrets = frozenset({"content", "context"})

    def __init__(self, stored: Stored) -> None:
        self._stored = stored

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        models: dict[str, list[str]] = {}
        query = (
            select(BlueprintObject.blueprint_id, BlueprintObject.model)
            .where(BlueprintObject.blueprint_id.in_([row.id for row in rows]))
            .distinct()
            .order_by(BlueprintObject.model)
        )
        for blueprint_id, model in await r.execute(query):
            models.setdefault(blueprint_id, []).append(model)
        whole = caller.is_superuser
        return [
            {
                "pk": row.id,
                "name": row.name,
                "path": row.path,
                "context": row.context if whole else {},
                "last_applied": row.last_applied,
                "last_applied_hash": row.last_applied_hash,
                "status": row.status,
                "enabled": row.enabled,
                "managed_models": models.get(row.id, []),
                "metadata": {"name": row.name, "labels": row.labels},
                "content": row.content if whole else "",
            }
            for row in rows
        ]

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        return (await self._stored.create(values, by=by)).id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        await self._stored.update(row.id, values, by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._stored.delete(row.id, by=by)
