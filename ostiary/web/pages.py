"""Renders every HTML page, with the headers that keep it ours."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from ostiary.web.static import Static

_ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:[0-9]+)?|https?://\[[0-9a-f:.]+\](:[0-9]+)?")


class Pages:
    """Templates of ``templates/``, escaped always, with no script and no inline style allowed by policy.

    ``title`` is the installation's name on every page, ``contact`` whom a person may ask for help ("" = nobody named).
    ``footer_links`` are the administrators' links below every page, each a name and perhaps an address.
    """

    def __init__(self, *, templates: Path, static: Static, title: str, contact: str) -> None:
        self._static = static
        self._environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["product"] = title
        self._environment.globals["contact"] = contact
        self._environment.globals["footer_links"] = lambda: self.footer_links
        self.footer_links: Sequence[Mapping[str, Any]] = ()

    def render(
        self,
        name: str,
        *,
        status: int = 200,
        form_action: tuple[str, ...] = (),
        assets: str = "",
        **context: Any,
    ) -> HTMLResponse:
        """The page ``templates/<name>``.

        ``form_action`` names the validated origins that the answer to a form on this page may redirect to: a browser
        applies the policy to the whole chain of redirects, so 'self' alone would block a sign-in that ends at an
        application. ``assets`` is the prefix below which static files are routed to us on this page's host.
        """
        body = self._environment.get_template(name).render(
            **context, asset=lambda file: self._static.url(file, prefix=assets)
        )
        for origin in form_action:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("a form's target is a canonical origin")
        return HTMLResponse(body, status_code=status, headers=headers(" ".join(["'self'", *form_action])))


def headers(form_action: str = "'self'") -> dict[str, str]:
    """The headers of every page."""
    return {
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action {form_action}"
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
