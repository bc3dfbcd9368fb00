"""Applications and their proxy providers: made, changed, disabled, deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from ostiary.applications.bindings import Target, bind_in
from ostiary.applications.fields import cleaned
from ostiary.applications.header_fields import check_distinct
from ostiary.applications.models import Application, Provider, ProxyProvider
from ostiary.applications.proxy import ProxySettings, proxy_settings
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.kit.urls import parse_origin
from ostiary.mappings.models import PropertyMapping, ProviderMapping
from ostiary.mappings.registry import by_name, of_provider
from ostiary.storage.models import Installation
from ostiary.storage.session import Database, Reading, Writing

ROOM = "applications"

# Any constant, as long as nobody else uses it.
_HOSTS_LOCK = 0x686F_7374_7300


@dataclass(frozen=True)
class Protected:
    """An application with its proxy provider, if it has one."""

    application: Application
    provider: Provider | None = None
    proxy: ProxyProvider | None = None

    @property
    def address(self) -> str:
        """Where it is, such as ``https://apps.example.com/grafana``; nothing without a provider."""
        return "" if self.proxy is None else self.proxy.external_host + self.proxy.path


class Applications:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together.

    ``base_url`` is the configured address of this server; None leaves it to the one confirmed at the set-up.
    """

    def __init__(self, *, database: Database, clock: Clock, base_url: str | None) -> None:
        self._database = database
        self._clock = clock
        self._base_url = base_url

    async def create(
        self, slug: str, *, access: str, values: Mapping[str, str] | None = None, by: Actor
    ) -> Application:
        """An application without a provider. ``values`` are its other fields; ``name`` is the slug by default."""
        async with self._database.writing() as w:
            return await self._create_in(w, {"name": slug, **(values or {}), "slug": slug, "access": access}, by)

    async def add_proxied(
        self,
        slug: str,
        *,
        access: str,
        proxy: Mapping[str, Any],
        values: Mapping[str, str] | None = None,
        targets: Sequence[Target] = (),
        by: Actor,
    ) -> Protected:
        """An application, the proxy provider that guards it, and who may open it, in one.

        ``proxy`` holds the provider's fields as in `proxy.proxy_settings`. Raises `application.*`, `provider.*`,
        `binding.*`.
        """
        if access == "everyone" and targets:
            raise InvalidInput(
                "application.access_contradicts",
                "access: with bindings it is not open to everyone; leave out one of the two.",
                field="access",
            )
        settings = proxy_settings(proxy)
        async with self._database.writing() as w:
            application = await self._create_in(w, {"name": slug, **(values or {}), "slug": slug, "access": access}, by)
            provider = Provider(
                type="proxy",
                name=application.slug,
                authentication_flow=settings.authentication_flow,
                authorization_flow=settings.authorization_flow,
                invalidation_flow=settings.invalidation_flow,
            )
            await self._check_hosts(w, settings, None)
            w.add(provider)
            await _flush(w, "provider.name_taken", "name: another provider is called so; choose another slug.", "slug")
            row = ProxyProvider(id=provider.id, **_columns(settings))
            w.add(row)
            application.provider_id = provider.id
            await w.flush()
            await _use(w, provider.id, settings, ())
            await record(
                w,
                self._clock,
                Action.MODEL_CREATED,
                ROOM,
                by,
                model="proxy_provider",
                pk=provider.id,
                application=application.slug,
                **_shown(_columns(settings) | {"property_mappings": list(settings.property_mappings)}),
            )
            for order, target in enumerate(targets):
                await bind_in(w, self._clock, application, target, {"order": order}, by=by)
            return Protected(application, provider, row)

    async def update(
        self, slug: str, values: Mapping[str, str], *, proxy: Mapping[str, Any] | None = None, by: Actor
    ) -> Protected:
        """Changes the given fields of an application and of its proxy provider."""
        new = cleaned(values)
        async with self._database.writing() as w:
            found = await existing(w, slug)
            changes = _apply(found.application, new)
            if found.provider is not None and "slug" in changes and found.provider.name == changes["slug"][0]:
                found.provider.name = new["slug"]
            await _flush_application(w)
            if changes:
                await self._updated(w, by, "application", slug, changes)
            if proxy:
                await self._update_proxy(w, found, proxy, by)
            return found

    async def enable(self, slug: str, *, by: Actor) -> Application:
        """Lets those who may open it in again."""
        return await self._set_enabled(slug, enabled=True, by=by)

    async def disable(self, slug: str, *, by: Actor) -> Application:
        """Closes an application to all, its host included; nothing else answers for it."""
        return await self._set_enabled(slug, enabled=False, by=by)

    async def delete(self, slug: str, *, by: Actor) -> None:
        """Deletes an application with its provider and bindings; sessions there end."""
        async with self._database.writing() as w:
            found = await existing(w, slug)
            await w.delete(found.application)
            await w.flush()
            if found.provider is not None:
                await w.delete(found.provider)
            await record(w, self._clock, Action.MODEL_DELETED, ROOM, by, model="application", slug=slug)

    async def _create_in(self, w: Writing, values: Mapping[str, str], by: Actor) -> Application:
        fields = cleaned(values)
        application = Application(**fields, created=self._clock.now())
        w.add(application)
        await _flush_application(w)
        await record(w, self._clock, Action.MODEL_CREATED, ROOM, by, model="application", **fields)
        return application

    async def _update_proxy(self, w: Writing, found: Protected, proxy: Mapping[str, Any], by: Actor) -> None:
        slug = found.application.slug
        if found.provider is None or found.proxy is None:
            raise InvalidInput(
                "application.no_provider",
                f"{next(iter(proxy))}: {slug} has no proxy provider; delete it and add it with its host.",
                field=next(iter(proxy)),
            )
        used = await of_provider(w, found.provider.id)
        before = settings_of(found.provider, found.proxy, used)
        settings = proxy_settings(proxy, before)
        await self._check_hosts(w, settings, found.provider.id)
        changes = _apply(found.proxy, _columns(settings)) | _apply(
            found.provider,
            {
                "authentication_flow": settings.authentication_flow,
                "authorization_flow": settings.authorization_flow,
                "invalidation_flow": settings.invalidation_flow,
            },
        )
        await w.flush()
        await _use(w, found.provider.id, settings, used)
        if settings.property_mappings != before.property_mappings:
            changes["property_mappings"] = [list(before.property_mappings), list(settings.property_mappings)]
        if changes:
            await self._updated(w, by, "proxy_provider", slug, changes)

    async def _set_enabled(self, slug: str, *, enabled: bool, by: Actor) -> Application:
        async with self._database.writing() as w:
            application = (await existing(w, slug)).application
            changes = _apply(application, {"enabled": enabled})
            if changes:
                await self._updated(w, by, "application", slug, changes)
            return application

    async def _updated(self, w: Writing, by: Actor, model: str, slug: str, changes: Mapping[str, Any]) -> None:
        await record(w, self._clock, Action.MODEL_UPDATED, ROOM, by, model=model, slug=slug, changes=_shown(changes))

    async def _check_hosts(self, w: Writing, settings: ProxySettings, own_id: int | None) -> None:
        """One host, one provider; one domain, one provider; and our own host is nobody's but ours."""
        if w.get_bind().dialect.name == "postgresql":
            # SQLite has one writer anyway; here two could each see only the state before the other.
            await w.execute(select(func.pg_advisory_xact_lock(_HOSTS_LOCK)))
        base_url = self._base_url or await w.scalar(select(Installation.base_url))
        if base_url and settings.mode != "forward_domain" and settings.origin.key == parse_origin(base_url).key:
            raise InvalidInput(
                "provider.own_host",
                f"external_host: {settings.origin.host} is this server itself; give the application a host of its own.",
                field="external_host",
            )
        for field, taken, value in (
            (
                "external_host",
                (ProxyProvider.host_key == settings.origin.key) & (ProxyProvider.path == settings.path),
                settings.origin.key + settings.path,
            ),
            ("cookie_domain", ProxyProvider.cookie_domain == settings.cookie_domain, settings.cookie_domain),
        ):
            if not value:
                continue
            query = (
                select(Provider.name)
                .join(ProxyProvider, ProxyProvider.id == Provider.id)
                .where(taken, ProxyProvider.id != (own_id or 0))
            )
            holder = await w.scalar(query.limit(1))
            if holder is not None:
                raise Conflict(f"provider.{field}_taken", f"{field}: {value} belongs to {holder} already.", field=field)


