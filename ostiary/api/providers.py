"""``/providers/``: how applications are guarded."""

from ostiary.api.generic import Generic
from ostiary.api.operations import Asking, Operations, able
from ostiary.api.types import TypeCreate
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    every, proxy = kinds["authentik_core.provider"], kinds["authentik_providers_proxy.proxyprovider"]
    Generic(operations, rooms.database, every, path="/providers/all/", prefix="providers_all", key="id", does="LRDB")
    Generic(operations, rooms.database, proxy, path="/providers/proxy/", prefix="providers_proxy", key="id")

    @operations.operation(
        "GET",
        "/providers/all/types/",
        "providers_all_types_list",
        who=able(every),
        tag="providers",
        answers=list[TypeCreate],
    )
    async def types(asking: Asking) -> list[TypeCreate]:
        return [TypeCreate.of(proxy, "Guards an application behind a reverse proxy that asks before it passes on.")]
