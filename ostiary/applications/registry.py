"""Applications and their proxy providers: made, changed, disabled, deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ostiary.applications.bindings import Target, bind_in
from ostiary.applications.fields import cleaned
from ostiary.applications.hosts import OwnHost
from ostiary.applications.models import Application, Provider, ProxyProvider
from ostiary.applications.providers import Providers, apply, held
from ostiary.applications.proxy import proxy_settings
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.session import Database, Reading, Writing

ROOM = "applications"


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
    ``own_hosts`` say whether a host is another one of this server's.
    """

    def __init__(
        self, *, database: Database, clock: Clock, base_url: str | None, own_hosts: Sequence[OwnHost] = ()
    ) -> None:
        self._database = database
        self._clock = clock
        self._providers = Providers(database=database, clock=clock, base_url=base_url, own_hosts=own_hosts)

    async def create(
        self, slug: str, *, access: str, values: Mapping[str, Any] | None = None, by: Actor
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
        values: Mapping[str, Any] | None = None,
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
            provider, row = await self._providers.create_in(
                w, application.slug, settings, application=application.slug, by=by
            )
            application.provider_id = provider.id
            await w.flush()
            for order, target in enumerate(targets):
                await bind_in(w, self._clock, application, target, {"order": order}, by=by)
            return Protected(application, provider, row)

    async def update(
        self, slug: str, values: Mapping[str, Any], *, proxy: Mapping[str, Any] | None = None, by: Actor
    ) -> Protected:
        """Changes the given fields of an application and of its proxy provider."""
        new = cleaned(values)
        async with self._database.writing() as w:
            found = await existing(w, slug)
            changes = apply(found.application, new)
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

    async def use(self, slug: str, provider_id: int | None, *, by: Actor) -> None:
        """Makes that provider the application's, or none. Raises `provider.not_found`, `provider.used_elsewhere`."""
        async with self._database.writing() as w:
            application = (await existing(w, slug)).application
            if provider_id is not None:
                await held(w, provider_id)
                other = await w.scalar(
                    select(Application.slug).where(
                        Application.provider_id == provider_id, Application.id != application.id
                    )
                )
                if other is not None:
                    raise Conflict(
                        "provider.used_elsewhere", f"provider: it belongs to {other} already.", field="provider"
                    )
            changes = apply(application, {"provider_id": provider_id})
            if changes:
                await w.flush()
                await self._updated(w, by, "application", slug, changes)

    async def delete(self, slug: str, *, with_provider: bool = True, by: Actor) -> None:
        """Deletes an application with its bindings and, if you like, its provider; sessions there end."""
        async with self._database.writing() as w:
            found = await existing(w, slug)
            await w.delete(found.application)
            await w.flush()
            if with_provider and found.provider is not None:
                await w.delete(found.provider)
            await record(w, self._clock, Action.MODEL_DELETED, ROOM, by, model="application", slug=slug)

    async def _create_in(self, w: Writing, values: Mapping[str, Any], by: Actor) -> Application:
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
        await self._providers.update_in(w, found.provider, found.proxy, proxy, application=slug, by=by)

    async def _set_enabled(self, slug: str, *, enabled: bool, by: Actor) -> Application:
        async with self._database.writing() as w:
            application = (await existing(w, slug)).application
            changes = apply(application, {"enabled": enabled})
            if changes:
                await self._updated(w, by, "application", slug, changes)
            return application

    async def _updated(self, w: Writing, by: Actor, model: str, slug: str, changes: Mapping[str, Any]) -> None:
        await record(w, self._clock, Action.MODEL_UPDATED, ROOM, by, model=model, slug=slug, changes=dict(changes))


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


async def _flush_application(w: Writing) -> None:
    await _flush(
        w, "application.slug_taken", "slug: another application or provider has it already; choose another.", "slug"
    )


async def _flush(w: Writing, code: str, sentence: str, field: str) -> None:
    try:
        await w.flush()
    except IntegrityError as error:
        raise Conflict(code, sentence, field=field) from error
