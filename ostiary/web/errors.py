"""One way to say that something went wrong: a page to a person, JSON to a program.

Neither repeats the request: no path, no header, no field comes back, so that nothing written there can become markup
or a link.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.kit.errors import NotFound, OstiaryError
from ostiary.web.look import look_of
from ostiary.web.pages import Pages
from ostiary.web.static import Static

_log = structlog.get_logger("web")

_TITLES: Final[Mapping[int, str]] = {
    400: "That did not work",
    403: "Not allowed",
    404: "Nothing here",
    405: "That did not work",
    409: "That did not work",
    413: "Too large",
    421: "Not this address",
    503: "Not right now",
}


class Errors:
    """Renders errors. Hand ``handlers()`` to Starlette."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def handlers(self) -> dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]:
        """By type of error. The last one also ends the request's log line."""
        return {OstiaryError: self._ours, HTTPException: self._http, Exception: self._unexpected}

    def answer(self, request: Request, status: int, code: str, message: str, link: str | None = None) -> Response:
        """The error as whoever asked can read it. ``link`` is where a person can go on; our own start page if None."""
        if "text/html" in request.headers.get("accept", ""):
            prefix = Static.prefix(request.url.path)
            return self._pages.render(
                "error.html",
                status=status,
                assets=prefix,
                look=look_of(request),
                heading=_TITLES.get(status, "Something went wrong"),
                message=message,
                code=code,
                # Below a prefix we may be on an application's host, whose start page is not ours.
                link=link or ("" if prefix or status >= 500 else "/"),
            )
        return JSONResponse(
            {"error": code, "message": message},
            status_code=status,
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )

    async def _ours(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, OstiaryError):
            raise error
        if error.status >= 500:
            _log.error("request_failed", code=error.code, cause=repr(error.__cause__))
        response = self.answer(request, error.status, error.code, error.message)
        if error.status == 503:
            response.headers["Retry-After"] = "2"
        return response

    async def _http(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 404:
            not_found = NotFound(
                "page.not_found", "There is nothing at this address. Check it, or go back to where you came from."
            )
            return await self._ours(request, not_found)
        response = self.answer(request, status, "request.refused", "This page cannot be used in this way.")
        if isinstance(error, HTTPException) and error.headers and "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response

    async def _unexpected(self, request: Request, error: Exception) -> Response:
        if isinstance(error, OstiaryError):
            return await self._ours(request, error)
        # Starlette raises the error again after this answer, so that the server logs it with its stack.
        return self.answer(
            request,
            500,
            "internal.unexpected",
            "Something went wrong on our side. It has been logged; please try again.",
        )
