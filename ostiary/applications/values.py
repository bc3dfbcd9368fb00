"""Values of a provider's fields, as API clients and commands send them: each of one type, or refused by name."""

from collections.abc import Mapping
from typing import Any

from ostiary.kit.errors import InvalidInput

_LONGEST_TEXT = 2_000
_MOST_ENTRIES = 100


def text(field: str, value: Any) -> str:
    """A text without space around it."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise invalid(field, "a text of at most 2,000 characters is needed.")
    return value.strip()


def boolean(field: str, value: Any) -> bool:
    """Exactly true or false."""
    if not isinstance(value, bool):
        raise invalid(field, "it is true or false.")
    return value


def one_of(field: str, value: Any, words: tuple[str, ...]) -> str:
    """One of these words."""
    if value not in words:
        raise invalid(field, f"it is one of {', '.join(words)}.")
    return str(value)


def texts(field: str, value: Any) -> list[str]:
    """A list of texts; null is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list | tuple) or len(value) > _MOST_ENTRIES:
        raise invalid(field, f"a list of at most {_MOST_ENTRIES} texts is needed.")
    return [text(field, entry) for entry in value]


def mapping(field: str, value: Any) -> Mapping[str, Any]:
    """An object with names; null is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise invalid(field, "an object is needed, such as {}.")
    return value


def invalid(field: str, fault: str) -> InvalidInput:
    """`provider.<field>_invalid`."""
    return InvalidInput(f"provider.{field}_invalid", f"{field}: {fault}", field=field)
