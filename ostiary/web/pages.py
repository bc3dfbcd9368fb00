"""Renders every HTML page, with the headers that keep it ours."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from ostiary.web.look import PLAIN, Look
from ostiary.web.static import Static

# A source expression of CSP: neither a quote nor what ends it or its directive.
_PICTURE = re.compile(r"https://[a-z0-9.\-]+(:[0-9]+)?/[A-Za-z0-9._~!$&()*+=:@/%-]*")
_ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:[0-9]+)?|https?://\[[0-9a-f:.]+\](:[0-9]+)?")


class Pages:
    """Templates of ``templates/``, escaped always, with no script and no inline style allowed by policy.

    ``title`` is the installation's name on pages whose look has none, ``contact`` whom a person may ask for help ("" =
    nobody named). ``footer_links`` are the administrators' links below every page, each a name and perhaps an address.
    """

    def __init__(self, *, templates: Path, static: Static, title: str, contact: str) -> None:
        self._static = static
        self._title = title
        self._environment = Environment(
            loader=FileSystemLoader(templates),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["contact"] = contact
        self._environment.globals["footer_links"] = lambda: self.footer_links
        self.footer_links: Sequence[Mapping[str, Any]] = ()

    def picture(self, picture: str, assets: str = "") -> str:
        """The address of a look's picture, or of our mark."""
        if picture.startswith("https:"):
            return picture
        return f"{assets}/static/{picture}" if picture else self._static.url("mark.svg", prefix=assets)

    def render(
        self,
        name: str,
        *,
        status: int = 200,
        form_action: tuple[str, ...] = (),
        assets: str = "",
        look: Look = PLAIN,
        **context: Any,
    ) -> HTMLResponse:
        """The page ``templates/<name>``.

        ``form_action`` names the validated origins that the answer to a form on this page may redirect to: a browser
        applies the policy to the whole chain of redirects, so 'self' alone would block a sign-in that ends at an
        application. ``assets`` is the prefix below which static files are routed to us on this page's host, whose
        ``look`` the page has.
        """
        body = self._environment.get_template(name).render(
            **context,
            product=look.title or self._title,
            look=look,
            logo=self.picture(look.logo, assets),
            favicon=self.picture(look.favicon, assets),
            sheets=[
                self._static.url("style.css", prefix=assets),
                *([f"{assets}/static/{look.sheet}"] if look.sheet else []),
            ],
        )
        for origin in form_action:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("a form's target is a canonical origin")
        return HTMLResponse(body, status_code=status, headers=headers(" ".join(["'self'", *form_action]), look.images))


def headers(form_action: str = "'self'", images: tuple[str, ...] = ()) -> dict[str, str]:
    """The headers of every page. Of ``images``, what is no address of a picture is left out."""
    pictures = " ".join(["'self'", *filter(_PICTURE.fullmatch, images)])
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'self'; img-src {pictures}; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action {form_action}"
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
