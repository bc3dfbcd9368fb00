"""What stands before every page: the cap on bodies, and the refusal of hosts that are not ours."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostiary.kit.errors import OstiaryError
from ostiary.kit.proxies import Proxies
from ostiary.kit.urls import fold_host
from ostiary.web.address import Address
from ostiary.web.errors import Errors
from ostiary.web.peer import client

BODY_BYTES = 65_536
API_BODY_BYTES = 1_048_576

# These look an application up by its own host, or answer by path alone.
_ANY_HOST = ("/outpost.goauthentik.io/", "/ostiary/", "/-/")


class TooLarge(OstiaryError):
    """The body is larger than any form of ours. HTTP 413."""

    status = 413


class BodyCap:
    """Stops reading a request body after ``BODY_BYTES``, whatever its Content-Length says; the API's after
    ``API_BODY_BYTES``, which hold a large blueprint.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken, most = 0, API_BODY_BYTES if scope["path"].startswith("/api/") else BODY_BYTES

        async def capped() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise TooLarge("request.too_large", f"The request is larger than {most // 1024} kB.")
            return message

        await self._app(scope, capped, send)


class OwnHost:
    """Answers 421 (RFC 9110 section 15.5.20) to a page asked for under a host that is not ours."""

    def __init__(self, app: ASGIApp, *, address: Address, proxies: Proxies, errors: Errors) -> None:
        self._app = app
        self._address = address
        self._proxies = proxies
        self._errors = errors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(_ANY_HOST):
            request = Request(scope)
            base_url = await self._address.base_url()
            if base_url is not None and client(request, self._proxies).host != fold_host(urlsplit(base_url).netloc):
                message = f"This is not the address of this page. It is found at {base_url}, and only there."
                await self._errors.answer(request, 421, "host.not_ours", message, base_url)(scope, receive, send)
                return
        await self._app(scope, receive, send)
