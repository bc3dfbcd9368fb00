"""Proxy providers: how an application behind a reverse proxy is guarded."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field
from sqlalchemy import false, select, true

from ostiary.applications.models import Application, Provider, ProxyProvider
from ostiary.applications.providers import Providers, validity_of
from ostiary.events.record import Actor
from ostiary.kit.errors import InvalidInput
from ostiary.mappings.models import PropertyMapping, ProviderMapping
from ostiary.objects.flow_references import MISSING, as_slugs, ids_of
from ostiary.objects.kind import Caller, Fields, Filter, Kind, Shown, UsedBy, Words, equals, equals_any_case
from ostiary.outposts.models import Outpost, OutpostProvider
from ostiary.storage.session import Database, Reading

FLOWS: Final = ("authentication_flow", "authorization_flow", "invalidation_flow")


class ProxyProviderRequest(Fields):
    """What a client may set. The fields below ``refresh_token_validity`` are Ostiary's own."""

    name: Annotated[str, Field(min_length=1)]
    authentication_flow: str | None = None
    authorization_flow: str
    invalidation_flow: str
    property_mappings: list[str] = []
    internal_host: str = ""
    external_host: Annotated[str, Field(min_length=1)]
    internal_host_ssl_validation: bool = True
    certificate: str | None = None
    skip_path_regex: str = ""
    basic_auth_enabled: bool = False
    basic_auth_password_attribute: str = ""
    basic_auth_user_attribute: str = ""
    mode: Literal["proxy", "forward_single", "forward_domain"] = "forward_single"
    intercept_header_auth: bool = True
    cookie_domain: str = ""
    jwt_federation_sources: list[str] = []
    jwt_federation_providers: list[int] = []
    access_token_validity: Annotated[str, Field(min_length=1)] = "hours=24"  # noqa: S105 - a length of time
    refresh_token_validity: Annotated[str, Field(min_length=1)] = "days=30"  # noqa: S105 - a length of time
    handoff: Literal["callback", "in_place"] = "callback"
    open_paths: list[str] = []
    cors_preflight: bool = False
    header_style: Literal["authentik", "remote", "own"] = "authentik"
    header_names: dict[str, str] = {}
    group_filter: str = ""
    additional_headers: list[str] = []
    signed_identity: bool = True
    header_authentication: bool = False
    jwt_issuers: list[dict[str, Any]] = []


class RedirectURI(Shown):
    """Where a sign-in may return to."""

    matching_mode: Literal["strict", "regex"]
    url: str
    redirect_uri_type: Literal["authorization", "logout"]


class ProviderShown(Shown):
    """What every type of provider has."""

    pk: int
    name: str
    authentication_flow: str | None
    authorization_flow: str
    invalidation_flow: str
    property_mappings: list[str]
    component: str
    assigned_application_slug: str | None
    assigned_application_name: str | None
    assigned_backchannel_application_slug: str | None
    assigned_backchannel_application_name: str | None
    verbose_name: str
    verbose_name_plural: str
    meta_model_name: str


class ProxyProviderShown(ProviderShown):
    """What a client receives."""

    client_id: str
    internal_host: str
    external_host: str
    internal_host_ssl_validation: bool
    certificate: str | None
    skip_path_regex: str
    basic_auth_enabled: bool
    basic_auth_password_attribute: str
    basic_auth_user_attribute: str
    mode: Literal["proxy", "forward_single", "forward_domain"]
    intercept_header_auth: bool
    redirect_uris: list[RedirectURI]
    cookie_domain: str
    jwt_federation_sources: list[str]
    jwt_federation_providers: list[int]
    access_token_validity: str
    refresh_token_validity: str
    outpost_set: list[str]


# The names that OpenAPI documents and clients know.
ProxyProviderShown.__name__ = "ProxyProvider"
ProviderShown.__name__ = "Provider"


WORDS: Final = Words(
    "authentik_providers_proxy.proxyprovider", "Proxy Provider", "Proxy Providers", "ak-provider-proxy-form"
)


