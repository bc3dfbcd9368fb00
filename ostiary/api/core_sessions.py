"""``/core/authenticated_sessions/``: where people are signed in, and an end to it."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from ostiary.api.generic import Generic
from ostiary.api.operations import Asking, Operations, able
from ostiary.directory import escalation
from ostiary.kit.errors import Refused
from ostiary.objects.kind import DELETE, Key
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms


class BulkDeleteSessionResponse(BaseModel):
    """How many logins ended."""

    deleted: int


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    kind = kinds["authentik_core.authenticatedsession"]

    @operations.operation(
        "DELETE",
        "/core/authenticated_sessions/bulk_delete/",
        "core_authenticated_sessions_bulk_delete_destroy",
        who=able(kind, DELETE),
        tag="core",
        answers=BulkDeleteSessionResponse,
    )
    async def bulk_delete(
        asking: Asking, user_pks: Annotated[list[Key], Query(max_length=1_000)]
    ) -> BulkDeleteSessionResponse:
        if not asking.may.may(kind.codename(DELETE)) and set(user_pks) != {asking.user_id}:
            raise Refused("api.not_allowed", "You may end your own sessions alone.")
        deleted = 0
        async with rooms.database.together() as w:
            for user_id in sorted(set(user_pks)):
                await escalation.may_touch_user(w, asking.may, user_id, field="user_pks")
                deleted += await rooms.sessions.end_all(user_id, by=asking.actor, reason="ended by an administrator")
        return BulkDeleteSessionResponse(deleted=deleted)

    Generic(
        operations,
        rooms.database,
        kind,
        path="/core/authenticated_sessions/",
        prefix="core_authenticated_sessions",
        key="uuid",
        does="LRDB",
    )
