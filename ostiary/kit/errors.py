"""Errors that a person or a client may see.

An error has a stable code, a public sentence and, where one applies, the field it belongs to. The private cause stays
in ``__cause__`` and in the log; no face ever shows it.
"""


class OstiaryError(Exception):
    """The root. ``code`` is stable (`area.reason`), ``message`` one public sentence, ``field`` the input it is of."""

    status = 500

    def __init__(self, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.field = field

    def beside_field(self) -> str:
        """The sentence for a page that shows it next to the field, which then need not be named again."""
        text = self.message.removeprefix(f"{self.field}: ")
        return text[:1].upper() + text[1:]


class InvalidInput(OstiaryError):
    """What was given cannot be used; the sentence says what would be right. HTTP 400, exit status 2."""

    status = 400


class NotFound(OstiaryError):
    """Nothing of that name exists. HTTP 404, exit status 2."""

    status = 404


class Conflict(OstiaryError):
    """It exists already, or is in use; the sentence says by whom. HTTP 409, exit status 2."""

    status = 409


class Refused(OstiaryError):
    """The caller is known and may not do this. HTTP 403, exit status 2."""

    status = 403


class Unavailable(OstiaryError):
    """It cannot be known or done right now; trying again later may help. HTTP 503, exit status 1."""

    status = 503