async def providers_shown(r: Reading, rows: Sequence[Provider]) -> list[dict[str, Any]]:
    """What every type has, in the same order."""
    flows = await ids_of(r, [getattr(row, name) for row in rows for name in FLOWS])
    keys = [row.id for row in rows]
    applications = {
        provider_id: (slug, name)
        for provider_id, slug, name in await r.execute(
            select(Application.provider_id, Application.slug, Application.name).where(Application.provider_id.in_(keys))
        )
    }
    mappings: dict[int, list[str]] = {}
    used = select(ProviderMapping).where(ProviderMapping.provider_id.in_(keys)).order_by(ProviderMapping.mapping_id)
    for one in await r.scalars(used):
        mappings.setdefault(one.provider_id, []).append(one.mapping_id)
    return [
        {
            "pk": row.id,
            "name": row.name,
            "authentication_flow": flows.get(row.authentication_flow or ""),
            "authorization_flow": flows.get(row.authorization_flow, MISSING),
            "invalidation_flow": flows.get(row.invalidation_flow, MISSING),
            "property_mappings": mappings.get(row.id, []),
            "assigned_application_slug": applications.get(row.id, (None, None))[0],
            "assigned_application_name": applications.get(row.id, (None, None))[1],
            "assigned_backchannel_application_slug": None,
            "assigned_backchannel_application_name": None,
            **WORDS.shown(),
        }
        for row in rows
    ]


def _has_application(value: bool) -> Any:
    served = select(Application.provider_id).where(Application.provider_id.is_not(None))
    return Provider.id.not_in(served) if value else Provider.id.in_(served)


def _of_proxy(column: Any, type_: Any = str) -> Filter:
    one = equals_any_case(column) if type_ is str else equals(column, type_)
    return Filter(type_, lambda value: Provider.id.in_(select(ProxyProvider.id).where(one.condition(value))))


def _fixed(value: Any) -> Filter:
    """A field that every provider has alike, so that a filter finds all of them or none."""
    return Filter(type(value), lambda wanted: true() if wanted == value else false())


class ProviderKind(Kind):
    """Base of the kinds of providers."""

    table = Provider
    pk = Provider.id
    key = Provider.id
    search = (Provider.name,)
    ordering: ClassVar = {"name": Provider.name, "id": Provider.id}

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def delete(self, row: Any, by: Actor) -> None:
        await self._providers.delete(row.id, by=by)

    async def used_by(self, r: Reading, row: Any) -> list[UsedBy]:
        """The application of a provider, and the outposts that list it."""
        served = select(Application.id, Application.name).where(Application.provider_id == row.id)
        listed = (
            select(Outpost.id, Outpost.name)
            .join(OutpostProvider, OutpostProvider.outpost_id == Outpost.id)
            .where(OutpostProvider.provider_id == row.id)
            .order_by(Outpost.name)
        )
        return [
            *(UsedBy("authentik_core", "application", pk, name, "set_null") for pk, name in await r.execute(served)),
            *(
                UsedBy("authentik_outposts", "outpost", pk, name, "cascade_many")
                for pk, name in await r.execute(listed)
            ),
        ]


class AllProviders(ProviderKind):
    """Providers of every type: looked at and deleted here, made and changed as what they are."""

    words = Words("authentik_core.provider", "Provider", "Providers")
    fields = Fields
    shown = ProviderShown
    filters: ClassVar[Mapping[str, Filter]] = {
        "application__isnull": Filter(bool, _has_application),
        "backchannel": Filter(bool, lambda value: Provider.id.is_(None) if value else Provider.id.is_not(None)),
    }

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return await providers_shown(r, rows)


