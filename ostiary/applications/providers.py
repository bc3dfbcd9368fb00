"""Proxy providers: made, changed, deleted, whether an application has them yet or not."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ostiary.applications.header_fields import check_distinct
from ostiary.applications.hosts import OwnHost, lock_hosts
from ostiary.applications.models import Application, Provider, ProxyProvider
from ostiary.applications.proxy import ProxySettings, proxy_settings
from ostiary.applications.values import invalid, text
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.durations import show_duration
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.kit.urls import parse_origin
from ostiary.mappings.models import PropertyMapping, ProviderMapping
from ostiary.mappings.registry import by_name, of_provider
from ostiary.storage.models import Installation
from ostiary.storage.session import Database, Writing

ROOM = "applications"
_LONGEST_NAME = 255
# The settings that have a column of their own; so a new one needs no line here.
_STORED = tuple(field.name for field in fields(ProxySettings) if field.name in ProxyProvider.__table__.columns)


class Providers:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together.

    ``base_url`` is the configured address of this server; None leaves it to the one confirmed at the set-up.
    ``own_hosts`` say whether a host is another one of this server's.
    """

    def __init__(
        self, *, database: Database, clock: Clock, base_url: str | None, own_hosts: Sequence[OwnHost] = ()
    ) -> None:
        self._database = database
        self._clock = clock
        self._base_url = base_url
        self._own_hosts = own_hosts

    async def create(self, name: str, proxy: Mapping[str, Any], *, by: Actor) -> Provider:
        """A provider that no application has yet. Raises `provider.*`."""
        settings = proxy_settings(proxy)
        async with self._database.writing() as w:
            return (await self.create_in(w, name, settings, by=by))[0]

    async def create_in(
        self, w: Writing, name: str, settings: ProxySettings, *, application: str = "", by: Actor
    ) -> tuple[Provider, ProxyProvider]:
        """The same within the caller's transaction, for the application of that slug."""
        await self._check_hosts(w, settings, None)
        provider = Provider(type="proxy", name=_name(name), **_flows(settings))
        w.add(provider)
        await _flush(w, "slug" if application else "name")
        row = ProxyProvider(id=provider.id, **_columns(settings))
        w.add(row)
        await w.flush()
        await _use(w, provider.id, settings, ())
        shown = _shown(_columns(settings) | {"property_mappings": list(settings.property_mappings)})
        about = {"application": application} if application else {"name": provider.name}
        await record(
            w, self._clock, Action.MODEL_CREATED, ROOM, by, model="proxy_provider", pk=provider.id, **about, **shown
        )
        return provider, row

    async def update(
        self, provider_id: int, proxy: Mapping[str, Any], *, name: str | None = None, by: Actor
    ) -> Provider:
        """Changes the given fields. Raises `provider.*`."""
        async with self._database.writing() as w:
            provider, row = await held(w, provider_id)
            slug = await w.scalar(select(Application.slug).where(Application.provider_id == provider_id)) or ""
            if name is not None and _name(name) != provider.name:
                old, provider.name = provider.name, _name(name)
                await _flush(w, "name")
                await self._updated(w, by, provider, slug, {"name": [old, provider.name]})
            await self.update_in(w, provider, row, proxy, application=slug, by=by)
            return provider

    async def update_in(
        self,
        w: Writing,
        provider: Provider,
        row: ProxyProvider,
        proxy: Mapping[str, Any],
        *,
        application: str,
        by: Actor,
    ) -> None:
        """The same within the caller's transaction."""
        used = await of_provider(w, provider.id)
        before = settings_of(provider, row, used)
        settings = proxy_settings(proxy, before)
        await self._check_hosts(w, settings, provider.id)
        changes = apply(row, _columns(settings)) | apply(provider, _flows(settings))
        await w.flush()
        await _use(w, provider.id, settings, used)
        if settings.property_mappings != before.property_mappings:
            changes["property_mappings"] = [list(before.property_mappings), list(settings.property_mappings)]
        if changes:
            await self._updated(w, by, provider, application, changes)

    async def delete(self, provider_id: int, *, by: Actor) -> None:
        """Deletes a provider; sessions there end, and its application answers at no address any more."""
        async with self._database.writing() as w:
            provider = (await held(w, provider_id))[0]
            await record(
                w,
                self._clock,
                Action.MODEL_DELETED,
                ROOM,
                by,
                model="proxy_provider",
                pk=provider.id,
                name=provider.name,
            )
            await w.delete(provider)

    async def _updated(
        self, w: Writing, by: Actor, provider: Provider, application: str, changes: Mapping[str, Any]
    ) -> None:
        about = {"slug": application} if application else {"name": provider.name}
        await record(
            w, self._clock, Action.MODEL_UPDATED, ROOM, by, model="proxy_provider", **about, changes=_shown(changes)
        )

    async def _check_hosts(self, w: Writing, settings: ProxySettings, own_id: int | None) -> None:
        """One host, one provider; one domain, one provider; and our own host is nobody's but ours."""
        await lock_hosts(w)
        base_url = self._base_url or await w.scalar(select(Installation.base_url))
        own = base_url and settings.origin.key == parse_origin(base_url).key
        for is_own in self._own_hosts:
            own = own or await is_own(w, settings.origin.key)
        if own and settings.mode != "forward_domain":
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


