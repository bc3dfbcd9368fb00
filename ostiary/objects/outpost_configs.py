"""What an outpost that runs on its own would read, and how the workers of this installation are."""

import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field
from sqlalchemy import Select, select

import ostiary
from ostiary.applications.models import Application, Provider, ProxyProvider
from ostiary.objects.kind import Caller, Filter, Kind, Shown, equals
from ostiary.objects.proxy_providers import WORDS
from ostiary.outposts.models import OutpostWorker
from ostiary.storage.session import Reading
from ostiary.system.registry import System


class OpenIDConnectConfiguration(Shown):
    """Where authentik's own outposts would sign people in. Ours ask no such thing: what is empty does not exist."""

    issuer: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    introspection_endpoint: str = ""
    jwks_uri: str = ""
    response_types_supported: list[str] = Field(default_factory=list)
    id_token_signing_alg_values_supported: list[str] = Field(default_factory=list)
    subject_types_supported: list[str] = Field(default_factory=list)
    token_endpoint_auth_methods_supported: list[str] = Field(default_factory=list)


class ProxyOutpostConfig(Shown):
    """A proxy provider with an application."""

    pk: int
    name: str
    external_host: str
    oidc_configuration: OpenIDConnectConfiguration
    skip_path_regex: str
    basic_auth_enabled: bool
    basic_auth_password_attribute: str
    basic_auth_user_attribute: str
    mode: str
    cookie_domain: str
    access_token_validity: float | None
    intercept_header_auth: bool
    scopes_to_request: list[str]
    assigned_application_slug: str
    assigned_application_name: str


class LDAPOutpostConfig(Shown):
    """An LDAP provider; there is none yet."""

    pk: int
    name: str
    bind_flow_slug: str
    unbind_flow_slug: str | None
    application_slug: str


class OutpostDefaultConfig(Shown):
    """Every key of a config with its default."""

    config: dict[str, Any]


class OutpostHealth(Shown):
    """A worker that is alive. What authentik tells of Go, ours has not."""

    uid: str
    last_seen: datetime
    version: str
    golang_version: str
    openssl_enabled: bool
    openssl_version: str
    fips_enabled: bool | None
    version_should: str
    version_outdated: bool
    build_hash: str
    build_hash_should: str
    hostname: str


class WorkerHealth(Shown):
    """A worker that is alive, in our own words. ``fresh`` says whether it believed its access table then."""

    uid: str
    hostname: str
    version: str
    started: datetime
    last_seen: datetime
    fresh: bool


class Health(Shown):
    """How an outpost is; ``message`` says what it answers for, or why nothing does."""

    message: str
    workers: list[WorkerHealth]


class ServiceConnectionState(Shown):
    """How a service connection is."""

    healthy: bool
    version: str


class ConnectionHealth(ServiceConnectionState):
    """The same; ``message`` says why."""

    message: str


class ProxyConfigKind(Kind):
    """Proxy providers that have an application, as outposts read them."""

    words = WORDS
    table = Provider
    pk = Provider.id
    key = Provider.id
    shown = ProxyOutpostConfig
    search = (Provider.name,)
    ordering: ClassVar = {"name": Provider.name}
    filters: ClassVar[Mapping[str, Filter]] = {"name": equals(Provider.name)}

    def __init__(self, system: System) -> None:
        self._system = system

    def every(self) -> Select[Any]:
        with_application = select(Application.provider_id).where(Application.provider_id.is_not(None))
        return select(Provider).where(Provider.type == "proxy", Provider.id.in_(with_application))

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        query = (
            select(ProxyProvider, Application.slug, Application.name)
            .join(Application, Application.provider_id == ProxyProvider.id)
            .where(ProxyProvider.id.in_([row.id for row in rows]))
        )
        found = {proxy.id: (proxy, slug, name) for proxy, slug, name in await r.execute(query)}
        issuer = str((await self._system.shown(r))["base_url"])
        return [_config(row, *found[row.id], issuer) for row in rows if row.id in found]


def _config(row: Provider, proxy: ProxyProvider, slug: str, name: str, issuer: str) -> dict[str, Any]:
    return {
        "pk": row.id,
        "name": row.name,
        "external_host": proxy.external_host + proxy.path,
        "oidc_configuration": OpenIDConnectConfiguration(issuer=issuer).model_dump(),
        "skip_path_regex": proxy.skip_path_regex,
        "basic_auth_enabled": proxy.basic_auth_enabled,
        "basic_auth_password_attribute": proxy.basic_auth_password_attribute,
        "basic_auth_user_attribute": proxy.basic_auth_user_attribute,
        "mode": proxy.mode,
        "cookie_domain": proxy.cookie_domain,
        "access_token_validity": float(proxy.session_seconds),
        "intercept_header_auth": True,
        "scopes_to_request": [],
        "assigned_application_slug": slug,
        "assigned_application_name": name,
    }


def health_of(worker: OutpostWorker) -> dict[str, Any]:
    """A worker as ``OutpostHealth`` has it."""
    return {
        "uid": worker.id,
        "last_seen": worker.last_seen,
        "version": worker.version,
        "golang_version": "",
        "openssl_enabled": True,
        "openssl_version": ssl.OPENSSL_VERSION,
        "fips_enabled": None,
        "version_should": ostiary.__version__,
        "version_outdated": worker.version != ostiary.__version__,
        "build_hash": "",
        "build_hash_should": "",
        "hostname": worker.hostname,
    }


def worker_of(worker: OutpostWorker) -> dict[str, Any]:
    """A worker as ``WorkerHealth`` has it."""
    return {
        "uid": worker.id,
        "hostname": worker.hostname,
        "version": worker.version,
        "started": worker.started,
        "last_seen": worker.last_seen,
        "fresh": worker.fresh,
    }