class ProxyProviders(ProviderKind):
    """Kind of proxy providers."""

    words = WORDS
    fields = ProxyProviderRequest
    shown = ProxyProviderShown
    filters: ClassVar[Mapping[str, Filter]] = {
        "application__isnull": Filter(bool, _has_application),
        "authorization_flow__slug__iexact": equals_any_case(Provider.authorization_flow),
        "basic_auth_enabled__iexact": _of_proxy(ProxyProvider.basic_auth_enabled, bool),
        "basic_auth_password_attribute__iexact": _of_proxy(ProxyProvider.basic_auth_password_attribute),
        "basic_auth_user_attribute__iexact": _of_proxy(ProxyProvider.basic_auth_user_attribute),
        # None of ours has a certificate or an internal host.
        "certificate__kp_uuid__iexact": Filter(str, lambda _: false()),
        "certificate__name__iexact": Filter(str, lambda _: false()),
        "internal_host__iexact": _fixed(""),
        "internal_host_ssl_validation__iexact": _fixed(value=True),
        "name__iexact": equals_any_case(Provider.name),
        "external_host__iexact": _of_proxy(ProxyProvider.external_host),
        "cookie_domain__iexact": _of_proxy(ProxyProvider.cookie_domain),
        "mode__iexact": _of_proxy(ProxyProvider.mode),
        "skip_path_regex__iexact": _of_proxy(ProxyProvider.skip_path_regex),
        "property_mappings__iexact": Filter(
            list[str],
            lambda keys: Provider.id.in_(
                select(ProviderMapping.provider_id).where(ProviderMapping.mapping_id.in_(keys))
            ),
        ),
    }
    identifiers: ClassVar = {"name": Provider.name}
    ours = frozenset(ProxyProviderRequest.model_fields.keys() - ProxyProviderShown.model_fields.keys())

    def __init__(self, database: Database, providers: Providers) -> None:
        super().__init__(providers)
        self._database = database

    def every(self) -> Any:
        return select(Provider).where(Provider.type == "proxy")

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        keys = [row.id for row in rows]
        proxies = {one.id: one for one in await r.scalars(select(ProxyProvider).where(ProxyProvider.id.in_(keys)))}
        shown = await providers_shown(r, rows)
        outposts: dict[int, list[str]] = {}
        served = (
            select(OutpostProvider.provider_id, Outpost.name)
            .join(Outpost, Outpost.id == OutpostProvider.outpost_id)
            .where(OutpostProvider.provider_id.in_(keys))
            .order_by(Outpost.name)
        )
        for provider_id, name in await r.execute(served):
            outposts.setdefault(provider_id, []).append(name)
        return [
            {**one, **_proxy_shown(row, proxies[row.id]), "outpost_set": outposts.get(row.id, [])}
            for row, one in zip(rows, shown, strict=True)
        ]

    async def create(self, values: Mapping[str, Any], by: Actor) -> int:
        given = {"mode": "forward_single", **values}
        provider = await self._providers.create(given.pop("name"), await self._named(given), by=by)
        return provider.id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        given = dict(values)
        await self._providers.update(row.id, await self._named(given), name=given.pop("name", None), by=by)

    async def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The fields as the verbs take them: flows by slug, mappings by name."""
        async with self._database.reading() as r:
            named = await as_slugs(r, {name: value for name, value in values.items() if name != "name"}, FLOWS)
            keys = values.get("property_mappings")
            if keys:
                query = select(PropertyMapping.id, PropertyMapping.name).where(PropertyMapping.id.in_(keys))
                names = dict((await r.execute(query)).all())
                unknown = [pk for pk in keys if pk not in names]
                if unknown:
                    raise InvalidInput(
                        "mapping.not_found",
                        f"property_mappings: there is no mapping {unknown[0]}.",
                        field="property_mappings",
                    )
                named["property_mappings"] = [names[pk] for pk in keys]
        return named


def _proxy_shown(row: Provider, proxy: ProxyProvider) -> dict[str, Any]:
    address = proxy.external_host + proxy.path
    callback = "?X-authentik-auth-callback=true"
    return {
        "client_id": row.uuid.replace("-", ""),
        "internal_host": "",
        "external_host": address,
        "internal_host_ssl_validation": True,
        "certificate": None,
        "skip_path_regex": proxy.skip_path_regex,
        "basic_auth_enabled": proxy.basic_auth_enabled,
        "basic_auth_password_attribute": proxy.basic_auth_password_attribute,
        "basic_auth_user_attribute": proxy.basic_auth_user_attribute,
        "mode": proxy.mode,
        "intercept_header_auth": True,
        "redirect_uris": [
            {"matching_mode": "strict", "url": f"{address}{path}{callback}", "redirect_uri_type": "authorization"}
            for path in ("/outpost.goauthentik.io/callback", "")
        ],
        "cookie_domain": proxy.cookie_domain,
        "jwt_federation_sources": [],
        "jwt_federation_providers": [],
        "access_token_validity": validity_of(proxy),
        "refresh_token_validity": "days=30",
        **{name: getattr(proxy, name) for name in ProxyProviders.ours},
    }
