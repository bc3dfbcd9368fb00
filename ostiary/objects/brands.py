"""Brands. A picture that nobody chose is shown by the path that authentik has for it, and means the same when sent."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import false

from ostiary.brands.fields import FLOWS, OWN_PICTURES
from ostiary.brands.models import Brand as Row
from ostiary.brands.registry import Brands
from ostiary.events.record import Actor
from ostiary.objects.kind import Caller, Fields, Filter, Kind, Shown, Words, equals
from ostiary.storage.session import Reading

_PICTURES: Final[Mapping[str, str]] = {
    "branding_logo": "logo",
    "branding_favicon": "favicon",
    "branding_default_flow_background": "background",
}


def _never(_: Any) -> Any:
    return false()


def _picture(field: str) -> Filter:
    return equals(getattr(Row, _PICTURES[field]))


class BrandRequest(Fields):
    """What a client may set."""

    domain: str
    default: bool = False
    branding_title: str = ""
    branding_logo: str = ""
    branding_favicon: str = ""
    branding_custom_css: str = ""
    branding_default_flow_background: str = ""
    branding_map_tiles: str = ""
    flow_authentication: str | None = None
    flow_user_switch: str | None = None
    flow_invalidation: str | None = None
    flow_recovery: str | None = None
    flow_unenrollment: str | None = None
    flow_user_settings: str | None = None
    flow_device_code: str | None = None
    flow_lockdown: str | None = None
    flow_request: str | None = None
    default_application: str | None = None
    web_certificate: str | None = None
    client_certificates: list[str] = []
    attributes: dict[str, Any] = {}


class Brand(Shown):
    """What a client receives."""

    brand_uuid: str
    domain: str
    default: bool
    branding_title: str
    branding_logo: str
    branding_favicon: str
    branding_custom_css: str
    branding_default_flow_background: str
    branding_map_tiles: str
    flow_authentication: str | None
    flow_user_switch: str | None
    flow_invalidation: str | None
    flow_recovery: str | None
    flow_unenrollment: str | None
    flow_user_settings: str | None
    flow_device_code: str | None
    flow_lockdown: str | None
    flow_request: str | None
    default_application: str | None
    web_certificate: str | None
    client_certificates: list[str]
    attributes: dict[str, Any]


class BrandKind(Kind):
    """Kind of brands. Who changes where people sign in can become anybody."""

    words = Words("authentik_brands.brand", "Brand", "Brands", "ak-brand-form")
    table = Row
    pk = Row.id
    key = Row.id
    fields = BrandRequest
    shown = Brand
    search = (Row.domain, Row.title)
    ordering: ClassVar = {"domain": Row.domain, "branding_title": Row.title, "default": Row.is_default}
    filters: ClassVar[Mapping[str, Filter]] = {
        "brand_uuid": equals(Row.id),
        "domain": equals(Row.domain),
        "default": equals(Row.is_default, bool),
        "branding_title": equals(Row.title),
        **{name: _picture(name) for name in _PICTURES},
        **{name: equals(getattr(Row, name)) for name in FLOWS},
        **{
            name: Filter(str, _never)
            for name in ("flow_user_switch", "flow_device_code", "flow_lockdown", "flow_request", "web_certificate")
        },
        "client_certificates": Filter(list[str], _never),
    }
    identifiers: ClassVar = {"domain": Row.domain, "default": Row.is_default}
    superusers_only = True

    def __init__(self, brands: Brands) -> None:
        self._brands = brands

    async def read(
        self, r: Reading, rows: Sequence[Any], caller: Caller, flags: Mapping[str, bool]
    ) -> list[dict[str, Any]]:
        return [
            {
                "brand_uuid": row.id,
                "domain": row.domain,
                "default": row.is_default,
                # Clients may not send an empty title, so they receive none: it would not come back.
                "branding_title": row.title or self._brands.title,
                "branding_custom_css": row.custom_css,
                "branding_map_tiles": "",
                **{name: getattr(row, column) for name, column in _PICTURES.items()},
                **{name: getattr(row, name) for name in FLOWS},
                "flow_user_switch": None,
                "flow_device_code": None,
                "flow_lockdown": None,
                "flow_request": None,
                "default_application": row.default_application,
                "web_certificate": None,
                "client_certificates": [],
                "attributes": row.attributes,
            }
            for row in rows
        ]

    async def create(self, values: Mapping[str, Any], by: Actor) -> str:
        brand = await self._brands.create(values["domain"], {**OWN_PICTURES, **values}, by=by)
        return brand.id

    async def update(self, row: Any, values: Mapping[str, Any], by: Actor) -> None:
        await self._brands.update(row.id, values, by=by)

    async def delete(self, row: Any, by: Actor) -> None:
        await self._brands.delete(row.id, by=by)
