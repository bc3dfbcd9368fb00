"""Pages that ask something: the token that binds a form to its browser and login, and the strict reading of what
comes back.
"""

import hmac
from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import HTMLResponse

from ostiary.kit.errors import InvalidInput, Refused
from ostiary.kit.tokens import b64
from ostiary.sessions.cookie import FORM
from ostiary.storage.secrets import Secrets
from ostiary.web.pages import Pages
from ostiary.web.visits import Visit

_FIELDS = 40
_LONGEST = 8192


class Forms:
    """Shows a page with a form and reads its answer."""

    def __init__(self, *, pages: Pages, secrets: Secrets) -> None:
        self._pages = pages
        self._secrets = secrets

    def page(
        self, visit: Visit, name: str, *, status: int = 200, form_action: tuple[str, ...] = (), **context: Any
    ) -> HTMLResponse:
        """The page, its form carrying ``csrf``; the browser gets its form cookie if it lacks one.

        Of an administrator who acts as somebody else, every page says so and leads back (``acting``).
        """
        acting = visit.session if visit.session is not None and visit.session.impersonator is not None else None
        page = self._pages.render(
            name,
            status=status,
            form_action=form_action,
            look=visit.look,
            csrf=self.token(visit),
            acting=acting,
            **context,
        )
        if visit.browser.fresh:
            page.headers.append("Set-Cookie", FORM.header(visit.browser.cookie, visit.secure))
        return page

    def token(self, visit: Visit) -> str:
        """Proof that a form was made for this browser and this login, and for no other."""
        return self._token(visit, visit.session.id if visit.session else "")

    def _token(self, visit: Visit, session_id: str) -> str:
        return b64(self._secrets.mac("csrf", visit.browser.secret + session_id.encode()))

    def genuine(self, visit: Visit, fields: dict[str, str], *, signing_in: bool = False) -> bool:
        """Whether the answer came from a form that we made for this browser and this login.

        A form for ``signing_in`` may also have been made before the login: another tab was quicker.
        """
        if visit.browser.fresh:
            return False
        given = fields.get("csrf", "").encode()
        before = signing_in and hmac.compare_digest(self._token(visit, "").encode(), given)
        return before or hmac.compare_digest(self.token(visit).encode(), given)

    async def read(self, visit: Visit) -> dict[str, str]:
        """The fields of a form. Raises `form.unreadable` for what no form of ours sends."""
        request = visit.request
        if (
            request.headers.get("content-type", "").partition(";")[0].strip().lower()
            != "application/x-www-form-urlencoded"
        ):
            raise InvalidInput("form.unreadable", "The request is not a form; send application/x-www-form-urlencoded.")
        body = await request.body()
        try:
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(body),
                errors="strict",
                max_num_fields=_FIELDS,
            )
        except ValueError as error:
            raise InvalidInput("form.unreadable", "The form could not be read; go back and send it again.") from error
        fields = dict(pairs)
        # Two values of one name would let two readers of the form see two different forms.
        if len(fields) != len(pairs):
            raise InvalidInput("form.repeated", "A field came twice; go back and send the form again.")
        if any(len(value) > _LONGEST or "\0" in value for value in fields.values()):
            raise InvalidInput("form.unreadable", f"A field is longer than {_LONGEST} characters or holds a NUL.")
        return fields

    async def checked(self, visit: Visit) -> dict[str, str]:
        """The fields of a form that is ours. Raises `form.not_ours`, which says how to go on."""
        fields = await self.read(visit)
        if not self.genuine(visit, fields):
            raise Refused("form.not_ours", NOT_OURS)
        return fields


NOT_OURS = "This page has grown old, or your browser did not send our cookie back. Nothing was done: please try again."
