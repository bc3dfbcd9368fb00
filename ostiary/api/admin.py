"""``/admin/`` and ``/root/config/``: what the installation is, and how it is set."""

import json
import platform
import ssl
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import Query, Request, Response
from sqlalchemy import select

import ostiary
from ostiary.api.errors import Changed
from ostiary.api.generic import IfMatch, no_such_object
from ostiary.api.operations import ANYONE, SIGNED_IN, SUPERUSER, Asking, Operations, holding
from ostiary.brands.registry import of_host
from ostiary.directory.codenames import app_name
from ostiary.objects.kind import Caller, Key
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms
from ostiary.objects.system import (
    App,
    Config,
    ErrorReportingConfig,
    PatchedSettingsRequest,
    Settings,
    SettingsRequest,
    SystemInfo,
    Version,
    VersionHistory,
)
from ostiary.outposts.embedded import MANAGED
from ostiary.outposts.health import alive
from ostiary.outposts.models import Outpost
from ostiary.storage.session import Reading
from ostiary.system.registry import current
from ostiary.system.versions import releases

AUTHENTIK: Final = "2026.8.5"
"""The release of authentik whose API this is."""

_TAG = "admin"
# Of the request's own headers, those that tell an administrator how it arrived, and nothing that lets anybody in.
_SHOWN_HEADERS: Final = (
    "host",
    "user-agent",
    "accept",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
    "forwarded",
)
_INFO = holding("authentik_rbac.view_system_info")
_SEE_SETTINGS = holding("authentik_rbac.view_system_settings")


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    _settings(operations, rooms)
    _system(operations, rooms)
    _versions(operations, rooms)
    _models(operations, kinds)
    _root(operations, rooms)


def _settings(operations: Operations, rooms: Rooms) -> None:
    path = "/admin/settings/"

    async def shown(r: Reading, response: Response) -> dict[str, Any]:
        settings = await rooms.system.shown(r)
        response.headers["ETag"] = _tag(settings)
        return settings

    async def changed(
        asking: Caller, body: PatchedSettingsRequest, if_match: str | None, response: Response
    ) -> dict[str, Any]:
        async with rooms.database.together() as w:
            if if_match is not None and if_match.strip() not in ("*", _tag(await rooms.system.shown(w))):
                raise Changed(
                    "api.changed_meanwhile",
                    "Somebody has changed this since you read it; read it again and decide anew.",
                )
            await rooms.system.update(body.model_dump(exclude_unset=True), by=asking.actor)
            return await shown(w, response)

    @operations.operation("GET", path, "admin_settings_retrieve", who=_SEE_SETTINGS, tag=_TAG, answers=Settings)
    async def retrieve(asking: Asking, response: Response) -> dict[str, Any]:
        async with rooms.database.reading() as r:
            return await shown(r, response)

    @operations.operation("PUT", path, "admin_settings_update", who=SUPERUSER, tag=_TAG, answers=Settings)
    async def update(
        asking: Asking, body: SettingsRequest, response: Response, if_match: IfMatch = None
    ) -> dict[str, Any]:
        return await changed(asking, body, if_match, response)

    @operations.operation("PATCH", path, "admin_settings_partial_update", who=SUPERUSER, tag=_TAG, answers=Settings)
    async def partial_update(
        asking: Asking, body: PatchedSettingsRequest, response: Response, if_match: IfMatch = None
    ) -> dict[str, Any]:
        return await changed(asking, body, if_match, response)


def _tag(settings: dict[str, Any]) -> str:
    return f'"{sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]}"'


def _system(operations: Operations, rooms: Rooms) -> None:
    path = "/admin/system/"

    async def info(request: Request) -> dict[str, Any]:
        host = request.headers.get("host", "").lower()
        async with rooms.database.reading() as r:
            brand = await of_host(r, host)
            base_url = (await rooms.system.shown(r))["base_url"]
            config: dict[str, Any] = await r.scalar(select(Outpost.config).where(Outpost.managed == MANAGED)) or {}
        headers = {name: request.headers[name] for name in _SHOWN_HEADERS if name in request.headers}
        return {
            "http_headers": headers,
            "http_host": host,
            "http_is_secure": base_url.startswith("https://"),
            "runtime": {
                "python_version": platform.python_version(),
                "environment": "custom",
                "architecture": platform.machine(),
                "platform": platform.platform(),
                "uname": " ".join(platform.uname()),
                "openssl_version": ssl.OPENSSL_VERSION,
                "openssl_fips_enabled": None,
                "authentik_version": AUTHENTIK,
            },
            "brand": brand.domain if brand is not None else "",
            "server_time": rooms.clock.now(),
            "embedded_outpost_disabled": False,
            "embedded_outpost_host": config.get("authentik_host", "") or base_url,
            "base_url": base_url,
        }

    @operations.operation("GET", path, "admin_system_retrieve", who=_INFO, tag=_TAG, answers=SystemInfo)
    async def retrieve(asking: Asking, request: Request) -> dict[str, Any]:
        return await info(request)

    # authentik makes its embedded outpost anew here; ours cannot be missing.
    @operations.operation("POST", path, "admin_system_create", who=_INFO, tag=_TAG, answers=SystemInfo)
    async def create(asking: Asking, request: Request) -> dict[str, Any]:
        return await info(request)


