"""Errors in authentik's shapes: a field's faults beside the field, everything else as ``detail`` with ``code``."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ostiary.kit.errors import Conflict, InvalidInput, NotFound, OstiaryError

_log = structlog.get_logger("api")


class NotBuilt(OstiaryError):
    """An operation that authentik has and we do not. HTTP 501."""

    status = 501


class Changed(OstiaryError):
    """The object is no longer as the caller knew it. HTTP 412 (RFC 9110 section 13.1.1)."""

    status = 412


def answer(error: OstiaryError, *, writing: bool = False) -> Response:
    """An error of ours, as the client library reads it.

    What was wrong with a field of the request is 400, also where it names what does not exist or is taken.
    """
    message = error.message
    if error.field and isinstance(error, InvalidInput | Conflict | NotFound) and (writing or error.status == 400):
        return _json(400, {error.field: [error.beside_field()], "code": error.code})
    if error.status == 400:
        return _json(400, {"non_field_errors": [message], "code": error.code})
    response = _json(error.status, {"detail": message, "code": error.code})
    if error.status == 503:
        response.headers["Retry-After"] = "2"
    return response


def install(app: FastAPI) -> None:
    """Makes these the only errors that the application answers."""
    app.add_exception_handler(OstiaryError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, OstiaryError):
        raise error
    if error.status >= 500 and error.status != 501:
        _log.error("request_failed", code=error.code, cause=repr(error.__cause__))
    return answer(error, writing=request.method in ("POST", "PUT", "PATCH"))


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return _json(400, {**faults(error.errors()), "code": "invalid"})


def faults(errors: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """What pydantic found wrong, by field; what is wrong with the whole stands under ``non_field_errors``."""
    found: dict[str, list[str]] = {}
    for one in errors:
        place = [str(part) for part in one["loc"] if part not in ("body", "query", "path")]
        if one["type"] == "json_invalid":
            place = []
        found.setdefault(place[0] if place else "non_field_errors", []).append(_sentence(one, place))
    return found


def _sentence(one: Mapping[str, Any], place: Sequence[str]) -> str:
    if one["type"] == "missing":
        return "This field is required."
    if one["type"] == "json_invalid":
        return "The body is not JSON."
    # The context may repeat the input; the message does not.
    text = str(one["msg"]).removeprefix("Value error, ")
    below = ".".join(place[1:])
    return f"{below}: {text}." if below else f"{text[:1].upper()}{text[1:].rstrip('.')}."


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:
        return _json(404, {"detail": "There is nothing at this address.", "code": "not_found"})
    if error.status_code == 405:
        response = _json(405, {"detail": "This address does not take that method.", "code": "method_not_allowed"})
        response.headers.update({key: value for key, value in (error.headers or {}).items() if key == "Allow"})
        return response
    return _json(error.status_code, {"detail": "The request could not be read.", "code": "unreadable"})


async def _unexpected(request: Request, error: Exception) -> Response:
    # Starlette raises the error again after this answer, so that the server logs it with its stack.
    return _json(
        500, {"detail": "Something went wrong on our side; it has been logged.", "code": "internal.unexpected"}
    )


def _json(status: int, content: Any) -> JSONResponse:
    return JSONResponse(content, status_code=status)
