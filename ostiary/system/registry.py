"""The administrators' settings: read, and changed with an event."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import column, select, table
from sqlalchemy.dialects import postgresql, sqlite

from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.durations import parse_duration, show_duration
from ostiary.kit.errors import Conflict, InvalidInput
from ostiary.kit.urls import parse_origin
from ostiary.storage import installation
from ostiary.storage.models import Installation
from ostiary.storage.session import Database, Reading, Writing
from ostiary.system.fields import SystemSettings, agreed, as_given, checked, invalid, made
from ostiary.system.models import StoredSettings

ROOM: Final = "system"

# Known here by name alone: applications are a room above this one.
_PROXIES = table("proxy_providers", column("host_key"), column("mode"))


async def current(r: Reading) -> SystemSettings:
    """The settings in force, by one statement."""
    return made(await r.scalar(select(StoredSettings.given).where(StoredSettings.id == 1)) or {})


class System:
    """The verbs. ``base_url`` and ``retention`` (seconds) are what the configuration says about these two."""

    def __init__(self, *, database: Database, clock: Clock, base_url: str | None, retention: int) -> None:
        self._database = database
        self._clock = clock
        self._base_url = base_url
        self._retention = retention

    async def shown(self, r: Reading) -> dict[str, Any]:
        """Every setting by authentik's name, those that the configuration decides too."""
        settings = await current(r)
        return {
            **as_given(settings),
            "base_url": self._base_url or await r.scalar(select(Installation.base_url)) or "",
            "event_retention": settings.event_retention or show_duration(self._retention),
        }

    async def retention(self) -> timedelta:
        """How long events are kept."""
        async with self._database.reading() as r:
            text = (await current(r)).event_retention
        return timedelta(seconds=self._retention if text is None else parse_duration(text))

    async def update(self, values: Mapping[str, Any], *, by: Actor) -> None:
        """Changes what is given; a name that is no setting is passed over. Raises `system.*`, `duration.invalid`."""
        new = checked(values)
        async with self._database.writing() as w:
            row = await _held(w)
            before = made(row.given)
            after = agreed(replace(before, **new))
            # What only repeats the configuration is not set: a later change there still counts.
            wanted = new.get("event_retention")
            if before.event_retention is None and wanted and parse_duration(wanted) == self._retention:
                after = replace(after, event_retention=None)
            old, given = as_given(before), as_given(after)
            changes = {name: [old[name], value] for name, value in given.items() if old[name] != value}
            row.given = {**row.given, **{name: given[name] for name in changes}}
            if "base_url" in values:
                changes |= await self._move(w, values["base_url"])
            if changes:
                await record(w, self._clock, Action.MODEL_UPDATED, ROOM, by, model="system_settings", changes=changes)

    async def _move(self, w: Writing, value: Any) -> dict[str, list[str | None]]:
        """Our own address; answers the change."""
        if not isinstance(value, str):
            raise invalid("base_url", "write a text.")
        row = await w.scalar(select(Installation).where(Installation.id == 1).with_for_update())
        before = self._base_url or (row.base_url if row is not None else None)
        text = value.strip()
        if text == (before or ""):
            return {}
        origin = parse_origin(text, field="base_url")
        if before is not None and str(parse_origin(before)) == str(origin):
            return {}
        if self._base_url is not None:
            raise InvalidInput(
                "system.base_url_configured",
                "base_url: it is set in the configuration as web.base_url; change it there.",
                field="base_url",
            )
        taken = select(_PROXIES.c.host_key).where(
            _PROXIES.c.host_key == origin.key, _PROXIES.c.mode != "forward_domain"
        )
        if await w.scalar(taken.limit(1)) is not None:
            raise Conflict("system.base_url_taken", "base_url: an application is found at that host.", field="base_url")
        if row is None:
            row = await installation.read(w)
        row.base_url = str(origin)
        return {"base_url": [before, row.base_url]}


async def _held(w: Writing) -> StoredSettings:
    """The row, made if it is missing, held against other transactions."""
    insert = postgresql.insert if w.get_bind().dialect.name == "postgresql" else sqlite.insert
    await w.execute(insert(StoredSettings).values(id=1, given={}).on_conflict_do_nothing(index_elements=["id"]))
    return await w.get_one(StoredSettings, 1, with_for_update=True, populate_existing=True)
