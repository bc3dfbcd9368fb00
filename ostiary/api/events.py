"""``/events/events/``: the audit log, its actions and its numbers."""

import inspect
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import ColumnElement

from ostiary.api.generic import Generic
from ostiary.api.operations import Asking, Operations, able
from ostiary.api.types import TypeCreate
from ostiary.events.catalog import AUTHENTIKS
from ostiary.events.statistics import happened, people, top_applications, volume
from ostiary.kit.durations import parse_duration
from ostiary.kit.errors import InvalidInput
from ostiary.objects.event_numbers import EventStats, EventTopPerUser, EventVolume
from ostiary.objects.events import application, name_of
from ostiary.objects.kind import Caller, Kind
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms
from ostiary.storage.session import Reading

_PATH, _PREFIX, _TAG = "/events/events/", "events_events", "events"
_MOST_STEPS = 20


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations. Those with a word for a key come before the one that takes any key."""
    kind = kinds["authentik_events.event"]

    @operations.operation(
        "GET", f"{_PATH}actions/", f"{_PREFIX}_actions_list", who=able(kind), tag=_TAG, answers=list[TypeCreate]
    )
    async def actions(asking: Asking) -> list[dict[str, Any]]:
        return [
            {"name": name, "description": "", "component": action, "model_name": ""}
            for action, name in AUTHENTIKS.items()
        ]

    _numbers(operations, kind, rooms)
    Generic(operations, rooms.database, kind, path=_PATH, prefix=_PREFIX, key="event_uuid", does="LCRUPD")


def _numbers(operations: Operations, kind: Kind, rooms: Rooms) -> None:
    database, clock = rooms.database, rooms.clock

    async def volumes(
        asking: Caller, history_days: Annotated[int, Query(ge=1, le=3650)] = 7, **given: Any
    ) -> list[dict[str, Any]]:
        async with database.reading() as r:
            found = await volume(r, await _conditions(r, kind, asking, given), now=clock.now(), days=history_days)
        return [{"action": name_of(one.action), "time": one.time, "count": one.count} for one in found]

    async def tops(
        asking: Caller, top_n: Annotated[int, Query(ge=1, le=1000)] = 15, **given: Any
    ) -> list[dict[str, Any]]:
        async with database.reading() as r:
            found = await top_applications(r, await _conditions(r, kind, asking, given), most=top_n)
        return [
            {"application": application(one.application), "counted_events": one.events, "unique_users": one.users}
            for one in found
        ]

    async def stats(asking: Caller, count_steps: Annotated[list[str], Query()], **given: Any) -> dict[str, Any]:
        if len(count_steps) > _MOST_STEPS:
            raise InvalidInput(
                "event.steps_too_many", f"count_steps: give at most {_MOST_STEPS} of them.", field="count_steps"
            )
        steps = {text: timedelta(seconds=parse_duration(text, field="count_steps")) for text in count_steps}
        async with database.reading() as r:
            conditions = await _conditions(r, kind, asking, given)
            counted = {
                text: await happened(r, conditions, since=clock.now() - length) for text, length in steps.items()
            }
            return {"unique_users": await people(r, conditions), "count_step": counted}

    for name, handler, answers in (
        ("volume", volumes, list[EventVolume]),
        ("top_per_user", tops, list[EventTopPerUser]),
        ("stats", stats, EventStats),
    ):
        suffix = "retrieve" if name == "stats" else "list"
        operations.add(
            "GET",
            f"{_PATH}{name}/",
            f"{_PREFIX}_{name}_{suffix}",
            _filtered(handler, kind),
            who=able(kind),
            tag=_TAG,
            answers=answers,
        )


async def _conditions(r: Reading, kind: Kind, caller: Caller, given: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """What the filters ask for, of what the caller may see."""
    wanted = kind.narrowing(given)
    visible = await kind.visible(r, caller)
    return wanted if visible is None else [*wanted, visible]


def _filtered(handler: Any, kind: Kind) -> Any:
    """The handler with the kind's filters as parameters, which FastAPI reads from its signature."""
    own = [one for one in inspect.signature(handler).parameters.values() if one.kind is not one.VAR_KEYWORD]
    own = [one.replace(kind=one.KEYWORD_ONLY) for one in own]
    own = [one.replace(annotation=Asking) if one.name == "asking" else one for one in own]
    filters = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[one.type | None, Query()], default=None
        )
        for name, one in kind.filters.items()
    ]
    handler.__signature__ = inspect.Signature([*own, *filters])
    return handler
