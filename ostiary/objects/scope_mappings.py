"""Scope mappings: what an application is told of a person beyond the usual.

``scope_name`` is the header that the mapping fills. ``expression`` is CEL and answers a text or a list of texts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import or_, select

from ostiary.applications.models import Provider
from ostiary.events.record import Actor
from ostiary.kit.errors import InvalidInput
from ostiary.mappings.models import PropertyMapping, ProviderMapping
from ostiary.mappings.registry import Mappings
from ostiary.objects.kind import Caller, Fields, Filter, Kind, Shown, UsedBy, Words, equals, one_of
from ostiary.storage.session import Reading


class ScopeMappingRequest(Fields):
    """What a client may set."""

    name: str
    scope_name: str
    expression: str
    description: str = ""


# The shape in which mappings of every type are listed.
class PropertyMappingShown(Shown):
    """What every type of mapping has."""

    pk: str
    managed: str | None
    name: str
    expression: str
    component: str
    verbose_name: str
    verbose_name_plural: str
    meta_model_name: str


PropertyMappingShown.__name__ = "PropertyMapping"


class ScopeMapping(PropertyMappingShown):
    """What a client receives."""

    scope_name: str
    description: str


class ScopeMappings(Kind):
    """Kind of mappings."""

    words = Words(
        "authentik_providers_oauth2.scopemapping",
        "Scope Mapping",
        "Scope Mappings",
        "ak-property-mapping-provider-scope-form",
    )
    table = PropertyMapping
    pk = PropertyMapping.id
    key = PropertyMapping.id
    fields = ScopeMappingRequest
    shown: ClassVar[type[Shown]] = ScopeMapping
    search = (PropertyMapping.name, PropertyMapping.header)
    ordering: ClassVar = {"name": PropertyMapping.name, "scope_name": PropertyMapping.header}
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": equals(PropertyMapping.name),
        "scope_name": Filter(str, lambda value: or_(PropertyMapping.header == value, PropertyMapping.scope == value)),
        "managed": one_of(PropertyMapping.managed),
        "managed__isnull": Filter(
            bool, lambda value: PropertyMapping.managed.is_(None) if value else PropertyMapping.managed.is_not(None)
        ),
    }
    renamed: ClassVar[Mapping[str, str]] = {"header": "scope_name"}
    identifiers: ClassVar = {
        "name": PropertyMapping.name,
        "scope_name": PropertyMapping.header,
        "managed": PropertyMapping.managed,
    }

    def __init__(self, mappings: Mappings) -> None:
        self._mappings = mappings

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return [
            {
                "pk": row.id,
                "managed": row.managed,
                "name": row.name,
                "expression": row.expression,
                "scope_name": row.header or row.scope,
                "description": row.description,
                **self.words.shown(),
            }
            for row in rows
        ]

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        mapping = await self._mappings.create(
            values["name"], values["scope_name"], values["expression"], description=values.get("description", ""), by=by
        )
        return mapping.id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        if values.get("scope_name", row.header or row.scope) != (row.header or row.scope):
            raise InvalidInput(
                "mapping.header_fixed",
                "scope_name: applications rely on this header being set; make another mapping for another header.",
                field="scope_name",
            )
        await self._mappings.update(
            row.name,
            new_name=values.get("name"),
            expression=values.get("expression"),
            description=values.get("description"),
            by=by,
        )

    async def delete(self, row: Any, by: Actor) -> None:
        await self._mappings.delete(row.name, by=by)

    async def used_by(self, r: Reading, row: Any) -> list[UsedBy]:
        query = (
            select(Provider.id, Provider.name)
            .join(ProviderMapping, ProviderMapping.provider_id == Provider.id)
            .where(ProviderMapping.mapping_id == row.id)
            .order_by(Provider.name)
        )
        return [
            UsedBy("authentik_providers_proxy", "proxyprovider", str(pk), name, "left_dangling")
            for pk, name in await r.execute(query)
        ]


class AllMappings(ScopeMappings):
    """Mappings of every type: looked at and deleted here, made and changed as what they are."""

    words = Words("authentik_core.propertymapping", "Property Mapping", "Property Mappings")
    shown = PropertyMappingShown
    filters: ClassVar[Mapping[str, Filter]] = {
        name: one for name, one in ScopeMappings.filters.items() if name != "scope_name"
    }

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        whole = await super().read(r, rows, caller, flags)
        return [
            {name: one[name] for name in PropertyMappingShown.model_fields if name in one} | ScopeMappings.words.shown()
            for one in whole
        ]
