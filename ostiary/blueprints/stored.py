"""Blueprints that are kept in the database: made, changed, applied again, deleted.

One that is enabled is applied whenever it is stored, in the same transaction, so that none is kept that cannot be
applied. Deleting one deletes none of its objects.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from ostiary.blueprints.apply import Outcome, Source
from ostiary.blueprints.document import Blueprint, BlueprintInvalid
from ostiary.blueprints.entries import read
from ostiary.blueprints.models import BlueprintInstance
from ostiary.blueprints.reader import REQUESTS
from ostiary.blueprints.registry import ROOM, Blueprints
from ostiary.blueprints.shipped import shipped
from ostiary.events.catalog import Action
from ostiary.events.record import Actor, record
from ostiary.kit.clock import Clock
from ostiary.kit.errors import Conflict, InvalidInput, NotFound, OstiaryError, Unavailable
from ostiary.storage.session import Database, Reading, Writing

_FIELDS = ("name", "path", "context", "content", "enabled")


class Stored:
    """The verbs. Whoever calls them may do everything."""

    def __init__(self, *, database: Database, clock: Clock, blueprints: Blueprints) -> None:
        self._database = database
        self._clock = clock
        self._blueprints = blueprints

    async def create(self, values: Mapping[str, Any], *, by: Actor) -> BlueprintInstance:
        """Keeps a blueprint, and applies it if it is enabled. Raises `blueprint.*`."""
        async with self._database.together() as w:
            row = BlueprintInstance(last_applied=self._clock.now())
            await self._write(w, row, values)
            await record(w, self._clock, Action.MODEL_CREATED, ROOM, by, model="blueprint", name=row.name)
            if row.enabled:
                await self._apply(row, by)
            return row

    async def update(self, instance_id: str, values: Mapping[str, Any], *, by: Actor) -> None:
        """Changes what is given, and applies the blueprint if it is enabled. Raises `blueprint.*`."""
        async with self._database.together() as w:
            row = await found(w, instance_id)
            before = {name: getattr(row, name) for name in _FIELDS}
            await self._write(w, row, values)
            changed = [name for name in _FIELDS if getattr(row, name) != before[name]]
            if changed:
                await record(
                    w, self._clock, Action.MODEL_UPDATED, ROOM, by, model="blueprint", name=row.name, fields=changed
                )
            if row.enabled:
                await self._apply(row, by)

    async def delete(self, instance_id: str, *, by: Actor) -> None:
        """Forgets a blueprint. Its objects stay, and belong to nobody."""
        async with self._database.writing() as w:
            row = await found(w, instance_id)
            await record(w, self._clock, Action.MODEL_DELETED, ROOM, by, model="blueprint", name=row.name)
            await w.delete(row)

    async def apply(self, instance_id: str, *, by: Actor) -> Outcome:
        """Applies a blueprint again. Raises `blueprint.disabled`, and what applying raises; its status then says so."""
        try:
            async with self._database.together() as w:
                row = await found(w, instance_id)
                if not row.enabled:
                    raise InvalidInput("blueprint.disabled", "This blueprint is disabled; enable it to apply it.")
                return await self._apply(row, by)
        except OstiaryError as error:
            if not isinstance(error, Unavailable | NotFound) and error.code != "blueprint.disabled":
                async with self._database.writing() as w:
                    (await found(w, instance_id)).status = "error"
            raise

    async def _write(self, w: Writing, row: BlueprintInstance, values: Mapping[str, Any]) -> None:
        for name in _FIELDS:
            if name in values:
                setattr(row, name, values[name])
        if not row.path and not row.content:
            raise InvalidInput("blueprint.empty", "Give path or content.")
        if row.path and row.content:
            raise InvalidInput("blueprint.twice", "Give path or content, not both.")
        if row.path and "path" in values:
            shipped(row.path)
        other = select(BlueprintInstance.id).where(BlueprintInstance.name == row.name)
        with w.no_autoflush:
            if await w.scalar(other.where(BlueprintInstance.id != row.id) if row.id else other) is not None:
                raise Conflict(
                    "blueprint.name_taken", "name: another blueprint has it already; choose another.", field="name"
                )
        w.add(row)
        await w.flush()
        if row.content and not row.enabled:
            # What is not applied has at least its form.
            await _read(row.name, row.content.encode(), field="content")

    async def _apply(self, row: BlueprintInstance, by: Actor) -> Outcome:
        field = "content" if row.content else "path"
        data = row.content.encode() if row.content else shipped(row.path).data
        blueprint = await _read(row.path or row.name, data, field=field)
        with _of(field):
            return await self._blueprints.apply([Source(blueprint, context=row.context, instance=row.name)], by=by)


async def _read(name: str, data: bytes, *, field: str) -> Blueprint:
    # A thread, for it takes longer than a check may wait.
    with _of(field):
        return await asyncio.to_thread(read, name, data, REQUESTS)


@contextmanager
def _of(field: str) -> Iterator[None]:
    """What is wrong with a blueprint is wrong with the field that held it."""
    try:
        yield
    except BlueprintInvalid as error:
        error.field = field
        raise


async def found(r: Reading, instance_id: str) -> BlueprintInstance:
    """The blueprint of that id. Raises `blueprint.not_found`."""
    row = await r.get(BlueprintInstance, instance_id)
    if row is None:
        raise NotFound("blueprint.not_found", "There is no blueprint of that id.")
    return row
