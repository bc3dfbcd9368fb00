"""What an application is told of a person: which headers, under which names, and which of the person's groups."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ostiary.applications.values import invalid, mapping, text, texts
from ostiary.kit.errors import InvalidInput
from ostiary.kit.header_names import header_name
from ostiary.kit.patterns import compile_pattern

STYLES: Final = ("authentik", "remote", "own")
PARTS: Final = ("username", "groups", "email", "name", "uid")
"""What can have a name of its own."""

STYLE_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "authentik": {
        part: f"X-authentik-{part}"
        for part in (
            "username",
            "groups",
            "entitlements",
            "email",
            "name",
            "uid",
            "jwt",
            "meta-jwks",
            "meta-outpost",
            "meta-provider",
            "meta-app",
            "meta-version",
        )
    },
    "remote": {"username": "Remote-User", "groups": "Remote-Groups", "email": "Remote-Email", "name": "Remote-Name"},
}
"""Style → part → header, in the order of an answer."""

_IDENTITY: Final = frozenset(name.lower() for names in STYLE_NAMES.values() for name in names.values())


def header_names(value: Any, style: str) -> dict[str, str]:
    """Part → header, for style ``own``. Raises `provider.header_names_invalid`, `header.*`."""
    field = "header_names"
    given = mapping(field, value)
    if given and style != "own":
        raise invalid(field, "they belong to header_style own; leave them out or choose that style.")
    unknown = sorted(given.keys() - set(PARTS))
    if unknown:
        raise invalid(field, f"{unknown[0]} is nothing that can be named; choose of {', '.join(PARTS)}.")
    return {part: header_name(text(field, given[part]), field) for part in PARTS if part in given}


def additional_headers(value: Any) -> tuple[str, ...]:
    """Names that the attribute ``additionalHeaders`` of a person and their groups may fill.

    Who may write attributes is not always who may say who somebody is, so these are never a style's identity headers.
    """
    field = "additional_headers"
    names = tuple(header_name(entry, field) for entry in texts(field, value))
    for name in names:
        if name.lower() in _IDENTITY or name.lower().startswith("x-authentik-"):
            raise InvalidInput(
                "header.name_reserved", f"{field}: {name} says who somebody is; an attribute may not.", field=field
            )
    return names


def group_filter(value: Any) -> str:
    """A pattern for whole names of groups; nothing names all of them."""
    field = "group_filter"
    expression = text(field, value or "")
    if expression:
        compile_pattern(expression, field)
    return expression


def check_distinct(style: str, names: Mapping[str, str], additional: Iterable[str], mapped: Iterable[str]) -> None:
    """Refuses two headers of the same name in any letter case: an application would read one of them, or both.

    Raises `provider.header_names_invalid`, `provider.additional_headers_invalid`, `provider.property_mappings_invalid`.
    """
    taken: set[str] = set()
    for field, group in (
        ("header_names", (names if style == "own" else STYLE_NAMES[style]).values()),
        ("additional_headers", additional),
        ("property_mappings", mapped),
    ):
        for name in group:
            if name.lower() in taken:
                raise invalid(field, f"{name} is the name of another header of this application; choose another.")
            taken.add(name.lower())
