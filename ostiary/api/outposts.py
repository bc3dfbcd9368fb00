"""``/outposts/``: outposts, their health, and service connections."""

from typing import Any

from ostiary.api.generic import Generic, found
from ostiary.api.operations import Asking, Operations, able
from ostiary.api.paging import Page, Sized, page_of
from ostiary.api.types import TypeCreate
from ostiary.objects.kinds import Kinds
from ostiary.objects.outpost_configs import (
    ConnectionHealth,
    Health,
    LDAPOutpostConfig,
    OutpostDefaultConfig,
    OutpostHealth,
    ProxyConfigKind,
    ServiceConnectionState,
    health_of,
    worker_of,
)
from ostiary.objects.rooms import Rooms
from ostiary.outposts.config import defaults
from ostiary.outposts.connections import UNTRIED
from ostiary.outposts.health import NOBODY, NOTICE, alive

_INSTANCES = "/outposts/instances/"
_CONNECTIONS = "/outposts/service_connections/"
_TAG = "outposts"


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    _instances(operations, kinds, rooms)
    _connections(operations, kinds, rooms)
    _configs(operations, kinds, rooms)


def _instances(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    kind = kinds["authentik_outposts.outpost"]

    @operations.operation(
        "GET",
        f"{_INSTANCES}default_settings/",
        "outposts_instances_default_settings_retrieve",
        who=able(kind),
        tag=_TAG,
        answers=OutpostDefaultConfig,
    )
    async def default_settings(asking: Asking) -> dict[str, Any]:
        return {"config": defaults()}

    Generic(operations, rooms.database, kind, path=_INSTANCES, prefix="outposts_instances", key="uuid")

    @operations.operation(
        "GET",
        f"{_INSTANCES}{{uuid}}/health/",
        "outposts_instances_health_list",
        who=able(kind),
        tag=_TAG,
        answers=list[OutpostHealth],
    )
    async def health(uuid: str, asking: Asking) -> list[dict[str, Any]]:
        async with rooms.database.reading() as r:
            outpost = await found(r, kind, uuid, asking)
            # Nothing runs another one yet.
            workers = await alive(r, rooms.clock.now()) if outpost.managed is not None else ()
        return [health_of(worker) for worker in workers]

    # Strict clients refuse keys that authentik's answer has not, so what we know besides has an address of ours.
    @operations.operation(
        "GET",
        "/ostiary/outposts/{uuid}/health/",
        "ostiary_outposts_health_retrieve",
        who=able(kind),
        tag="ostiary",
        answers=Health,
    )
    async def in_our_words(uuid: str, asking: Asking) -> dict[str, Any]:
        async with rooms.database.reading() as r:
            outpost = await found(r, kind, uuid, asking)
            if outpost.managed is None:
                return {"message": NOBODY, "workers": []}
            return {"message": NOTICE, "workers": [worker_of(one) for one in await alive(r, rooms.clock.now())]}


def _connections(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    kind = kinds["authentik_outposts.outpostserviceconnection"]
    path, prefix = f"{_CONNECTIONS}all/", "outposts_service_connections_all"

    @operations.operation(
        "GET", f"{path}types/", f"{prefix}_types_list", who=able(kind), tag=_TAG, answers=list[TypeCreate]
    )
    async def types(asking: Asking) -> list[TypeCreate]:
        return [
            TypeCreate.of(kinds[f"authentik_outposts.{type_}serviceconnection"], f"{about} Nothing uses it yet.")
            for type_, about in (
                ("kubernetes", "A cluster, by a kubeconfig or the pod's own service account."),
                ("docker", "A Docker daemon, by its socket or address."),
            )
        ]

    Generic(operations, rooms.database, kind, path=path, prefix=prefix, key="uuid", does="LRDB")

    @operations.operation(
        "GET",
        f"{path}{{uuid}}/state/",
        f"{prefix}_state_retrieve",
        who=able(kind),
        tag=_TAG,
        answers=ServiceConnectionState,
    )
    async def state(uuid: str, asking: Asking) -> dict[str, Any]:
        async with rooms.database.reading() as r:
            await found(r, kind, uuid, asking)
        return {"healthy": UNTRIED.healthy, "version": UNTRIED.version}

    @operations.operation(
        "GET",
        "/ostiary/service_connections/{uuid}/state/",
        "ostiary_service_connections_state_retrieve",
        who=able(kind),
        tag="ostiary",
        answers=ConnectionHealth,
    )
    async def state_in_our_words(uuid: str, asking: Asking) -> dict[str, Any]:
        async with rooms.database.reading() as r:
            await found(r, kind, uuid, asking)
        return vars(UNTRIED)

    for type_ in ("kubernetes", "docker"):
        Generic(
            operations,
            rooms.database,
            kinds[f"authentik_outposts.{type_}serviceconnection"],
            path=f"{_CONNECTIONS}{type_}/",
            prefix=f"outposts_service_connections_{type_}",
            key="uuid",
        )


def _configs(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    Generic(
        operations,
        rooms.database,
        ProxyConfigKind(rooms.system),
        path="/outposts/proxy/",
        prefix="outposts_proxy",
        key="id",
        does="L",
    )

    @operations.operation(
        "GET",
        "/outposts/ldap/",
        "outposts_ldap_list",
        who=able(kinds["authentik_outposts.outpost"]),
        tag=_TAG,
        answers=Page[LDAPOutpostConfig],
    )
    async def ldap(asking: Asking, asked: Sized) -> dict[str, Any]:
        return page_of([], asked)
