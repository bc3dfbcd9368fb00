"""Stored brands: made, changed, deleted. One of them is the default at every moment."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import or_, select

from ostiary.applications.hosts import holder, lock_hosts
from ostiary.applications.models import Application
from ostiary.brands.fields import DEFAULT_DOMAIN, FLOWS, OWN_PICTURES, cleaned
from ostiary.brands.models import Brand
from ostiary.events.catalog import Action
from ostiary.events.record import SYSTEM, Actor, record
from ostiary.flows.models import Flow
from ostiary.flows.start import AUTHENTICATION, INVALIDATION
from ostiary.flows.uses import Use, Uses
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound
from ostiary.storage.models import Installation
from ostiary.storage.session import Database, Reading, Writing

ROOM = "brands"
# Nobody could sign in, or out, without these.
_NEEDED = ("flow_authentication", "flow_invalidation")


class Brands:
    """The verbs. Each opens its own transaction, in which the change and its event stand or fall together.

    ``title`` is what pages are called whose brand has none.
    """

    def __init__(self, *, database: Database, clock: Clock, uses: Uses, title: str) -> None:
        self._database = database
        self._clock = clock
        self._uses = uses
        self.title = title

    async def ensure(self, w: Writing) -> None:
        """Adds the default brand if there is none, as new installations and those of older releases have it."""
        # Servers that start together queue here.
        await w.execute(select(Installation.id).with_for_update())
        if await w.scalar(select(Brand.id).where(Brand.is_default)) is not None:
            return
        brand = await w.scalar(select(Brand).where(Brand.domain == DEFAULT_DOMAIN))
        if brand is None:
            flows = {flow.slug: flow.id for flow in await w.scalars(select(Flow))}
            brand = Brand(
                domain=DEFAULT_DOMAIN,
                is_default=True,
                flow_authentication=flows.get(AUTHENTICATION),
                flow_invalidation=flows.get(INVALIDATION),
                logo=OWN_PICTURES["branding_logo"],
                favicon=OWN_PICTURES["branding_favicon"],
                background=OWN_PICTURES["branding_default_flow_background"],
            )
            w.add(brand)
        brand.is_default = True
        await w.flush()
        await record(
            w, self._clock, Action.MODEL_CREATED, ROOM, SYSTEM, model="brand", pk=brand.id, domain=brand.domain
        )

    async def create(self, domain: str, values: Mapping[str, Any] | None = None, *, by: Actor) -> Brand:
        """``values`` are fields in authentik's words. Raises `brand.*`, `attributes.invalid`, `flow.unfit`."""
        columns = self._cleaned({**(values or {}), "domain": domain})
        async with self._database.writing() as w:
            await self._check(w, columns, None)
            if columns.get("is_default"):
                await self._depose(w, by)
            brand = Brand(**columns)
            w.add(brand)
            await w.flush()
            await record(w, self._clock, Action.MODEL_CREATED, ROOM, by, model="brand", pk=brand.id, **_told(columns))
            return brand

    async def update(self, brand_id: str, values: Mapping[str, Any], *, by: Actor) -> Brand:
        """Changes the given fields. Raises as `create`, and `brand.default_needed`."""
        columns = self._cleaned(values)
        async with self._database.writing() as w:
            brand = await existing(w, brand_id)
            await self._check(w, columns, brand)
            if columns.get("is_default") is False and brand.is_default:
                raise InvalidInput(
                    "brand.default_needed",
                    "default: one brand has to be it; make another the default instead.",
                    field="default",
                )
            changes = {
                name: [getattr(brand, name), value] for name, value in columns.items() if getattr(brand, name) != value
            }
            if "is_default" in changes:
                await self._depose(w, by)
            for name, (_, value) in changes.items():
                setattr(brand, name, value)
            if changes:
                await w.flush()
                about = {"model": "brand", "pk": brand.id, "domain": brand.domain}
                await record(w, self._clock, Action.MODEL_UPDATED, ROOM, by, **about, changes=_told(changes))
            return brand

    async def delete(self, brand_id: str, *, by: Actor) -> None:
        """Its host is no longer ours, unless it is that of our own address. Raises `brand.default_needed`."""
        async with self._database.writing() as w:
            brand = await existing(w, brand_id)
            if brand.is_default:
                raise Conflict(
                    "brand.default_needed", "brand: one has to be the default; make another the default first."
                )
            await w.delete(brand)
            about = {"model": "brand", "pk": brand.id, "domain": brand.domain}
            await record(w, self._clock, Action.MODEL_DELETED, ROOM, by, **about)

    def _cleaned(self, values: Mapping[str, Any]) -> dict[str, Any]:
        columns = cleaned(values)
        if columns.get("title") == self.title:
            # Clients are told this one where there is none, and send it back.
            columns["title"] = ""
        return columns

    async def _depose(self, w: Writing, by: Actor) -> None:
        # Administrators who choose another at the same time queue here, as servers do that start together.
        await w.execute(select(Installation.id).with_for_update())
        before = await w.scalar(select(Brand).where(Brand.is_default))
        if before is not None:
            before.is_default = False
            await w.flush()  # There is one default, at every moment of the transaction too.
            about = {"model": "brand", "pk": before.id, "domain": before.domain}
            changes = {"is_default": [True, False]}
            await record(w, self._clock, Action.MODEL_UPDATED, ROOM, by, **about, changes=changes)

    async def _check(self, w: Writing, columns: Mapping[str, Any], brand: Brand | None) -> None:
        domain = columns.get("domain")
        if domain is not None and (brand is None or brand.domain != domain):
            await lock_hosts(w)
            if await w.scalar(select(Brand.id).where(Brand.domain == domain)) is not None:
                raise Conflict("brand.domain_taken", "domain: another brand has it already.", field="domain")
            guarded = await holder(w, domain)
            if guarded is not None:
                # Whoever answers at a host of ours receives the login's cookie.
                raise InvalidInput(
                    "brand.domain_of_application",
                    f"domain: {guarded} guards an application there; give the brand a host of its own.",
                    field="domain",
                )
        for field, designation in FLOWS.items():
            if columns.get(field) is not None:
                flow = await w.get(Flow, columns[field])
                if flow is None or flow.designation != designation:
                    fault = "there is no such flow" if flow is None else f"that flow is for {flow.designation}"
                    raise InvalidInput(
                        f"brand.{field}_invalid", f"{field}: {fault}; it has to be one for {designation}.", field=field
                    )
                if field in _NEEDED:
                    await self._uses.check(w, flow, designation, field)
        application = columns.get("default_application")
        if application is not None and await w.get(Application, application) is None:
            raise InvalidInput(
                "brand.default_application_invalid",
                "default_application: there is no such application.",
                field="default_application",
            )