async def held(w: Writing, provider_id: int) -> tuple[Provider, ProxyProvider]:
    """The proxy provider of that id, held against other transactions. Raises `provider.not_found`."""
    provider = await w.get(Provider, provider_id, with_for_update=True, populate_existing=True)
    row = None if provider is None else await w.get(ProxyProvider, provider_id, populate_existing=True)
    if provider is None or row is None:
        raise not_found()
    return provider, row


def not_found() -> NotFound:
    """The refusal of a provider that is not there, or that the caller may not see."""
    return NotFound("provider.not_found", "provider: there is no provider of that id.", field="provider")


def settings_of(provider: Provider, proxy: ProxyProvider, mappings: Sequence[PropertyMapping]) -> ProxySettings:
    """The stored provider as settings."""
    stored: dict[str, Any] = {name: getattr(proxy, name) for name in _STORED}
    lists = {name: tuple(value) for name, value in stored.items() if isinstance(value, list)}
    return ProxySettings(
        origin=parse_origin(proxy.external_host),
        authentication_flow=provider.authentication_flow,
        authorization_flow=provider.authorization_flow,
        invalidation_flow=provider.invalidation_flow,
        property_mappings=tuple(sorted(mapping.name for mapping in mappings)),
        **(stored | lists),
    )


async def _use(w: Writing, provider_id: int, settings: ProxySettings, used: Sequence[PropertyMapping]) -> None:
    """Makes these and no other mappings the provider's. Raises `mapping.not_found`, `provider.*_invalid`."""
    wanted = [await by_name(w, name) for name in settings.property_mappings]
    check_distinct(
        settings.header_style,
        settings.header_names,
        settings.additional_headers,
        [mapping.header for mapping in wanted if mapping.managed is None],
    )
    before, after = {mapping.id for mapping in used}, {mapping.id for mapping in wanted}
    for gone in before - after:
        await w.delete(await w.get_one(ProviderMapping, (provider_id, gone)))
    w.add_all(ProviderMapping(provider_id=provider_id, mapping_id=new) for new in sorted(after - before))
    await w.flush()


def _columns(settings: ProxySettings) -> dict[str, Any]:
    stored = {name: getattr(settings, name) for name in _STORED}
    return {
        "external_host": str(settings.origin),
        "host_key": settings.origin.key,
        **{name: list(value) if isinstance(value, tuple) else value for name, value in stored.items()},
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


def apply(row: Any, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Sets what differs and answers it as field → [old, new]."""
    changes = {key: [getattr(row, key), value] for key, value in values.items() if getattr(row, key) != value}
    for key, (_, value) in changes.items():
        setattr(row, key, value)
    return changes


def validity_of(proxy: ProxyProvider) -> str:
    """The longest life of a session there, as it was written."""
    return proxy.session_validity or show_duration(proxy.session_seconds)


def _flows(settings: ProxySettings) -> dict[str, Any]:
    return {
        "authentication_flow": settings.authentication_flow,
        "authorization_flow": settings.authorization_flow,
        "invalidation_flow": settings.invalidation_flow,
    }


def _name(value: str) -> str:
    name = text("name", value)
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise invalid("name", f"use one line of 1 to {_LONGEST_NAME} visible characters, such as Hello.")
    return name


async def _flush(w: Writing, field: str) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        advice = "choose another slug" if field == "slug" else "choose another"
        raise Conflict(
            "provider.name_taken", f"{field}: another provider is called so; {advice}.", field=field
        ) from error
