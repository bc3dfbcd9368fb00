"""``/managed/blueprints/``: blueprints kept, applied and imported. What they hold is any object, so superusers only."""

import asyncio
import hashlib
import json
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from ostiary.api.generic import Generic, found
from ostiary.api.operations import Asking, Operations, able
from ostiary.blueprints.apply import Source
from ostiary.blueprints.document import BlueprintInvalid
from ostiary.blueprints.entries import read
from ostiary.blueprints.instances import BlueprintInstanceShown, Instances
from ostiary.blueprints.reader import REQUESTS
from ostiary.blueprints.registry import Blueprints, owners
from ostiary.blueprints.report import lines
from ostiary.blueprints.shipped import available, shipped
from ostiary.blueprints.stored import Stored
from ostiary.kit.errors import InvalidInput
from ostiary.objects.kind import ADD, CHANGE, Kind
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms

_PATH: Final = "/managed/blueprints/"
_TAG: Final = "managed"
_LARGEST_CONTEXT: Final = 65_536

Text = Annotated[str, Field(max_length=255, pattern=r"^[^\x00]*$")]
Label = Annotated[str, Query(max_length=128, pattern=r"^[a-z_0-9.]+$", description="Such as authentik_core.group.")]


class Metadata(BaseModel):
    """What a file says of itself."""

    name: str
    labels: dict[str, Any]


class BlueprintFile(BaseModel):
    """A blueprint that comes with the product."""

    path: str
    last_m: datetime
    hash: str
    meta: Metadata


class BlueprintOwner(BaseModel):
    """A blueprint that an object is of; ``kept`` says whether applying it again would set the object back."""

    pk: str
    blueprint: str
    kept: bool


class LogEvent(BaseModel):
    """One sentence about an import."""

    timestamp: datetime
    log_level: str
    logger: str
    event: str
    attributes: dict[str, Any] = Field(default={})


class BlueprintImportResult(BaseModel):
    """Whether a blueprint was applied, and what that changed or what was wrong with it."""

    model_config = ConfigDict(title="BlueprintImportResult")

    logs: list[LogEvent]
    success: bool


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    blueprints = Blueprints(database=rooms.database, clock=rooms.clock, roles=rooms.roles, kinds=kinds)
    stored = Stored(database=rooms.database, clock=rooms.clock, blueprints=blueprints)
    kind = Instances(stored)
    _available(operations, kind)
    _import(operations, kind, rooms, blueprints)
    Generic(operations, rooms.database, kind, path=_PATH, prefix="managed_blueprints", key="instance_uuid")

    @operations.operation(
        "GET",
        "/ostiary/blueprints/owners/",
        "ostiary_blueprints_owners_list",
        who=able(kind),
        tag="ostiary",
        answers=list[BlueprintOwner],
    )
    async def owners_of(
        asking: Asking, model: Label, pk: Annotated[list[Text], Query(max_length=100)]
    ) -> list[BlueprintOwner]:
        async with rooms.database.reading() as r:
            found_owners = await owners(r, model, pk, await kind.visible(r, asking))
        return [
            BlueprintOwner(pk=key, blueprint=name, kept=kept)
            for key, some in found_owners.items()
            for name, kept in some
        ]

    @operations.operation(
        "POST",
        f"{_PATH}{{instance_uuid}}/apply/",
        "managed_blueprints_apply_create",
        who=able(kind, CHANGE),
        tag=_TAG,
        answers=BlueprintInstanceShown,
    )
    async def apply(asking: Asking, instance_uuid: str) -> Any:
        async with rooms.database.reading() as r:
            row = await found(r, kind, instance_uuid, asking)
        await stored.apply(row.id, by=asking.actor)
        async with rooms.database.reading() as r:
            row = await found(r, kind, instance_uuid, asking)
            return (await kind.read(r, [row], asking, {}))[0]


def _available(operations: Operations, kind: Kind) -> None:
    @operations.operation(
        "GET",
        f"{_PATH}available/",
        "managed_blueprints_available_list",
        who=able(kind),
        tag=_TAG,
        answers=list[BlueprintFile],
    )
    async def files(asking: Asking) -> list[BlueprintFile]:
        return await asyncio.to_thread(_files)


def _files() -> list[BlueprintFile]:
    found_files = []
    for one in available():
        blueprint = read(one.path, one.data)
        meta = Metadata(name=blueprint.name or one.path, labels=dict(blueprint.labels))
        digest = hashlib.sha512(one.data).hexdigest()
        found_files.append(BlueprintFile(path=one.path, last_m=one.modified, hash=digest, meta=meta))
    return found_files


def _import(operations: Operations, kind: Kind, rooms: Rooms, blueprints: Blueprints) -> None:
    form = {
        "type": "object",
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "path": {"type": "string", "minLength": 1},
            "context": {"type": "string"},
        },
    }

    @operations.operation(
        "POST",
        f"{_PATH}import/",
        "managed_blueprints_import_create",
        who=able(kind, ADD),
        tag=_TAG,
        answers=BlueprintImportResult,
        openapi_extra={"requestBody": {"content": {"multipart/form-data": {"schema": form}}}},
    )
    async def import_(asking: Asking, request: Request) -> Response:
        name, data, context = await _sent(request)

        def told(level: str, sentences: list[str]) -> list[LogEvent]:
            now = rooms.clock.now()
            return [LogEvent(timestamp=now, log_level=level, logger="blueprints", event=text) for text in sentences]

        try:
            blueprint = await asyncio.to_thread(read, name, data, REQUESTS)
            outcome = await blueprints.apply([Source(blueprint, context=context)], by=asking.actor)
            result = BlueprintImportResult(success=True, logs=told("info", list(lines(outcome, done=True))))
        except BlueprintInvalid as error:
            logs = told("error", [str(problem) for problem in error.problems])
            result = BlueprintImportResult(success=False, logs=logs)
        return JSONResponse(result.model_dump(mode="json"))


async def _sent(request: Request) -> tuple[str, bytes, dict[str, Any]]:
    """Name, bytes and context of a blueprint that was sent, or named by the path of one that is shipped."""
    try:
        async with request.form(max_files=1, max_fields=4, max_part_size=_LARGEST_CONTEXT) as form:
            file, path, context = form.get("file"), form.get("path"), form.get("context")
            name = file.filename or "import" if isinstance(file, UploadFile) else ""
            data = await file.read(REQUESTS.size + 1) if isinstance(file, UploadFile) else b""
    except HTTPException as error:
        raise InvalidInput("blueprint.form", "Send a form with file or path, and context if you like.") from error
    if not name:
        if not isinstance(path, str) or not path:
            raise InvalidInput("blueprint.empty", "Give file or path.")
        one = shipped(path)
        name, data = one.path, one.data
    try:
        given = json.loads(context) if isinstance(context, str) and context else {}
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise InvalidInput("blueprint.context", "context: it is a JSON object.", field="context")
    return name, data, given
