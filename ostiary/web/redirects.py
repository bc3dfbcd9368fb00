"""The way on after a form, and from one page of ours to another."""

from starlette.responses import RedirectResponse


def see_other(location: str) -> RedirectResponse:
    """303 (RFC 9110 section 15.4.4), kept by no cache, telling the next page nothing of this one."""
    headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return RedirectResponse(location, status_code=303, headers=headers)
