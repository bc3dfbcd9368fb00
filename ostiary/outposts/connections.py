"""Service connections: made, changed, deleted. What they lead to is the controller's, which comes later."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.exc import IntegrityError

from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.outposts import fields, kubeconfig
from ostiary.outposts.models import ServiceConnection
from ostiary.outposts.registry import ROOM
from ostiary.storage.secrets import Secrets
from ostiary.storage.session import Database, Writing

TYPES: Final = ("kubernetes", "docker")
_PURPOSE, _CONTEXT = "kubeconfig", "service_connections.kubeconfig"
_URL: Final = re.compile(r"unix://(/[\w.-]+){1,20}|(https?|tcp)://[\w.\[\]:-]{1,253}(:\d{1,5})?/?", re.ASCII)
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "kubernetes": ("name", "local", "kubeconfig", "verify_ssl"),
    "docker": ("name", "local", "url", "tls_verification", "tls_authentication"),
}


@dataclass(frozen=True)
class State:
    """How a connection is; ``message`` says why."""

    healthy: bool
    version: str
    message: str


UNTRIED: Final = State(
    healthy=False,
    version="",
    message="Not tried: the controller, which runs outposts through service connections, comes with a later release.",
)


class ServiceConnections:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together."""

    def __init__(self, *, database: Database, clock: Clock, secrets: Secrets) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets

    async def create(self, type_: str, values: Mapping[str, Any], *, by: Actor) -> ServiceConnection:
        """``values`` are authentik's fields of that type. Raises `service_connection.*`."""
        row = ServiceConnection(type=type_, name="", local=False, kubeconfig=None, verify_ssl=True, url="")
        for name, value in self._columns(row, values).items():
            setattr(row, name, value)
        async with self._database.writing() as w:
            w.add(row)
            await _flush(w)
            await self._record(w, Action.MODEL_CREATED, row, by, connection_type=type_, local=row.local)
        return row

    async def update(self, connection_id: str, values: Mapping[str, Any], *, by: Actor) -> ServiceConnection:
        """Changes the given fields. Raises `service_connection.*`."""
        async with self._database.writing() as w:
            row = await _held(w, connection_id)
            before = self.kubeconfig_of(row)
            new = self._columns(row, values)
            if (
                "kubeconfig" in values
                and kubeconfig.restored(kubeconfig.checked(values["kubeconfig"]), before) == before
            ):
                # Sealed anew it would look like a change.
                new["kubeconfig"] = row.kubeconfig
            changed = [name for name, value in new.items() if getattr(row, name) != value]
            for name in changed:
                setattr(row, name, new[name])
            if changed:
                await _flush(w)
                await self._record(w, Action.MODEL_UPDATED, row, by, changed=changed)
            return row

    async def delete(self, connection_id: str, *, by: Actor) -> None:
        """Deletes a connection; outposts that would be run through it stay, without one."""
        async with self._database.writing() as w:
            row = await _held(w, connection_id)
            await w.delete(row)
            await self._record(w, Action.MODEL_DELETED, row, by)

    def kubeconfig_of(self, row: ServiceConnection) -> dict[str, Any]:
        """What is stored, with its secrets: not for showing."""
        if row.kubeconfig is None:
            return {}
        opened: dict[str, Any] = json.loads(self._secrets.open(_PURPOSE, row.kubeconfig, _CONTEXT))
        return opened

    def _columns(self, row: ServiceConnection, values: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that these fields make."""
        known = _FIELDS[row.type]
        values = {name: value for name, value in values.items() if name in known}
        new: dict[str, Any] = {}
        if "name" in values or not row.name:
            new["name"] = fields.name(values.get("name"), "service_connection")
        for name in ("local", "verify_ssl"):
            if name in values:
                new[name] = fields.boolean(values[name], name, "service_connection")
        for name in ("tls_verification", "tls_authentication"):
            if values.get(name) is not None:
                raise InvalidInput(
                    "service_connection.not_supported_yet",
                    f"{name}: no certificate is used yet, since nothing speaks to Docker; leave it out.",
                    field=name,
                )
        if row.type == "docker" and ("url" in values or not row.url):
            if not isinstance(values.get("url"), str) or not _URL.fullmatch(values["url"]):
                raise InvalidInput(
                    "service_connection.url_invalid",
                    "url: write unix:///var/run/docker.sock or https://host:2376.",
                    field="url",
                )
            new["url"] = values["url"]
        if row.type == "kubernetes":
            self._kubernetes(row, values, new)
        return new

    def _kubernetes(self, row: ServiceConnection, values: Mapping[str, Any], new: dict[str, Any]) -> None:
        config = self.kubeconfig_of(row)
        if "kubeconfig" in values:
            config = kubeconfig.restored(kubeconfig.checked(values["kubeconfig"]), config)
            sealed = self._secrets.seal(_PURPOSE, json.dumps(config).encode(), _CONTEXT) if config else None
            new["kubeconfig"] = sealed
        if not config and not new.get("local", row.local):
            raise InvalidInput(
                "service_connection.kubeconfig_invalid",
                "kubeconfig: without one a connection is to the local cluster; set local, or give one.",
                field="kubeconfig",
            )

    async def _record(self, w: Writing, action: Action, row: ServiceConnection, by: Actor, **context: Any) -> None:
        await record(w, self._clock, action, ROOM, by, model="service_connection", pk=row.id, name=row.name, **context)


async def _held(w: Writing, connection_id: str) -> ServiceConnection:
    row = await w.get(ServiceConnection, connection_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("service_connection.not_found", "There is no such service connection.")
    return row


async def _flush(w: Writing) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(
            "service_connection.name_taken",
            "name: another service connection has it already; choose another.",
            field="name",
        ) from error
