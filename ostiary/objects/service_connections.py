"""Service connections: of any type, and each type with its fields."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic import Field
from sqlalchemy import Select, false, select

from ostiary.events.record import Actor
from ostiary.kit.errors import InvalidInput
from ostiary.objects.kind import Caller, Fields, Filter, Kind, Shown, UsedBy, Words, equals
from ostiary.outposts.connections import ServiceConnections
from ostiary.outposts.kubeconfig import shown as without_secrets
from ostiary.outposts.models import Outpost
from ostiary.outposts.models import ServiceConnection as Row
from ostiary.storage.session import Reading

KUBERNETES: Final = Words(
    "authentik_outposts.kubernetesserviceconnection",
    "Kubernetes Service-Connection",
    "Kubernetes Service-Connections",
    "ak-service-connection-kubernetes-form",
)
DOCKER: Final = Words(
    "authentik_outposts.dockerserviceconnection",
    "Docker Service-Connection",
    "Docker Service-Connections",
    "ak-service-connection-docker-form",
)
TYPES: Final[Mapping[str, Words]] = {"kubernetes": KUBERNETES, "docker": DOCKER}


class ServiceConnection(Shown):
    """What a client receives of a connection of any type."""

    pk: str
    name: str
    local: bool
    component: str
    verbose_name: str
    verbose_name_plural: str
    meta_model_name: str


class KubernetesServiceConnection(ServiceConnection):
    """``kubeconfig`` is shown without its secrets."""

    kubeconfig: dict[str, Any]
    verify_ssl: bool


class DockerServiceConnection(ServiceConnection):
    """No certificate is used yet."""

    url: str
    tls_verification: str | None
    tls_authentication: str | None


class ServiceConnectionRequest(Fields):
    """What every type has."""

    name: str
    local: bool = False


class KubernetesServiceConnectionRequest(ServiceConnectionRequest):
    """What a client may set."""

    kubeconfig: dict[str, Any] = Field(default_factory=dict)
    verify_ssl: bool = True


class DockerServiceConnectionRequest(ServiceConnectionRequest):
    """What a client may set."""

    url: str
    tls_verification: str | None = None
    tls_authentication: str | None = None


def summary(row: Row) -> dict[str, Any]:
    """A connection of any type as ``ServiceConnection`` has it."""
    return {"pk": row.id, "name": row.name, "local": row.local, **TYPES[row.type].shown()}


class AnyConnections(Kind):
    """Connections of every type: seen and deleted."""

    words = Words(
        "authentik_outposts.outpostserviceconnection", "Outpost Service-Connection", "Outpost Service-Connections"
    )
    table = Row
    pk = Row.id
    key = Row.id
    fields: ClassVar[type[Fields]] = ServiceConnectionRequest
    shown: ClassVar[type[Shown]] = ServiceConnection
    search = (Row.name,)
    ordering: ClassVar = {"name": Row.name}
    filters: ClassVar[Mapping[str, Filter]] = {"name": equals(Row.name)}
    identifiers: ClassVar = {"name": Row.name}

    def __init__(self, connections: ServiceConnections) -> None:
        self._connections = connections

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return [summary(row) for row in rows]

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        raise _no_type()

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        raise _no_type()

    async def delete(self, row: Any, by: Actor) -> None:
        await self._connections.delete(row.id, by=by)

    async def used_by(self, r: Reading, row: Any) -> list[UsedBy]:
        query = select(Outpost.id, Outpost.name).where(Outpost.service_connection_id == row.id).order_by(Outpost.name)
        return [UsedBy("authentik_outposts", "outpost", pk, name, "set_null") for pk, name in await r.execute(query)]


def _no_type() -> InvalidInput:
    return InvalidInput(
        "service_connection.type_needed",
        "A service connection is made and changed as what it is: a Kubernetes or a Docker connection.",
    )


class _OneType(AnyConnections):
    """Connections of one type."""

    type: ClassVar[str]

    def every(self) -> Select[Any]:
        return select(Row).where(Row.type == self.type)

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        return (await self._connections.create(self.type, values, by=by)).id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        await self._connections.update(row.id, values, by=by)


class KubernetesConnections(_OneType):
    """Connections to clusters."""

    type = "kubernetes"
    words = KUBERNETES
    fields = KubernetesServiceConnectionRequest
    shown = KubernetesServiceConnection
    filters: ClassVar[Mapping[str, Filter]] = {"name": equals(Row.name), "local": equals(Row.local, bool)}
    secrets = frozenset({"kubeconfig"})

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return [
            {
                **summary(row),
                "kubeconfig": without_secrets(self._connections.kubeconfig_of(row)),
                "verify_ssl": row.verify_ssl,
            }
            for row in rows
        ]


class DockerConnections(_OneType):
    """Connections to Docker daemons."""

    type = "docker"
    words = DOCKER
    fields = DockerServiceConnectionRequest
    shown = DockerServiceConnection
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": equals(Row.name),
        "local": equals(Row.local, bool),
        "url": equals(Row.url),
        "tls_verification": Filter(str, lambda _: false()),
        "tls_authentication": Filter(str, lambda _: false()),
    }

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return [{**summary(row), "url": row.url, "tls_verification": None, "tls_authentication": None} for row in rows]