def _versions(operations: Operations, rooms: Rooms) -> None:
    @operations.operation("GET", "/admin/version/", "admin_version_retrieve", who=SIGNED_IN, tag=_TAG, answers=Version)
    async def version(asking: Asking) -> dict[str, Any]:
        async with rooms.database.reading() as r:
            workers = await alive(r, rooms.clock.now())
        return {
            "version_current": ostiary.__version__,
            "version_latest": ostiary.__version__,
            # Nobody was asked.
            "version_latest_valid": False,
            "build_hash": "",
            "outdated": False,
            "outpost_outdated": any(worker.version != ostiary.__version__ for worker in workers),
        }

    async def history(r: Reading) -> list[dict[str, Any]]:
        return [
            {"id": one.id, "timestamp": one.started, "version": one.version, "build": ""} for one in await releases(r)
        ]

    @operations.operation(
        "GET",
        "/admin/version/history/",
        "admin_version_history_list",
        who=_INFO,
        tag=_TAG,
        answers=list[VersionHistory],
    )
    async def every(
        asking: Asking,
        build: str | None = None,
        ordering: Annotated[str | None, Query(pattern="^-?(id|timestamp|version|build)?$")] = None,
        search: str | None = None,
        version: str | None = None,
    ) -> list[dict[str, Any]]:
        async with rooms.database.reading() as r:
            found = await history(r)
        wanted = [
            one
            for one in found
            if build in (None, one["build"])
            and version in (None, one["version"])
            and (search is None or search.casefold() in one["version"].casefold())
        ]
        name = (ordering or "-id").removeprefix("-") or "id"
        return sorted(wanted, key=lambda one: one[name], reverse=(ordering or "-id").startswith("-"))

    @operations.operation(
        "GET",
        "/admin/version/history/{id}/",
        "admin_version_history_retrieve",
        who=_INFO,
        tag=_TAG,
        answers=VersionHistory,
    )
    async def one(id: Key, asking: Asking) -> dict[str, Any]:  # noqa: A002 - the parameter's name in the address
        async with rooms.database.reading() as r:
            for release in await history(r):
                if release["id"] == id:
                    return release
        raise no_such_object()


def _models(operations: Operations, kinds: Kinds) -> None:
    @operations.operation("GET", "/admin/apps/", "admin_apps_list", who=SIGNED_IN, tag=_TAG, answers=list[App])
    async def apps(asking: Asking) -> list[dict[str, str]]:
        names = sorted({kind.words.app for kind in kinds.values()})
        return [{"name": name.replace("_", ".", 1), "label": app_name(name)} for name in names]

    @operations.operation("GET", "/admin/models/", "admin_models_list", who=SIGNED_IN, tag=_TAG, answers=list[App])
    async def models(asking: Asking, filter_has_attributes: bool | None = None) -> list[dict[str, str]]:
        return [
            {"name": label, "label": kind.words.name}
            for label, kind in sorted(kinds.items())
            if filter_has_attributes in (None, "attributes" in kind.fields.model_fields)
        ]


def _root(operations: Operations, rooms: Rooms) -> None:
    @operations.operation("GET", "/root/config/", "root_config_retrieve", who=ANYONE, tag="root", answers=Config)
    async def config(asking: Asking) -> dict[str, Any]:
        async with rooms.database.reading() as r:
            settings = await current(r)
        return {
            "error_reporting": ErrorReportingConfig().model_dump(),
            "capabilities": ["can_impersonate"] if settings.impersonation else [],
            # Nothing is kept that could be out of date.
            "cache_timeout": 0,
            "cache_timeout_flows": 0,
            "cache_timeout_policies": 0,
        }
