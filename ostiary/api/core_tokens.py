"""``/core/tokens/``: tokens, and their keys."""

from typing import Any, Final

from pydantic import BaseModel, Field
from starlette.responses import Response

from ostiary.api.generic import Generic
from ostiary.api.operations import SIGNED_IN, Asking, Operations
from ostiary.api.targets import target
from ostiary.directory.tokens import RECOVERY
from ostiary.objects.kind import Caller, Fields
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms
from ostiary.objects.tokens import may_get_in_as, recovery_is_fixed, refuse_while_acting
from ostiary.storage.session import Reading

VIEW_KEY: Final = "authentik_core.view_token_key"
SET_KEY: Final = "authentik_core.set_token_key"


class TokenView(BaseModel):
    """A token's key."""

    key: str


class TokenSetKeyRequest(Fields):
    """A key that was chosen elsewhere."""

    key: str = Field(min_length=1)


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    kind = kinds["authentik_core.token"]

    async def reached(r: Reading, identifier: str, asking: Caller, codename: str) -> Any:
        """A token of one's own, or with the permission one of somebody as whom one may act."""
        token = await r.scalar(kind.every().where(kind.key == identifier, kind.owner == asking.user_id))
        if token is None:
            token = await target(r, kind, identifier, asking, codename)
            await may_get_in_as(r, asking, token.user_id)
        refuse_while_acting(asking)
        return token

    @operations.operation(
        "GET",
        "/core/tokens/{identifier}/view_key/",
        "core_tokens_view_key_retrieve",
        who=SIGNED_IN,
        tag="core",
        answers=TokenView,
    )
    async def view_key(asking: Asking, identifier: str) -> TokenView:
        async with rooms.database.together() as w:
            await reached(w, identifier, asking, VIEW_KEY)
            return TokenView(key=await rooms.tokens.view_key(identifier, by=asking.actor))

    @operations.operation(
        "POST",
        "/core/tokens/{identifier}/set_key/",
        "core_tokens_set_key_create",
        who=SIGNED_IN,
        tag="core",
        status=204,
    )
    async def set_key(asking: Asking, identifier: str, body: TokenSetKeyRequest) -> Response:
        async with rooms.database.together() as w:
            token = await reached(w, identifier, asking, SET_KEY)
            if token.intent == RECOVERY:
                raise recovery_is_fixed()
            await rooms.tokens.set_key(identifier, body.key, by=asking.actor)
        return Response(status_code=204)

    Generic(operations, rooms.database, kind, path="/core/tokens/", prefix="core_tokens", key="identifier")