async def existing(r: Reading, slug: str) -> Protected:
    """The application of that slug with its provider. Raises `application.not_found`."""
    found = await _protected(r, Application.slug == slug)
    if not found:
        raise NotFound(
            "application.not_found", "application: there is no application of that slug.", field="application"
        )
    return found[0]


async def listed(r: Reading) -> Sequence[Protected]:
    """All applications, by group and name."""
    return await _protected(r, None)


def settings_of(provider: Provider, proxy: ProxyProvider, mappings: Sequence[PropertyMapping]) -> ProxySettings:
    """The stored provider as settings."""
    return ProxySettings(
        origin=parse_origin(proxy.external_host),
        path=proxy.path,
        mode=proxy.mode,
        handoff=proxy.handoff,
        cookie_domain=proxy.cookie_domain,
        session_seconds=proxy.session_seconds,
        authentication_flow=provider.authentication_flow,
        authorization_flow=provider.authorization_flow,
        invalidation_flow=provider.invalidation_flow,
        open_paths=tuple(proxy.open_paths),
        skip_path_regex=proxy.skip_path_regex,
        cors_preflight=proxy.cors_preflight,
        header_style=proxy.header_style,
        header_names=proxy.header_names,
        group_filter=proxy.group_filter,
        additional_headers=tuple(proxy.additional_headers),
        property_mappings=tuple(sorted(mapping.name for mapping in mappings)),
        signed_identity=proxy.signed_identity,
        basic_auth_enabled=proxy.basic_auth_enabled,
        basic_auth_user_attribute=proxy.basic_auth_user_attribute,
        basic_auth_password_attribute=proxy.basic_auth_password_attribute,
        header_authentication=proxy.header_authentication,
        jwt_issuers=tuple(proxy.jwt_issuers),
    )


