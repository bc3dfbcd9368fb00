"""A provider of any type as other objects show it."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import select

from ostiary.applications.models import Application
from ostiary.applications.models import Provider as ProviderRow
from ostiary.flows.models import Flow
from ostiary.mappings.models import ProviderMapping
from ostiary.objects.kind import Caller, Shown, Words
from ostiary.storage.session import Reading

TYPES: Final[Mapping[str, Words]] = {
    "proxy": Words(
        "authentik_providers_proxy.proxyprovider", "Proxy Provider", "Proxy Providers", "ak-provider-proxy-form"
    ),
}


class Provider(Shown):
    """What a client receives."""

    pk: int
    name: str
    authentication_flow: str | None
    authorization_flow: str | None
    invalidation_flow: str | None
    property_mappings: list[str]
    component: str
    assigned_application_slug: str | None
    assigned_application_name: str | None
    assigned_backchannel_application_slug: str | None
    assigned_backchannel_application_name: str | None
    verbose_name: str
    verbose_name_plural: str
    meta_model_name: str


def may_see(caller: Caller, type_: str, pk: int) -> bool:
    """Whether the caller may see this provider."""
    words = TYPES.get(type_)
    own = words is not None and caller.may.may(f"{words.app}.view_{words.model}", pk)
    return own or caller.may.may("authentik_core.view_provider", pk)


async def summaries(r: Reading, ids: Collection[int], caller: Caller) -> dict[int, dict[str, Any]]:
    """Those of these providers that the caller may see, by id; four statements however many they are."""
    query = (
        select(ProviderRow, Application.slug, Application.name)
        .outerjoin(Application, Application.provider_id == ProviderRow.id)
        .where(ProviderRow.id.in_(ids))
    )
    rows = [row for row in await r.execute(query) if may_see(caller, row[0].type, row[0].id)]
    slugs = {slug for row, *_ in rows for slug in _flows(row) if slug}
    flows = dict((await r.execute(select(Flow.slug, Flow.id).where(Flow.slug.in_(slugs)))).all())
    mappings: dict[int, list[str]] = {}
    used = select(ProviderMapping.provider_id, ProviderMapping.mapping_id).where(
        ProviderMapping.provider_id.in_([row.id for row, *_ in rows])
    )
    for provider_id, mapping_id in await r.execute(used.order_by(ProviderMapping.mapping_id)):
        mappings.setdefault(provider_id, []).append(mapping_id)
    return {
        row.id: {
            "pk": row.id,
            "name": row.name,
            "authentication_flow": flows.get(row.authentication_flow or ""),
            "authorization_flow": flows.get(row.authorization_flow),
            "invalidation_flow": flows.get(row.invalidation_flow),
            "property_mappings": mappings.get(row.id, []),
            "assigned_application_slug": slug,
            "assigned_application_name": name,
            "assigned_backchannel_application_slug": None,
            "assigned_backchannel_application_name": None,
            **TYPES.get(row.type, TYPES["proxy"]).shown(),
        }
        for row, slug, name in rows
    }


def _flows(row: ProviderRow) -> tuple[str | None, ...]:
    return row.authentication_flow, row.authorization_flow, row.invalidation_flow
