"""``/core/users/{id}/impersonate/`` and ``…/impersonate_end/``: a session acts as another person, and returns."""

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from ostiary.api.operations import SIGNED_IN, Asking, Operations, holding
from ostiary.api.targets import target
from ostiary.directory.impersonation import CODENAME
from ostiary.kit.errors import Refused
from ostiary.objects.kind import Fields, Key
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms
from ostiary.sessions.cookie import LOGIN


class ImpersonationRequest(Fields):
    """Why an administrator acts as somebody."""

    reason: str = Field("", max_length=255)


def mount(operations: Operations, kinds: Kinds, rooms: Rooms) -> None:
    """Adds the operations."""
    kind = kinds["authentik_core.user"]

    @operations.operation(
        "POST",
        "/core/users/{id}/impersonate/",
        "core_users_impersonate_create",
        who=holding(CODENAME),
        tag="core",
        status=204,
    )
    async def begin(request: Request, asking: Asking, id: Key, body: ImpersonationRequest) -> Response:  # noqa: A002 - authentik's
        if asking.session_id is None:
            raise Refused(
                "impersonation.no_session", "A token acts as its owner alone; sign in with a browser to act as others."
            )
        async with rooms.database.together() as w:
            await target(w, kind, id, asking, CODENAME)
            value = await rooms.impersonation.begin(
                asking.session_id, id, reason=body.reason, client_ip=asking.actor.client_ip
            )
        return _with_cookie(request, value)

    @operations.operation(
        "GET",
        "/core/users/impersonate_end/",
        "core_users_impersonate_end_retrieve",
        who=SIGNED_IN,
        tag="core",
        status=204,
    )
    async def end(request: Request, asking: Asking) -> Response:
        # A GET that changes something: authentik's is one. No other site's page decides when.
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refused("api.csrf", "Another site may not ask for this.")
        if asking.session_id is None:
            return Response(status_code=204)
        value = await rooms.impersonation.end(asking.session_id, client_ip=asking.actor.client_ip)
        return Response(status_code=204) if value is None else _with_cookie(request, value)


def _with_cookie(request: Request, value: str) -> Response:
    return Response(status_code=204, headers={"Set-Cookie": LOGIN.header(value, request.state.visit.secure)})
