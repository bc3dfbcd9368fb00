"""``/core/user_consent/``: what people agreed to. No application asks for consent yet, so there is none."""

from typing import Any, Final

from pydantic import BaseModel
from starlette.responses import Response

from ostiary.api.generic import UsedByAnswer, no_such_object
from ostiary.api.operations import SIGNED_IN, Asking, Operations
from ostiary.api.paging import Page, Sized, page_of
from ostiary.objects.kind import Key
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms

_PATH: Final = "/core/user_consent/"
_ONE: Final = "/core/user_consent/{id}/"


class UserConsent(BaseModel):
    """What somebody agreed to."""

    pk: int


class PaginatedUserConsentList(Page[UserConsent]):
    """A page of them."""


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""

    @operations.operation(
        "GET", _PATH, "core_user_consent_list", who=SIGNED_IN, tag="core", answers=PaginatedUserConsentList
    )
    async def consents(
        asking: Asking,
        asked: Sized,
        application: str | None = None,
        user: Key | None = None,
        search: str | None = None,
        ordering: str | None = None,
    ) -> dict[str, Any]:
        return page_of([], asked)

    @operations.operation("GET", _ONE, "core_user_consent_retrieve", who=SIGNED_IN, tag="core", answers=UserConsent)
    async def consent(asking: Asking, id: Key) -> UserConsent:  # noqa: A002 - authentik's
        raise no_such_object()

    @operations.operation("DELETE", _ONE, "core_user_consent_destroy", who=SIGNED_IN, tag="core", status=204)
    async def destroy(asking: Asking, id: Key) -> Response:  # noqa: A002 - authentik's
        raise no_such_object()

    @operations.operation(
        "GET",
        f"{_ONE}used_by/",
        "core_user_consent_used_by_list",
        who=SIGNED_IN,
        tag="core",
        answers=list[UsedByAnswer],
    )
    async def used_by(asking: Asking, id: Key) -> list[UsedByAnswer]:  # noqa: A002 - authentik's
        raise no_such_object()
