"""Applications: what people see and policies guard.

Whoever may view applications sees all of them; everybody else those that they may open.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field
from sqlalchemy import ColumnElement, or_, select, true

from ostiary.access.openable import openable
from ostiary.applications.models import Application, Provider, ProxyProvider
from ostiary.applications.providers import not_found
from ostiary.applications.registry import Applications as Verbs
from ostiary.brands.models import Brand
from ostiary.directory.models import User
from ostiary.events.record import Actor
from ostiary.kit.clock import Clock
from ostiary.kit.errors import InvalidInput, Refused
from ostiary.objects.kind import (
    VIEW,
    Caller,
    Fields,
    Filter,
    Integer,
    Key,
    Kind,
    Shown,
    UsedBy,
    Words,
    equals,
)
from ostiary.objects.outposts import may_see_provider
from ostiary.objects.proxy_providers import ProviderShown, providers_shown
from ostiary.policies.models import PolicyBinding
from ostiary.storage.session import Database, Reading
from ostiary.system.registry import current

VIEW_THEIRS: Final = "authentik_core.view_user_applications"

# authentik's name → ours.
_NAMES: Mapping[str, str] = {
    "name": "name",
    "slug": "slug",
    "group": "group",
    "meta_icon": "icon",
    "meta_launch_url": "launch_url",
    "meta_description": "description",
    "meta_publisher": "publisher",
    "meta_hide": "hidden",
    "open_in_new_tab": "open_in_new_tab",
    "policy_engine_mode": "policy_engine_mode",
    "access": "access",
    "contact": "contact",
}


class ApplicationRequest(Fields):
    """What a client may set; ``access``, ``enabled`` and ``contact`` are Ostiary's own.

    Who may open it: ``everyone`` who is signed in, or those ``bound`` to it. Without a word, everyone may until the
    first binding.
    """

    name: Annotated[str, Field(min_length=1)]
    slug: Annotated[str, Field(min_length=1)]
    provider: Key | None = None
    backchannel_providers: list[Integer] = []
    open_in_new_tab: bool = False
    meta_launch_url: str = ""
    meta_icon: str = ""
    meta_description: str = ""
    meta_publisher: str = ""
    policy_engine_mode: Literal["any", "all"] = "any"
    group: str = ""
    meta_hide: bool = False
    access: Literal["everyone", "bound"] = "everyone"
    enabled: bool = True
    contact: str = ""


def _with_launch_url(wanted: bool) -> Any:
    has = or_(Application.launch_url != "", Application.provider_id.is_not(None))
    return has if wanted else true()


class Application_(Shown):  # noqa: N801 - the model has the plain name
    """What a client receives."""

    pk: str
    pbm_uuid: str
    name: str
    slug: str
    provider: int | None
    provider_obj: ProviderShown | None
    backchannel_providers: list[int]
    backchannel_providers_obj: list[ProviderShown]
    launch_url: str | None
    open_in_new_tab: bool
    meta_launch_url: str
    meta_icon: str
    meta_icon_url: str | None
    meta_icon_themed_urls: dict[str, str] | None
    meta_description: str
    meta_publisher: str
    policy_engine_mode: Literal["any", "all"]
    group: str
    meta_hide: bool


Application_.__name__ = "Application"


class Applications(Kind):
    """Kind of applications."""

    words = Words("authentik_core.application", "Application", "Applications", "ak-application-form")
    table = Application
    pk = Application.id
    key = Application.slug
    fields = ApplicationRequest
    shown = Application_
    search = (
        Application.name,
        Application.slug,
        Application.group,
        Application.description,
        Application.publisher,
        Application.launch_url,
    )
    ordering: ClassVar = {"name": Application.name, "slug": Application.slug, "group": Application.group}
    filters: ClassVar[Mapping[str, Filter]] = {
        "name": equals(Application.name),
        "slug": equals(Application.slug),
        "group": equals(Application.group),
        "meta_description": equals(Application.description),
        "meta_launch_url": equals(Application.launch_url),
        "meta_publisher": equals(Application.publisher),
        "only_with_launch_url": Filter(bool, _with_launch_url),
    }
    questions: ClassVar[Mapping[str, Any]] = {"for_user": Key, "superuser_full_list": bool}
    ours = frozenset({"access", "enabled", "contact"})
    identifiers: ClassVar = {"slug": Application.slug, "name": Application.name}
    renamed: ClassVar[Mapping[str, str]] = {ours: theirs for theirs, ours in _NAMES.items() if ours != theirs}

    def __init__(self, database: Database, clock: Clock, applications: Verbs) -> None:
        self._database = database
        self._clock = clock
        self._applications = applications

    async def visible(self, r: Reading, caller: Caller) -> ColumnElement[bool] | None:
        if caller.may.may(self.codename(VIEW)) or caller.user_id is None:
            return self.allowed(VIEW, caller)
        mine = await openable(r, caller.user_id, self._clock.now(), caller.actor.client_ip or "")
        return Application.id.in_({*mine, *caller.may.objects_of(self.codename(VIEW))})

    async def looking(self, r: Reading, caller: Caller, given: Mapping[str, Any]) -> list[ColumnElement[bool]]:
        """``for_user`` are those that this person may open; ``superuser_full_list=false`` those that the caller may."""
        now = self._clock.now()
        conditions: list[ColumnElement[bool]] = []
        for_user = given.get("for_user")
        if for_user is not None:
            if for_user != caller.user_id and not caller.may.may(VIEW_THEIRS, for_user):
                raise Refused("api.not_allowed", f"To ask what somebody else may open needs {VIEW_THEIRS}.")
            if await r.get(User, for_user) is None:
                raise InvalidInput("user.not_found", "for_user: there is no user of that id.", field="for_user")
            conditions.append(Application.id.in_(await openable(r, for_user, now)))
        if given.get("superuser_full_list") is False and caller.user_id is not None:
            mine = await openable(r, caller.user_id, now, caller.actor.client_ip or "")
            conditions.append(Application.id.in_(mine))
        return conditions

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        keys = [row.provider_id for row in rows if row.provider_id is not None]
        found = (await r.scalars(select(Provider).where(Provider.id.in_(keys)))).all()
        providers = {one["pk"]: one for one in await providers_shown(r, found)}
        proxies = {one.id: one for one in await r.scalars(select(ProxyProvider).where(ProxyProvider.id.in_(keys)))}
        return [_shown(row, providers.get(row.provider_id), proxies.get(row.provider_id)) for row in rows]

    async def guard(self, r: Reading, caller: Caller, verb: str, row: Any | None, values: Mapping[str, Any]) -> None:
        """Who may not see a provider learns nothing of it by taking it."""
        wanted = values.get("provider")
        if wanted is None or (row is not None and row.provider_id == wanted):
            return
        provider = await r.get(Provider, wanted)
        if provider is None or not may_see_provider(caller, provider.type, provider.id):
            raise not_found()

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        slug = values["slug"]
        _check_backchannel(values)
        access = values.get("access")
        if access is None:
            async with self._database.reading() as r:
                access = "everyone" if (await current(r)).default_app_access else "bound"
        await self._applications.create(slug, access=access, values=_ours(values, leave=("slug", "access")), by=by)
        if values.get("provider") is not None:
            await self._applications.use(slug, values["provider"], by=by)
        if values.get("enabled") is False:
            await self._applications.disable(slug, by=by)
        async with self._database.reading() as r:
            return (await r.scalars(select(Application.id).where(Application.slug == slug))).one()

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        _check_backchannel(values)
        slug = row.slug
        if "provider" in values:
            await self._applications.use(slug, values["provider"], by=by)
        if "enabled" in values:
            await (self._applications.enable if values["enabled"] else self._applications.disable)(slug, by=by)
        await self._applications.update(slug, _ours(values), by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._applications.delete(row.slug, with_provider=False, by=by)

    async def used_by(self, r: Reading, row: Any) -> list[UsedBy]:
        query = select(PolicyBinding.id, PolicyBinding.order).where(PolicyBinding.application_id == row.id)
        bindings = [
            UsedBy("authentik_policies", "policybinding", pk, f"Binding {order} of {row.name}", "cascade")
            for pk, order in await r.execute(query.order_by(PolicyBinding.order))
        ]
        brands = select(Brand.id, Brand.domain).where(Brand.default_application == row.id).order_by(Brand.domain)
        return bindings + [
            UsedBy("authentik_brands", "brand", pk, domain, "set_null") for pk, domain in await r.execute(brands)
        ]


def _ours(values: Mapping[str, Any], leave: Sequence[str] = ()) -> dict[str, Any]:
    return {ours: values[theirs] for theirs, ours in _NAMES.items() if theirs in values and ours not in leave}


def _check_backchannel(values: Mapping[str, Any]) -> None:
    if values.get("backchannel_providers"):
        raise InvalidInput(
            "application.not_supported_yet",
            "backchannel_providers: no provider of ours is one, so it is not stored; leave it out.",
            field="backchannel_providers",
        )


def _shown(row: Application, provider: dict[str, Any] | None, proxy: ProxyProvider | None) -> dict[str, Any]:
    address = row.launch_url or ("" if proxy is None else proxy.external_host + proxy.path)
    return {
        "pk": row.id,
        "pbm_uuid": row.id,
        "name": row.name,
        "slug": row.slug,
        "provider": row.provider_id,
        "provider_obj": provider,
        "backchannel_providers": [],
        "backchannel_providers_obj": [],
        # Whatever stands in the database, a link is never a script.
        "launch_url": address if urlsplit(address).scheme in ("http", "https") else None,
        "open_in_new_tab": row.open_in_new_tab,
        "meta_launch_url": row.launch_url,
        "meta_icon": row.icon,
        "meta_icon_url": row.icon or None,
        "meta_icon_themed_urls": None,
        "meta_description": row.description,
        "meta_publisher": row.publisher,
        "policy_engine_mode": row.policy_engine_mode,
        "group": row.group,
        "meta_hide": row.hidden,
        "access": row.access,
        "enabled": row.enabled,
        "contact": row.contact,
    }