async def existing(r: Reading, brand_id: str) -> Brand:
    """Raises `brand.not_found`."""
    brand = await r.get(Brand, brand_id)
    if brand is None:
        raise NotFound("brand.not_found", "brand: there is none of that id.", field="brand")
    return brand


async def uses_of_flow(r: Reading, flow: Flow) -> list[Use]:
    """The brands that lead to a flow; their sign-in and sign-out have to work."""
    named = or_(*(getattr(Brand, field) == flow.id for field in FLOWS))
    return [
        Use(
            next((FLOWS[field] for field in _NEEDED if getattr(brand, field) == flow.id), ""),
            f"the brand {brand.domain}",
            "authentik_brands",
            "brand",
            brand.id,
        )
        for brand in await r.scalars(select(Brand).where(named).order_by(Brand.domain))
    ]


async def listed(r: Reading) -> Sequence[Brand]:
    """All brands by domain."""
    return (await r.scalars(select(Brand).order_by(Brand.domain))).all()


async def of_host(r: Reading, host: str) -> Brand | None:
    """The brand of a host of ours: its own, else the default."""
    named = Brand.domain == host if host != DEFAULT_DOMAIN else Brand.is_default
    found = (await r.scalars(select(Brand).where(or_(named, Brand.is_default)))).all()
    return next((brand for brand in found if brand.domain == host), found[0] if found else None)


async def names_host(r: Reading, host: str) -> bool:
    """Whether a brand makes that host one of ours."""
    return host != DEFAULT_DOMAIN and await r.scalar(select(Brand.id).where(Brand.domain == host)) is not None


def _told(columns: Mapping[str, Any]) -> dict[str, Any]:
    """As an event may hold it: what attributes are called is an administrator's own choice."""
    return {name: value for name, value in columns.items() if name != "attributes"} | (
        {"other": ["attributes"]} if "attributes" in columns else {}
    )
