"""What the texts of people, groups and tokens may hold. Each function returns the form to store, or refuses."""

import json
import re
import unicodedata
from typing import Any

from ostiary.kit.errors import InvalidInput

_LONGEST_NAME = 255
_LONGEST_GROUP_NAME = 150
_LONGEST_EMAIL = 254
_LONGEST_PATH = 255
_LONGEST_TEXT = 1024
_MOST_ATTRIBUTES = 16_384
_DEEPEST = 16

_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_DOMAIN = re.compile(r"([^\W_]([\w-]{0,61}[^\W_])?)(\.[^\W_]([\w-]{0,61}[^\W_])?)*")
_PATH = re.compile(r"[\w.@+~-][\w.@+~ -]*(/[\w.@+~-][\w.@+~ -]*)*")
_IDENTIFIER = re.compile(r"[-a-zA-Z0-9_]{1,255}")
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,255}")

# Characters that turn the reading direction: harmless letters would show as somebody else's name.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def person_name(text: str) -> str:
    """A person's name as it is shown: one line, at most 255 characters, may be empty."""
    return _line(text, "name", "user.name_invalid", _LONGEST_NAME)


def description(text: str) -> str:
    """One line of at most 1,024 characters, may be empty."""
    return _line(text, "description", "description.invalid", _LONGEST_TEXT)


def group_name(text: str) -> str:
    """A group's name: one line, 1 to 150 characters, without ``|``, which separates groups in the header."""
    name = _line(text, "name", "group.name_invalid", _LONGEST_GROUP_NAME)
    if not name or "|" in name:
        raise InvalidInput(
            "group.name_invalid", "name: a group's name is not empty and holds no |; choose another.", field="name"
        )
    return name


def role_name(text: str) -> str:
    """A role's name: one line, 1 to 150 characters."""
    name = _line(text, "name", "role.name_invalid", _LONGEST_GROUP_NAME)
    if not name:
        raise InvalidInput("role.name_invalid", "name: a role has one; give it.", field="name")
    return name


def email(text: str) -> str:
    """An address in lower case, or nothing: one ``@``, no quoted part, no space (RFC 5321 4.1.2, the plain half)."""
    address = unicodedata.normalize("NFC", text.strip()).lower() if len(text) <= 2 * _LONGEST_EMAIL else text
    local, at, domain = address.partition("@")
    whole = at and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain) and len(address) <= _LONGEST_EMAIL
    if address and not whole:
        raise InvalidInput(
            "user.email_invalid",
            "email: it is not an address with one @ and at most 254 characters, such as jane@example.com.",
            field="email",
        )
    return address


def path(text: str) -> str:
    """Where a user is filed: names joined by ``/``, such as ``users/staff``."""
    if len(text) > _LONGEST_PATH or not _PATH.fullmatch(text) or ".." in text.split("/"):
        raise InvalidInput(
            "user.path_invalid",
            "path: it is not a list of names joined by single slashes, such as users/staff, of at most 255 characters.",
            field="path",
        )
    return text


def identifier(text: str) -> str:
    """A token's name: letters, digits, ``-`` and ``_``, at most 255."""
    if not _IDENTIFIER.fullmatch(text):
        raise InvalidInput(
            "token.identifier_invalid",
            "identifier: use 1 to 255 letters, digits, - and _, such as backup-job.",
            field="identifier",
        )
    return text


def application_slug(text: str) -> str:
    """The slug of the application that an app password opens."""
    if not _SLUG.fullmatch(text):
        raise InvalidInput(
            "token.application_invalid",
            "application: give the slug of an application: letters, digits, - and _, such as hello.",
            field="application",
        )
    return text


def attributes(value: Any) -> dict[str, Any]:
    """A JSON object of at most 16 KiB and 16 levels, without what databases refuse (NUL, lone surrogates, NaN)."""
    if not isinstance(value, dict):
        raise _attributes_invalid('is not a JSON object, such as {"room": "12"}')
    if _depth(value, 0) > _DEEPEST:
        raise _attributes_invalid(f"is nested deeper than {_DEEPEST} levels")
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
        copy: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError) as error:
        raise _attributes_invalid("holds something that JSON cannot hold, such as NaN") from error
    if size > _MOST_ATTRIBUTES:
        raise _attributes_invalid(f"is larger than {_MOST_ATTRIBUTES // 1024} KiB")
    if "\\u0000" in text:
        raise _attributes_invalid("holds a NUL character")
    return copy


def attributes_from_json(text: str) -> dict[str, Any]:
    """The same from a text, as the command line takes it."""
    try:
        return attributes(json.loads(text))
    except (json.JSONDecodeError, RecursionError) as error:
        raise _attributes_invalid('is not a JSON object, such as {"room": "12"}') from error


def _attributes_invalid(fault: str) -> InvalidInput:
    return InvalidInput("attributes.invalid", f"attributes: it {fault}; give a smaller, plain one.", field="attributes")


def _depth(value: Any, depth: int) -> int:
    if depth > _DEEPEST:
        return depth
    if isinstance(value, dict):
        return max((_depth(entry, depth + 1) for entry in value.values()), default=depth + 1)
    if isinstance(value, list | tuple):
        return max((_depth(entry, depth + 1) for entry in value), default=depth + 1)
    return depth


def _line(text: str, field: str, code: str, longest: int) -> str:
    line = unicodedata.normalize("NFC", text).strip() if len(text) <= 4 * longest else text
    if len(line) > longest:
        raise InvalidInput(code, f"{field}: it is longer than {longest} characters; choose a shorter one.", field=field)
    if any(unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} or sign in _TURNING for sign in line):
        raise InvalidInput(code, f"{field}: it holds a control character or a line break; use plain text.", field=field)
    return line
