"""How the pages of a host look and where their links lead. The room of brands decides which host has which look."""

from dataclasses import dataclass, replace
from typing import Final, Protocol

from starlette.requests import Request

_LOOK: Final = "ostiary.look"
_AT_HOME: Final = "ostiary.at_home"


@dataclass(frozen=True)
class Look:
    """What is empty is ours: our name, our mark, nothing over our style.

    ``domain`` is the host that it was given to. Pictures and ``sheet`` are names of files below ``static/``, pictures
    also https addresses. ``images`` are the further sources that the pages' policy lets pictures come from. Flows are
    slugs; an empty one means that no page links to such a flow. ``default_application`` is the id of the one that
    people from outside are sent to.
    """

    domain: str = ""
    title: str = ""
    logo: str = ""
    favicon: str = ""
    sheet: str = ""
    images: tuple[str, ...] = ()
    authentication: str = "default-authentication-flow"
    invalidation: str = "default-invalidation-flow"
    recovery: str = ""
    unenrollment: str = ""
    user_settings: str = ""
    default_application: str = ""

    def ours(self) -> "Look":
        """The same without pictures from elsewhere, for a page whose policy is fixed."""
        kept = {name: "" for name in ("logo", "favicon") if getattr(self, name).startswith("https:")}
        return replace(self, images=(), **kept)


PLAIN: Final = Look()


class Looks(Protocol):
    """The looks of our hosts, held in memory."""

    async def refresh(self) -> None:
        """Brings them up to date, if the database can be asked; else they stay as they were."""

    def of(self, host: str) -> Look | None:
        """The look of a host that somebody gave one; None for any other host."""

    def otherwise(self) -> Look:
        """The look of our own address, which our pages on applications' hosts have too."""

    async def file(self, name: str) -> tuple[bytes, str] | None:
        """A picture or style sheet by its name, with its media type. Raises `storage.unreachable`."""


class PlainLooks:
    """Nobody gave any host a look."""

    async def refresh(self) -> None:
        """There is nothing to bring up to date."""

    def of(self, host: str) -> Look | None:
        """No host has one."""
        return None

    def otherwise(self) -> Look:
        """Ours."""
        return PLAIN

    async def file(self, name: str) -> tuple[bytes, str] | None:
        """There is none."""
        return None


def look_of(request: Request) -> Look:
    """The look that a request's page has."""
    look = request.scope.get(_LOOK)
    return look if isinstance(look, Look) else PLAIN


def is_at_home(request: Request) -> bool:
    """Whether a request came to a host of ours, and not to an application's."""
    return request.scope.get(_AT_HOME) is True


def settle(request: Request, look: Look, *, at_home: bool) -> None:
    """Says both of a request."""
    request.scope[_LOOK] = look
    request.scope[_AT_HOME] = at_home
