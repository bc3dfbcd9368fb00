"""What an application's texts may hold. Each function returns the form to store, or refuses."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from ostiary.kit.errors import InvalidInput
from ostiary.kit.given import refuse_unknown
from ostiary.kit.urls import parse_origin

# Addresses below /application/o/ that are no application's.
RESERVED_SLUGS: Final = frozenset({"authorize", "token", "device", "userinfo", "introspect", "revoke"})

_SLUG: Final = re.compile(r"[-a-zA-Z0-9_]{1,50}")
_LONGEST_LINE: Final = 255
_LONGEST_URL: Final = 2_000
_ADDRESS: Final = re.compile(r"(https?://[^/?#]*)([/?#][!-~]*)?", re.IGNORECASE)
_OWN_PATH: Final = re.compile(r"/(?![/\\])[!-~]*")
_SCHEME: Final = re.compile(r"\s*([a-z][a-z0-9+.-]*)\s*:", re.IGNORECASE)


def slug(text: str) -> str:
    """An application's short name in addresses."""
    if not _SLUG.fullmatch(text):
        raise _invalid("slug", "use 1 to 50 letters, digits, - and _, such as hello.")
    if text.lower() in RESERVED_SLUGS:
        raise InvalidInput(
            "application.slug_reserved",
            f"slug: {text} is an address of the sign-in itself; choose another.",
            field="slug",
        )
    return text


def name(text: str) -> str:
    """What people read."""
    line = _line("name", text)
    if not line:
        raise _invalid("name", "it is not empty; write what people shall read, such as Hello.")
    return line


def group(text: str) -> str:
    """The heading it is shown under; may be empty."""
    return _line("group", text)


def description(text: str) -> str:
    """One line; may be empty."""
    return _line("description", text)


def publisher(text: str) -> str:
    """Who made it, one line; may be empty."""
    return _line("publisher", text)


def open_in_new_tab(value: Any) -> bool:
    """Whether its tile opens beside the page that it stands on."""
    return _boolean("open_in_new_tab", value)


def hidden(value: Any) -> bool:
    """Whether people's pages leave it out, whoever may open it."""
    return _boolean("hidden", value)


def contact(text: str) -> str:
    """Whom a refused person may ask: a name, an address, a web page; may be empty."""
    line = _line("contact", text)
    scheme = _SCHEME.match(line)
    if scheme and scheme[1].lower() not in ("http", "https", "mailto", "tel"):
        raise _invalid("contact", "use a name, an e-mail address or a web address, such as help@example.com.")
    return line


def launch_url(text: str) -> str:
    """Where the tile leads: an http or https address, or nothing for the application's own."""
    return _address("launch_url", text.strip()) if text.strip() else ""


def icon(text: str) -> str:
    """A picture: an http or https address, a path of this server, or nothing."""
    text = text.strip()
    if not text or (len(text) <= _LONGEST_URL and _OWN_PATH.fullmatch(text)):
        return text
    return _address("icon", text)


def access(text: str) -> str:
    """Who may open it: ``everyone`` who is signed in, or only those ``bound`` to it."""
    return _one_of("access", text, ("everyone", "bound"))


def policy_engine_mode(text: str) -> str:
    """Whether ``any`` binding suffices or ``all`` are needed."""
    return _one_of("policy_engine_mode", text, ("any", "all"))


CLEAN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "slug": slug,
    "name": name,
    "group": group,
    "icon": icon,
    "launch_url": launch_url,
    "description": description,
    "contact": contact,
    "publisher": publisher,
    "open_in_new_tab": open_in_new_tab,
    "hidden": hidden,
    "access": access,
    "policy_engine_mode": policy_engine_mode,
}
"""Field → what makes its value fit to be stored."""


def cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    """All of these fields, fit to be stored. Raises `application.*`."""
    refuse_unknown("application", "an application", values, CLEAN)
    return {key: CLEAN[key](value) for key, value in values.items()}


def _address(field: str, text: str) -> str:
    # Whatever leads a browser somewhere is http or https: `javascript:`, `data:` and the like would run as us.
    parts = _ADDRESS.fullmatch(text) if len(text) <= _LONGEST_URL else None
    if parts is None:
        raise _invalid(field, "use an address such as https://hello.example.com/start.")
    try:
        origin = parse_origin(parts[1], field)
    except InvalidInput as error:
        raise _invalid(field, "use an address such as https://hello.example.com/start.") from error
    return str(origin) + (parts[2] or "")


def _boolean(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _invalid(field, "it is true or false.")
    return value


def _one_of(field: str, text: str, words: tuple[str, ...]) -> str:
    if text not in words:
        raise _invalid(field, f"it is one of {', '.join(words)}.")
    return text


def _line(field: str, text: str) -> str:
    line = unicodedata.normalize("NFC", text[: 4 * _LONGEST_LINE]).strip()
    if len(line) > _LONGEST_LINE or len(text) > 4 * _LONGEST_LINE or not line.isprintable():
        raise _invalid(field, f"use one line of at most {_LONGEST_LINE} visible characters.")
    return line


def _invalid(field: str, fault: str) -> InvalidInput:
    return InvalidInput(f"application.{field}_invalid", f"{field}: {fault}", field=field)
