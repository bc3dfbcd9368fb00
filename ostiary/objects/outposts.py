"""Outposts."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, and_, exists, or_, select

from ostiary.applications.models import Provider as ProviderRow
from ostiary.events.record import Actor
from ostiary.kit.errors import InvalidInput
from ostiary.objects.kind import Caller, Fields, Filter, Key, Kind, Shown, Words, contains, equals_any_case, permitted
from ostiary.objects.proxy_providers import ProviderShown, providers_shown
from ostiary.objects.service_connections import TYPES, ServiceConnection, summary
from ostiary.outposts.config import refresh_seconds
from ostiary.outposts.models import Outpost as Row
from ostiary.outposts.models import OutpostProvider
from ostiary.outposts.models import ServiceConnection as Connection
from ostiary.outposts.registry import Outposts, providers_of, token_identifier
from ostiary.storage.session import Reading


class OutpostRequest(Fields):
    """What a client may set. ``config`` is stored and given back as it came."""

    name: str
    type: Literal["proxy", "ldap", "radius", "rac"]
    providers: Annotated[list[Key], Field(max_length=5_000)]
    service_connection: str | None = None
    config: dict[str, Any]
    managed: str | None = None


class Outpost(Shown):
    """What a client receives. ``token_identifier`` is a name that no token has: nothing signs in as an outpost."""

    pk: str
    name: str
    type: Literal["proxy", "ldap", "radius", "rac"]
    providers: list[int]
    providers_obj: list[ProviderShown]
    service_connection: str | None
    service_connection_obj: ServiceConnection | None
    refresh_interval_s: int
    token_identifier: str
    config: dict[str, Any]
    managed: str | None


def _lists(provider_ids: list[int]) -> ColumnElement[bool]:
    return exists().where(OutpostProvider.outpost_id == Row.id, OutpostProvider.provider_id.in_(provider_ids))


def _connected(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(Connection.id == Row.service_connection_id, condition)


_BY_CONNECTION: Final = ("service_connection__name__iexact", "service_connection__name__icontains")


class OutpostKind(Kind):
    """Kind of outposts."""

    words = Words("authentik_outposts.outpost", "Outpost", "Outposts", "ak-outpost-form")
    table = Row
    pk = Row.id
    key = Row.id
    fields = OutpostRequest
    shown = Outpost
    search = (Row.name,)
    ordering: ClassVar = {
        "name": Row.name,
        "type": Row.type,
        "managed": Row.managed,
        "service_connection__name": select(Connection.name)
        .where(Connection.id == Row.service_connection_id)
        .scalar_subquery(),
    }
    filters: ClassVar[Mapping[str, Filter]] = {
        "name__iexact": equals_any_case(Row.name),
        "name__icontains": contains(Row.name),
        "managed__iexact": equals_any_case(Row.managed),
        "managed__icontains": contains(Row.managed),
        "providers_by_pk": Filter(list[Key], _lists),
        "providers__isnull": Filter(
            bool, lambda none: exists().where(OutpostProvider.outpost_id == Row.id).is_(not none)
        ),
        "service_connection__name__iexact": Filter(
            str, lambda value: _connected(equals_any_case(Connection.name).condition(value))
        ),
        "service_connection__name__icontains": Filter(
            str, lambda value: _connected(contains(Connection.name).condition(value))
        ),
    }
    identifiers: ClassVar = {"name": Row.name, "managed": Row.managed}

    def __init__(self, outposts: Outposts) -> None:
        self._outposts = outposts

    async def looking(self, r: Reading, caller: Caller, given: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        if all(given.get(name) is None for name in _BY_CONNECTION):
            return []
        every = permitted(caller, "authentik_outposts.view_outpostserviceconnection", Connection.id)
        own = (
            and_(Connection.type == type_, permitted(caller, f"{words.app}.view_{words.model}", Connection.id))
            for type_, words in TYPES.items()
        )
        return [_connected(or_(every, *own))]

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        served = await providers_of(r, [row.id for row in rows])
        every = {pk for pks in served.values() for pk in pks}
        rows_of = (await r.scalars(select(ProviderRow).where(ProviderRow.id.in_(every)))).all()
        seen = [one for one in rows_of if may_see_provider(caller, one.type, one.id)]
        known = {one["pk"]: one for one in await providers_shown(r, seen)}
        wanted = {row.service_connection_id for row in rows if row.service_connection_id}
        connections = {
            one.id: one
            for one in await r.scalars(select(Connection).where(Connection.id.in_(wanted)))
            if may_see_connection(caller, one)
        }
        return [
            {
                "pk": row.id,
                "name": row.name,
                "type": row.type,
                "providers": served.get(row.id, []),
                "providers_obj": [known[pk] for pk in served.get(row.id, []) if pk in known],
                "service_connection": row.service_connection_id,
                "service_connection_obj": summary(connections[row.service_connection_id])
                if row.service_connection_id in connections
                else None,
                "refresh_interval_s": refresh_seconds(row.config),
                "token_identifier": token_identifier(row),
                "config": row.config,
                "managed": row.managed,
            }
            for row in rows
        ]

    async def guard(self, r: Reading, caller: Caller, verb: str, row: Any | None, values: Mapping[str, Any]) -> None:
        """Who may not see a provider or a connection learns nothing of it by listing it here."""
        before = set() if row is None else set((await providers_of(r, [row.id])).get(row.id, []))
        new = set(values.get("providers", ())) - before
        types = dict((await r.execute(select(ProviderRow.id, ProviderRow.type).where(ProviderRow.id.in_(new)))).all())
        for pk, type_ in types.items():
            if not may_see_provider(caller, type_, pk):
                raise InvalidInput(
                    "outpost.provider_unknown", f"providers: there is no provider {pk}.", field="providers"
                )
        wanted = values.get("service_connection")
        if wanted is not None and (row is None or row.service_connection_id != wanted):
            one = await r.get(Connection, wanted)
            if one is not None and not may_see_connection(caller, one):
                raise InvalidInput(
                    "outpost.service_connection_unknown",
                    "service_connection: there is no such service connection.",
                    field="service_connection",
                )

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        _check_managed(None, values)
        made = await self._outposts.create(
            values["name"],
            type=values["type"],
            providers=values["providers"],
            config=values["config"],
            service_connection=values.get("service_connection"),
            by=by,
        )
        return made.id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        _check_managed(row.managed, values)
        await self._outposts.update(row.id, values, by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._outposts.delete(row.id, by=by)


def may_see_provider(caller: Caller, type_: str, pk: int) -> bool:
    """Whether the caller may see this provider."""
    own = f"authentik_providers_{type_}.view_{type_}provider"
    return caller.may.may(own, pk) or caller.may.may("authentik_core.view_provider", pk)


def may_see_connection(caller: Caller, row: Connection) -> bool:
    """Whether the caller may see this service connection."""
    words = TYPES[row.type]
    return caller.may.may(f"{words.app}.view_{words.model}", row.id) or caller.may.may(
        "authentik_outposts.view_outpostserviceconnection", row.id
    )


def _check_managed(now: str | None, values: Mapping[str, Any]) -> None:
    if values.get("managed", now) != now:
        raise InvalidInput(
            "outpost.managed_fixed",
            "managed: it marks what this installation makes itself, and cannot be set.",
            field="managed",
        )
