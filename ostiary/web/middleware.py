"""What stands before every page: the cap on bodies, the look of the host, and the refusal of hosts not ours."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostiary.kit.errors import OstiaryError
from ostiary.kit.proxies import Proxies
from ostiary.kit.urls import fold_host
from ostiary.web.address import Address
from ostiary.web.errors import Errors
from ostiary.web.look import Looks, settle
from ostiary.web.peer import client

BODY_BYTES = 65_536
API_BODY_BYTES = 1_048_576

# These look an application up by its own host.
_ANY_HOST = ("/outpost.goauthentik.io/", "/ostiary/")
# These answer by path alone.
_NO_HOST = "/-/"


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
    """Answers 421 (RFC 9110 section 15.5.20) to a page asked for under a host that is not ours.

    Ours are the host of our own address and every host that has a look.
    """

    def __init__(self, app: ASGIApp, *, address: Address, proxies: Proxies, errors: Errors, looks: Looks) -> None:
        self._app = app
        self._address = address
        self._proxies = proxies
        self._errors = errors
        self._looks = looks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(_NO_HOST):
            request = Request(scope)
            host = client(request, self._proxies).host
            await self._looks.refresh()
            look = self._looks.of(host)
            base_url = await self._address.base_url()
            own = look is not None or base_url is None or host == fold_host(urlsplit(base_url).netloc)
            settle(request, look or self._looks.otherwise(), at_home=own)
            if not own and not scope["path"].startswith(_ANY_HOST):
                message = f"This is not the address of this page. It is found at {base_url}, and only there."
                await self._errors.answer(request, 421, "host.not_ours", message, base_url)(scope, receive, send)
                return
        await self._app(scope, receive, send)