async def _use(w: Writing, provider_id: int, settings: ProxySettings, used: Sequence[PropertyMapping]) -> None:
    """Makes these and no other mappings the provider's. Raises `mapping.not_found`, `provider.*_invalid`."""
    wanted = [await by_name(w, name) for name in settings.property_mappings]
    check_distinct(
        settings.header_style,
        settings.header_names,
        settings.additional_headers,
        [mapping.header for mapping in wanted],
    )
    before, after = {mapping.id for mapping in used}, {mapping.id for mapping in wanted}
    for gone in before - after:
        await w.delete(await w.get_one(ProviderMapping, (provider_id, gone)))
    w.add_all(ProviderMapping(provider_id=provider_id, mapping_id=new) for new in sorted(after - before))
    await w.flush()


async def _protected(r: Reading, where: Any) -> list[Protected]:
    query = (
        select(Application, Provider, ProxyProvider)
        .outerjoin(Provider, Provider.id == Application.provider_id)
        .outerjoin(ProxyProvider, ProxyProvider.id == Provider.id)
        .order_by(Application.group, Application.name, Application.slug)
    )
    if where is not None:
        query = query.where(where)
    return [Protected(*row) for row in await r.execute(query)]


def _columns(settings: ProxySettings) -> dict[str, Any]:
    return {
        "mode": settings.mode,
        "handoff": settings.handoff,
        "external_host": str(settings.origin),
        "host_key": settings.origin.key,
        "cookie_domain": settings.cookie_domain,
        "session_seconds": settings.session_seconds,
        "path": settings.path,
        "open_paths": list(settings.open_paths),
        "skip_path_regex": settings.skip_path_regex,
        "cors_preflight": settings.cors_preflight,
        "header_style": settings.header_style,
        "header_names": dict(settings.header_names),
        "group_filter": settings.group_filter,
        "additional_headers": list(settings.additional_headers),
        "signed_identity": settings.signed_identity,
        "basic_auth_enabled": settings.basic_auth_enabled,
        "basic_auth_user_attribute": settings.basic_auth_user_attribute,
        "basic_auth_password_attribute": settings.basic_auth_password_attribute,
        "header_authentication": settings.header_authentication,
        "jwt_issuers": list(settings.jwt_issuers),
    }


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """As an event may hold it: there a key that speaks of cookies or of authorization is taken for a secret."""
    names = {
        "cookie_domain": "domain",
        "authorization_flow": "authorize_flow",
        "basic_auth_password_attribute": "basic_auth_attribute",
    }
    shown = {names.get(key, key): value for key, value in values.items()}
    if "jwt_issuers" in shown:
        # Whose tokens count is told by name; keys and people's names would fill pages.
        shown["jwt_issuers"] = _issuers(shown["jwt_issuers"])
    return shown


def _issuers(value: Any) -> Any:
    return [_issuers(entry) if isinstance(entry, list) else entry["issuer"] for entry in value]


def _apply(row: Any, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Sets what differs and answers it as field → [old, new]."""
    changes = {key: [getattr(row, key), value] for key, value in values.items() if getattr(row, key) != value}
    for key, (_, value) in changes.items():
        setattr(row, key, value)
    return changes


async def _flush_application(w: Writing) -> None:
    await _flush(
        w, "application.slug_taken", "slug: another application or provider has it already; choose another.", "slug"
    )


async def _flush(w: Writing, code: str, sentence: str, field: str) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(code, sentence, field=field) from error
