"""``/stages/``: the steps of flows, each type at its own address, and all together."""

from typing import Any

from pydantic import BaseModel

from ostiary.api.generic import Generic
from ostiary.api.operations import SIGNED_IN, Asking, Operations, able
from ostiary.api.types import TypeCreate
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms
from ostiary.objects.stage_words import DESCRIPTIONS, WORDS

_ALL = "authentik_flows.stage"


class UserSetting(BaseModel):
    """What a person may set of a stage."""

    object_uid: str
    component: str
    title: str
    configure_url: str | None = None
    icon_url: str | None = None


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    every = kinds[_ALL]

    @operations.operation(
        "GET", "/stages/all/types/", "stages_all_types_list", who=able(every), tag="stages", answers=list[TypeCreate]
    )
    async def types(asking: Asking) -> list[TypeCreate]:
        """The types that exist here."""
        return [TypeCreate.of(kinds[WORDS[kind].label], told) for kind, told in DESCRIPTIONS.items()]

    @operations.operation(
        "GET",
        "/stages/all/user_settings/",
        "stages_all_user_settings_list",
        who=SIGNED_IN,
        tag="stages",
        answers=list[UserSetting],
    )
    async def user_settings(asking: Asking) -> list[dict[str, Any]]:
        """No stage that exists has anything for a person to set."""
        return []

    Generic(operations, rooms.database, every, path="/stages/all/", prefix="stages_all", key="stage_uuid", does="LRDB")
    for kind in DESCRIPTIONS:
        Generic(
            operations,
            rooms.database,
            kinds[WORDS[kind].label],
            path=f"/stages/{kind}/",
            prefix=f"stages_{kind}",
            key="stage_uuid",
        )
