"""The API whole: every resource mounted, and what stands before all of them."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostiary.api import (
    admin,
    applications,
    brands,
    browser,
    core_groups,
    core_sessions,
    core_tokens,
    core_user_consent,
    core_users,
    crypto,
    errors,
    events,
    executor,
    flows,
    managed,
    outposts,
    policies,
    property_mappings,
    providers,
    rbac,
    simulation,
    stages,
)
from ostiary.api.caller import CSRF_HEADER, SAFE, Callers
from ostiary.api.operations import Operations
from ostiary.flows.programs import FlowPrograms
from ostiary.kit.errors import InvalidInput, OstiaryError
from ostiary.objects.kinds import Kinds
from ostiary.objects.rooms import Rooms
from ostiary.web.middleware import API_BODY_BYTES, BODY_BYTES, TooLarge
from ostiary.web.pages import Pages

_OURS: Final[Mapping[bytes, bytes]] = {b"cache-control": b"no-store", b"x-content-type-options": b"nosniff"}
AREAS: Final = (
    admin,
    applications,
    core_groups,
    core_sessions,
    core_tokens,
    core_user_consent,
    core_users,
    crypto,
    events,
    flows,
    managed,
    outposts,
    policies,
    property_mappings,
    providers,
    rbac,
    simulation,
    stages,
)


def operations(kinds: Kinds, rooms: Rooms, pages: Pages, programs: FlowPrograms) -> Operations:
    """Every operation, with who may call it."""
    built = Operations(made=rbac.initial_permissions(rooms))
    for area in AREAS:
        area.mount(built, kinds, rooms)
    executor.mount(built, kinds, rooms, programs)
    brands.mount(built, kinds, rooms, pages)
    browser.mount(built, pages)
    return built


def application(built: Operations) -> FastAPI:
    """The operations as FastAPI answers and describes them."""
    app = FastAPI(title="Ostiary", version="3.0.0", openapi_url=None, docs_url=None, redoc_url=None)
    # FastAPI's own correction of a missing slash builds an absolute address from the Host header.
    app.router.redirect_slashes = False
    app.include_router(built.router())
    errors.install(app)
    return app


def build(kinds: Kinds, rooms: Rooms, callers: Callers, pages: Pages, programs: FlowPrograms) -> ASGIApp:
    """What is mounted at ``/api/v3/``."""
    return Before(application(operations(kinds, rooms, pages, programs)), callers)


class Before:
    """Finds out who asks, before anything else of the request is read; no answer is kept by anybody on the way.

    A body takes as long as its sender likes, and what they held when they began to send it may be gone at its end. So
    it is asked again who they are when it is whole. Strangers send no more than a form of ours holds.
    """

    def __init__(self, app: ASGIApp, callers: Callers) -> None:
        self._app = app
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        ours = dict(_OURS)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [(name, value) for name, value in message["headers"] if name not in ours]
                message = {**message, "headers": [*headers, *ours.items()]}
            await send(message)

        try:
            if b"\0" in unquote_to_bytes(scope["raw_path"]) or b"\0" in unquote_to_bytes(scope["query_string"]):
                raise InvalidInput("api.unreadable", "The address holds a NUL.")
            caller, visit = await self._callers.of(request)
            if request.method not in SAFE:
                receive = await _whole(receive, BODY_BYTES if caller.user_id is None else API_BODY_BYTES)
                caller, visit = await self._callers.of(Request(scope, receive))
        except OstiaryError as error:
            await errors.answer(error)(scope, receive, marked)
            return
        scope.setdefault("state", {}).update(caller=caller, visit=visit, database=self._callers.database)
        if visit is not None and visit.session is not None:
            ours[CSRF_HEADER.lower().encode()] = self._callers.csrf(visit).encode()
        await self._app(scope, receive, marked)


async def _whole(receive: Receive, most: int) -> Receive:
    """Waits for the whole body, and gives it again. Raises `request.too_large`."""
    sent: list[Message] = []
    size = 0
    while not sent or sent[-1].get("more_body", False):
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise TooLarge("request.too_large", f"The request is larger than {most // 1024} kB.")
        sent.append(message)
    given = iter(sent)

    async def again() -> Message:
        return next(given, None) or await receive()

    return again
