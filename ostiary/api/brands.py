"""``/core/brands/``: brands, and the one of the host that is asked."""

from typing import Any

from fastapi import Request
from pydantic import BaseModel

from ostiary.api.generic import Generic
from ostiary.api.operations import ANYONE, Operations
from ostiary.brands.fields import DEFAULT_DOMAIN
from ostiary.brands.registry import of_host
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms
from ostiary.system.registry import current as current_settings
from ostiary.web.look import look_of
from ostiary.web.pages import Pages


class FooterLink(BaseModel):
    """A link below every page."""

    href: str | None
    name: str


class CurrentBrandFlags(BaseModel):
    """What open tabs do after a sign-in."""

    flows_continuous_login: bool
    flows_refresh_others: bool


class CurrentBrand(BaseModel):
    """What a page needs of a brand, for anybody. Pictures are addresses that a browser can load."""

    matched_domain: str
    branding_title: str
    branding_logo: str
    branding_logo_themed_urls: dict[str, str] | None = None
    branding_favicon: str
    branding_favicon_themed_urls: dict[str, str] | None = None
    branding_custom_css: str
    branding_map_tiles: str = ""
    ui_footer_links: list[FooterLink]
    ui_theme: str = "automatic"
    flow_authentication: str | None
    flow_user_switch: str | None = None
    flow_invalidation: str | None
    flow_recovery: str | None
    flow_unenrollment: str | None
    flow_user_settings: str | None
    flow_device_code: str | None = None
    flow_lockdown: str | None = None
    flow_request: str | None = None
    default_locale: str = ""
    flags: CurrentBrandFlags


def mount(operations: Operations, kinds: Kinds, rooms: Rooms, pages: Pages) -> None:
    """Adds the operations."""

    @operations.operation(
        "GET", "/core/brands/current/", "core_brands_current_retrieve", who=ANYONE, tag="core", answers=CurrentBrand
    )
    async def current(request: Request) -> dict[str, Any]:
        """The brand of the host that this is asked at."""
        look = look_of(request)
        async with rooms.database.reading() as r:
            brand = await of_host(r, look.domain or DEFAULT_DOMAIN)
            settings = await current_settings(r)
        return {
            "matched_domain": brand.domain if brand else DEFAULT_DOMAIN,
            "branding_title": look.title or rooms.brands.title,
            "branding_logo": pages.picture(look.logo),
            "branding_favicon": pages.picture(look.favicon),
            "branding_custom_css": brand.custom_css if brand else "",
            "ui_footer_links": [
                {"name": link.get("name", ""), "href": link.get("href")} for link in settings.footer_links
            ],
            "flow_authentication": look.authentication,
            "flow_invalidation": look.invalidation,
            "flow_recovery": look.recovery or None,
            "flow_unenrollment": look.unenrollment or None,
            "flow_user_settings": look.user_settings or None,
            "flags": settings.flags,
        }

    Generic(
        operations,
        rooms.database,
        kinds["authentik_brands.brand"],
        path="/core/brands/",
        prefix="core_brands",
        key="brand_uuid",
    )
