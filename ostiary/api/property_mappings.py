"""``/propertymappings/``: what applications are told of people."""

from fastapi import Query
from pydantic import BaseModel

from ostiary.access.explain import evaluate_mapping
from ostiary.api.generic import Generic, found
from ostiary.api.operations import Asking, Operations, able
from ostiary.api.types import TypeCreate
from ostiary.directory.models import User
from ostiary.kit.errors import InvalidInput
from ostiary.objects.kind import Fields, Key
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms

_TAG = "propertymappings"


class PropertyMappingTestRequest(Fields):
    """Whom to ask a mapping about. A group and a context say nothing to an expression about a person."""

    user: Key | None = None
    group: str | None = None
    context: dict[str, object] = {}


class PropertyMappingTestResult(BaseModel):
    """What it answered, or why it failed."""

    result: str
    successful: bool


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    every = kinds["authentik_core.propertymapping"]
    scopes = kinds["authentik_providers_oauth2.scopemapping"]
    Generic(
        operations,
        rooms.database,
        every,
        path="/propertymappings/all/",
        prefix="propertymappings_all",
        key="pm_uuid",
        does="LRDB",
    )
    Generic(
        operations,
        rooms.database,
        scopes,
        path="/propertymappings/provider/scope/",
        prefix="propertymappings_provider_scope",
        key="pm_uuid",
    )

    @operations.operation(
        "GET",
        "/propertymappings/all/types/",
        "propertymappings_all_types_list",
        who=able(every),
        tag=_TAG,
        answers=list[TypeCreate],
    )
    async def types(asking: Asking) -> list[TypeCreate]:
        return [TypeCreate.of(scopes, "Fills a header for applications, from what is known of a person.")]

    @operations.operation(
        "POST",
        "/propertymappings/all/{pm_uuid}/test/",
        "propertymappings_all_test_create",
        who=able(every),
        tag=_TAG,
        answers=PropertyMappingTestResult,
    )
    async def test(
        asking: Asking, pm_uuid: str, body: PropertyMappingTestRequest, format_result: bool = Query(default=False)
    ) -> PropertyMappingTestResult:
        async with rooms.database.reading() as r:
            mapping = await found(r, every, pm_uuid, asking)
            if body.user is None:
                raise InvalidInput("mapping.test_needs_user", "user: say about whom to ask.", field="user")
            user: User = await found(r, kinds["authentik_core.user"], body.user, asking)
            result, successful = await evaluate_mapping(r, user, mapping)
        return PropertyMappingTestResult(result=result, successful=successful)
