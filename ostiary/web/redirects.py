"""The way on after a form, from one page of ours to another, and to an application."""

from starlette.responses import RedirectResponse, Response


def see_other(location: str) -> RedirectResponse:
    """303 (RFC 9110 section 15.4.4), kept by no cache, telling the next page nothing of this one."""
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(location, status_code=303, headers=headers)


def see_as_written(url: str) -> Response:
    """The same to an address that is ours or an application's, which goes out byte for byte as it came."""
    headers = {"Location": url, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(status_code=303, headers=headers)
