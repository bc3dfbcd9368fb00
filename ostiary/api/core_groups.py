"""``/core/groups/``: groups, and one member more or less."""

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import Field
from starlette.responses import Response

from ostiary.api.generic import Generic
from ostiary.api.operations import Asking, Operations, Who
from ostiary.api.targets import target
from ostiary.directory import escalation
from ostiary.directory.models import User
from ostiary.events.record import Actor
from ostiary.kit.errors import NotFound
from ostiary.objects.kind import Fields, Key
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms

_GIVE: Final = (escalation.ADD_MEMBER, escalation.CHANGE_GROUP)
_TAKE: Final = (escalation.REMOVE_MEMBER, escalation.CHANGE_GROUP)


class UserAccountRequest(Fields):
    """Which user."""

    pk: Key = Field()


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    kind = kinds["authentik_core.group"]

    async def change(
        asking: Asking,
        group_uuid: str,
        pk: int,
        codenames: tuple[str, ...],
        check: Callable[..., Awaitable[None]],
        verb: Callable[..., Awaitable[bool]],
    ) -> Response:
        async with rooms.database.together() as w:
            group = await target(w, kind, group_uuid, asking, *codenames)
            await check(w, asking.may, [group.id])
            if await w.get(User, pk) is None:
                # authentik answers 404 here, not 400.
                raise NotFound("user.not_found", "There is no user of that id.")
            actor: Actor = asking.actor
            await verb(group.id, pk, by=actor)
        return Response(status_code=204)

    @operations.operation(
        "POST",
        "/core/groups/{group_uuid}/add_user/",
        "core_groups_add_user_create",
        who=_one_of(*_GIVE),
        tag="core",
        status=204,
    )
    async def add_user(asking: Asking, group_uuid: str, body: UserAccountRequest) -> Response:
        verb = rooms.groups.add_member
        return await change(asking, group_uuid, body.pk, _GIVE, escalation.may_give_groups, verb)

    @operations.operation(
        "POST",
        "/core/groups/{group_uuid}/remove_user/",
        "core_groups_remove_user_create",
        who=_one_of(*_TAKE),
        tag="core",
        status=204,
    )
    async def remove_user(asking: Asking, group_uuid: str, body: UserAccountRequest) -> Response:
        verb = rooms.groups.remove_member
        return await change(asking, group_uuid, body.pk, _TAKE, escalation.may_take_groups, verb)

    Generic(operations, rooms.database, kind, path="/core/groups/", prefix="core_groups", key="group_uuid")


def _one_of(*codenames: str) -> Who:
    """Whoever holds one of these; named by the first, which is for this alone."""
    return Who(
        codenames[0],
        lambda caller: any(caller.may.may(one) or bool(caller.may.objects_of(one)) for one in codenames),
    )
